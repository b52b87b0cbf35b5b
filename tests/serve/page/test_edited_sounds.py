"""Lists of edits of recordings that were sent: names, results, undo, limits, and whatever a browser may send."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika.config import Blend, Continue, Fill, Vary
from musika.edit import AppliedEdit, Recording
from musika.errors import MusikaError, UsageError
from musika.serve.page import edit_requests as requests
from musika.serve.page.edited_sounds import EditedSounds, Step, describe_step, describe_untouched
from musika.serve.page.sound_store import SoundStore, read_upload
from musika.serve.page.work import Report, Stopped, Work
from tests.helpers.editors import StandInEditor, make_generator_model

RATE = 1000  # Hz, of the stand-in's codec
LENGTH = 6_000


class NamedEditor(StandInEditor):
    """An editor as models are: it says what it was loaded from."""

    origin = None


def make_waveform(seed: int = 0, length: int = LENGTH) -> np.ndarray:
    time, draw = np.arange(length) / RATE, np.random.default_rng(seed)
    tone = 0.4 * np.sin(2 * np.pi * 41 * time)[:, None] * np.array([1.0, 0.6])
    samples = tone + 0.01 * draw.normal(size=(length, 2))
    return (np.rint(samples * 32768) / 32768).astype(np.float32)  # as a 16-bit file has it


@pytest.fixture
def sounds(tmp_path: Path) -> EditedSounds:
    editor = NamedEditor()
    names = {"edit": editor, "open": make_generator_model()}

    def get_model(name: str, report: Report):
        if name not in names:
            raise UsageError(f"there is no checkpoint {name!r}")
        return names[name]

    return EditedSounds(SoundStore(tmp_path / "sounds"), get_model, longest=20.0)


def ignore(share: float | None) -> None:
    pass


FILL = Step(Fill(seed=3, spans=((1.0, 2.0),)), "edit")
GO_ON = Step(Continue(seed=1, seconds=2.0), "edit")


def test_a_list_of_edits_sounds_like_the_edits_themselves(sounds: EditedSounds) -> None:
    recording = Recording(make_waveform(), RATE)
    base = sounds.store.add(recording)
    assert base == sounds.store.add(recording), "the same recording has the same name"
    name = sounds.render(base, [FILL, GO_ON], ignore)
    expected = recording.add(AppliedEdit(FILL.edit, StandInEditor())).add(AppliedEdit(GO_ON.edit, StandInEditor()))
    np.testing.assert_array_equal(sounds.store.get(name).waveform, expected.render())
    # undoing the first edit leaves the second
    rest = sounds.render(base, [GO_ON], ignore)
    expected = recording.add(AppliedEdit(GO_ON.edit, StandInEditor()))
    np.testing.assert_array_equal(sounds.store.get(rest).waveform, expected.render())
    shown = sounds.describe(base, [FILL, GO_ON], name)
    assert shown["untouched"] == "Untouched, sample for sample: 0.00-1.00 s, 2.00-6.00 s (83.3 % of the recording)."
    assert shown["seconds"] == 8.0 and [step["text"] for step in shown["steps"]] == [
        "fill 1-2, seed 3",
        "continue seconds 2, seed 1",
    ]


def test_what_was_rendered_is_not_rendered_again(sounds: EditedSounds) -> None:
    base = sounds.store.add(Recording(make_waveform(), RATE))
    name = sounds.render(base, [FILL], ignore)
    asked: list[float | None] = []
    assert sounds.render(base, [FILL], asked.append) == name and asked == [0.0]
    assert sounds.render(base, [], ignore) == base


def test_a_result_is_saved_with_the_bits_of_the_recording(sounds: EditedSounds, tmp_path: Path) -> None:
    waveform = make_waveform()
    edited = requests.EditList(sounds.store.add(Recording(waveform, RATE)), "my song", (FILL,))
    path = requests.save_list(sounds, edited, "wav", tmp_path, ignore)
    assert path.name.startswith("my song-fill-") and soundfile.info(path).subtype == "PCM_16"
    saved = soundfile.read(path, dtype="float32")[0]
    outside = np.r_[0:1000, 2000:LENGTH]
    np.testing.assert_array_equal(saved[outside], waveform[outside])
    with pytest.raises(UsageError, match="choose a format"):
        requests.save_list(sounds, edited, "exe", tmp_path, ignore)


def test_results_are_one_for_each_seed_and_blends_need_two(sounds: EditedSounds) -> None:
    edited = requests.EditList(sounds.store.add(Recording(make_waveform(), RATE)), "a", ())
    values = {"strength": 0.5, "ratio": 0.25, "over": None, "seconds": 1.0}
    edits = requests.make_edits("fill", values, "1-2", 4, 2, 8)
    results = requests.make_results(sounds, edited, edits, "edit", None, ignore)
    assert [edit.seed for edit in edits] == [4, 5] and len({result["name"] for result in results}) == 2
    blends = requests.make_edits("blend", values, "", 0, 1, 8)
    with pytest.raises(UsageError, match="second recording"):
        requests.make_results(sounds, edited, blends, "edit", None, ignore)
    other = {"base": sounds.store.add(Recording(make_waveform(1, 4_000), RATE))}
    (blended,) = requests.make_results(sounds, edited, blends, "edit", other, ignore)
    assert blended["seconds"] == 4.0 and blended["text"] == "blend ratio 0.25, seed 0"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "drop a recording first"),
        ({"base": ""}, "drop a recording first"),
        ({"base": 3}, "damaged"),
        ({"base": "../../etc/passwd", "steps": []}, "no longer here"),
        ({"base": "0" * 32, "steps": []}, "no longer here"),
        ({"base": "*", "steps": []}, "no longer here"),
        ({"base": "0" * 32, "steps": {}}, "damaged"),
        ({"base": "0" * 32, "steps": [3]}, "damaged"),
        ({"base": "0" * 32, "steps": [{"edit": {"edit": "cut"}, "checkpoint": "edit", "other": ""}]}, "no edit 'cut'"),
        (
            {"base": "0" * 32, "steps": [{"edit": {"edit": "vary", "strength": 9}, "checkpoint": "", "other": ""}]},
            "most",
        ),
        ({"base": "0" * 32, "steps": [{}] * 41}, "damaged"),
    ],
)
def test_lists_of_edits_from_anybody_are_checked(sounds: EditedSounds, values: object, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        requests.render_list(sounds, requests.EditList.from_dict(values), ignore)
    assert "\n" not in str(caught.value)


def test_an_empty_box_is_not_set() -> None:
    values = {"seconds": 3, "before": "", "at": None, "notes": False, "over": " ", "ratio": 0}
    (edit,) = requests.make_edits("continue", values, "", 0, 1, 8)
    assert edit == Continue(seconds=3.0)
    (blend,) = requests.make_edits("blend", values, "", 0, 1, 8)
    assert blend == Blend(ratio=0.0)


@pytest.mark.parametrize(
    ("task", "values", "spans", "seed", "count", "message"),
    [
        ("cut", {}, "", 0, 1, "choose what to do"),
        ("fill", {}, "", 0, 1, "needs a gap"),
        ("fill", {}, "2-1", 0, 1, "is empty"),
        ("fill", {}, "2-3,1-2", 0, 1, "out of order"),
        ("fill", {}, None, 0, 1, "start-end"),
        ("fill", {}, "1-2", -1, 1, "the seed"),
        ("fill", {}, "1-2", 0.5, 1, "the seed"),
        ("fill", {}, "1-2", None, 1, "the seed"),
        ("fill", {}, "1-2", 0, 99, "from 1 to 8"),
        ("continue", {"seconds": "9"}, "", 0, 1, "not a number"),
        ("continue", {"seconds": -9}, "", 0, 1, "more than 0"),
        ("vary", {"strength": float("nan")}, "", 0, 1, "finite"),
        ("blend", {"ratio": 2.0}, "", 0, 1, "at most 1"),
    ],
)
def test_values_of_controls_are_checked(task, values, spans, seed, count, message) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        requests.make_edits(task, values, spans, seed, count, 8)
    assert "\n" not in str(caught.value)


def test_results_have_a_greatest_length_and_unknown_checkpoints_are_refused(sounds: EditedSounds) -> None:
    base = sounds.store.add(Recording(make_waveform(), RATE))
    for step, message in (
        (Step(Continue(seconds=15.0), "edit"), "longer than 20"),
        (Step(Continue(seconds=None), "edit"), "how many seconds"),
        (Step(Fill(spans=((1.0, 2.0),)), "nothing"), "no checkpoint"),
        (Step(Fill(spans=((5.0, 9.0),)), "edit"), "outside the sound"),
        (Step(Blend(), "edit", "f" * 32), "no longer here"),
    ):
        with pytest.raises(MusikaError, match=message):
            sounds.render(base, [step], ignore)
    assert len(list(sounds.store.folder.iterdir())) == 1, "nothing is left of what failed"


def test_a_generator_edits_a_short_part_of_a_long_recording(sounds: EditedSounds, monkeypatch) -> None:
    monkeypatch.setattr("musika.edit.coordinates.STEPS", 1)
    monkeypatch.setattr("musika.edit.with_generator.AROUND", 0.2)
    monkeypatch.setattr("musika.serve.page.edited_sounds.MAX_SEARCHED", 1.0)
    base, other = (sounds.store.add(Recording(make_waveform(seed), RATE)) for seed in range(2))
    for step, message in (
        (Step(Vary(), "open"), "at most 1 s at once, and these are 6 s: mark a shorter part"),
        (Step(Blend(over=2.0), "open", other), "choose a shorter time"),
        (Step(Blend(), "open", other), "at most 1 s at once"),
    ):
        with pytest.raises(UsageError, match=message):
            sounds.render(base, [step], ignore)
    varied = sounds.store.get(sounds.render(base, [Step(Vary(spans=((2.0, 2.5),)), "open")], ignore)).waveform
    changed = np.flatnonzero((varied != make_waveform()).any(axis=1))
    assert 2000 <= changed[0] <= changed[-1] < 2500
    assert sounds.store.get(sounds.render(base, [Step(Blend(over=0.5), "open", other)], ignore)).seconds == 11.5


def test_a_recording_keeps_the_name_of_its_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a1b2.wav", make_waveform(), 8000)
    store = SoundStore(tmp_path / "sounds", limit_bytes=LENGTH * 8 + 1000)
    name = store.add(read_upload(tmp_path / "a1b2.wav", "C:/music/my song.wav", 4.0))
    assert store.get(name).name == "my song.wav"
    store.write("0" * 32, 8000, (LENGTH, 2), [make_waveform(1)])
    assert not store.holds(name) and store.get("0" * 32).name == ""


def test_the_store_is_bounded(tmp_path: Path) -> None:
    store = SoundStore(tmp_path, limit_bytes=2 * LENGTH * 8 + 1000)
    names = []
    for seed in range(4):
        names.append(store.add(Recording(make_waveform(seed), RATE)))
        time.sleep(0.01)
    assert [store.holds(name) for name in names] == [False, False, True, True]


def test_recordings_that_are_too_long_are_refused_early(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", make_waveform(length=30_000), 8000)
    with pytest.raises(UsageError, match="longer than 2 seconds"):
        read_upload(tmp_path / "long.wav", "long.wav", 2.0)
    assert len(read_upload(tmp_path / "long.wav", "long.wav", 4.0).waveform) == 30_000
    (tmp_path / "bad.wav").write_bytes(b"RIFF0000WAVEnothing")
    with pytest.raises(MusikaError, match=r"^my take\.wav "):
        read_upload(tmp_path / "bad.wav", "my take.wav", 4.0)


def test_work_stops_when_nobody_waits() -> None:
    steps: list[int] = []

    def run(report) -> None:
        while True:
            steps.append(len(steps))
            report(0.5)
            time.sleep(0.01)

    work: Work[None] = Work(run)
    waiting = work.wait()
    while next(waiting) < 0.5:
        pass
    waiting.close()
    time.sleep(0.1)
    count = len(steps)
    time.sleep(0.1)
    assert len(steps) == count > 0
    done = Work(lambda report: 7)
    list(done.wait())
    assert done.result == 7
    with pytest.raises(Stopped):
        list(Work(fail).wait())


def fail(report) -> None:
    raise Stopped


def test_descriptions() -> None:
    assert describe_untouched([], 5.0) == "Every part of the recording was made anew."
    assert describe_untouched([(0.0, 5.0)], 5.0) == "The whole recording is untouched, sample for sample."
    many = [(float(n), n + 0.5) for n in range(9)]
    assert "and 3 more stretches (50.0 % of" in describe_untouched(many, 9.0)
    step = Step(Blend(over=2.0, seed=5), "edit", "0" * 32)
    assert describe_step(step) == "blend over 2, seed 5" and Step.from_dict(step.to_dict()) == step
    assert dataclasses.replace(step, other="") != step
