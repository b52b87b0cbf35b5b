"""What the tab Make does, without Gradio: requests, files, restored files, variants, words, uploads, videos."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from musika import audio
from musika.config import ComposedSettings, GeneratorSettings
from musika.config.video import VideoSettings
from musika.errors import AudioError, MusikaError, UsageError
from musika.render.recipe import RecipeError, read_recipe
from musika.score import read_score
from musika.serve.page import pieces, prompts, settings_fields, uploads, variants, videos
from musika.serve.page.context import PageContext, PageLimits
from musika.serve.page.pieces import PieceRequest
from musika.serve.page.work import Stopped
from tests.helpers.pages import make_context, write_page_checkpoints
from tests.helpers.scores import make_score

LIMITS = PageLimits(upload_bytes=1 << 20, upload_seconds=5.0, seconds=20.0, pieces=4)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> PageContext:
    folder = tmp_path_factory.mktemp("page")
    return make_context(write_page_checkpoints(folder), folder / "files", LIMITS)


@pytest.fixture
def context(loaded: PageContext) -> Iterator[PageContext]:
    """The same models, and no files."""
    yield loaded
    for path in loaded.files.folder.iterdir():
        path.unlink()


def ignore(share: float | None) -> None:
    pass


def make(context: PageContext, request: PieceRequest, report: Any = ignore) -> pieces.MadePiece:
    return pieces.make_piece(context, request, report)


def test_a_piece_is_a_file_with_a_recipe_a_picture_and_progress(context: PageContext) -> None:
    shares: list[float] = []
    request = PieceRequest("open", 7, 2.5, 1.0, {"truncation": 1.5})
    made = make(context, request, lambda share: None if share is None else shares.append(share))
    samples, rate = soundfile.read(made.path, dtype="float32")
    expected = context.library.get_model("open").piece(7, truncation=1.5).render(1.0, 2.5)
    assert (rate, len(samples)) == (44_100, 110_250)
    np.testing.assert_allclose(samples, expected, atol=2.5 / 32768)
    assert shares[0] == 0 and shares[-1] == pytest.approx(1) and shares == sorted(shares)
    assert made.picture.dtype == np.uint8 and made.picture.shape[2] == 3 and not made.has_notes
    recipe = read_recipe(made.path)
    assert (recipe.seed, recipe.first, recipe.samples) == (7, 44_100, 110_250)
    assert pieces.describe_piece(request) == "open · seed 7 · 2.5 s · from 1 s · truncation 1.5"


@pytest.mark.parametrize("kind", pieces.FORMATS)
def test_a_download_restores_the_piece_and_renders_the_same_again(context: PageContext, kind: str) -> None:
    request = PieceRequest("open", 7, 1.5, 0.0, {"style_seed": 4}, fade_out=0.5)
    path = pieces.save_piece(context, request, kind, ignore)
    assert pieces.find_request(context, path) == (request, "")
    first = path.read_bytes()
    path.unlink()
    again = pieces.save_piece(context, pieces.find_request(context, make(context, request).path)[0], kind, ignore)
    assert again == path and again.read_bytes() == first


def test_notes_can_be_had_where_there_are_some(context: PageContext) -> None:
    request = PieceRequest("piano", 3, 4.0, 0.0, {"tempo": "90"})
    assert make(context, request).has_notes
    notes = read_score(pieces.save_piece(context, request, "mid", ignore)).notes
    expected = context.library.get_model("piano").piece(3, tempo="90").score(0, 4).notes
    assert notes.pitches.tolist() == expected.pitches.tolist()
    with pytest.raises(UsageError, match="without notes"):
        pieces.save_piece(context, PieceRequest("open", 3), "mid", ignore)
    with pytest.raises(UsageError, match="choose wav, flac"):
        pieces.save_piece(context, request, "../x", ignore)


def test_a_melody_and_notes_come_back_with_the_file(context: PageContext, tmp_path: Path) -> None:
    make_score(bars=2).save(tmp_path / "tune.mid")
    melody, own, line = prompts.understand_melody(tmp_path / "tune.mid", 5.0)
    assert line.startswith("melody: ") and "tempo" in own
    request = PieceRequest("piano", 1, 2.0, 0.0, {"tempo": own["tempo"]}, inputs=(melody,))
    found, _ = pieces.find_request(context, make(context, request).path)
    assert found == request and "melody" in pieces.describe_inputs(found.inputs)
    assert pieces.unpack_inputs(pieces.pack_inputs(found.inputs)) == found.inputs
    played = context.library.get_model("piano").play(make_score(bars=1), 2)
    played.save(tmp_path / "played.flac", 1.0)
    found, _ = pieces.find_request(context, tmp_path / "played.flac")
    assert pieces.describe_inputs(found.inputs) == "with the notes of that file"
    assert make(context, found).path.is_file()
    with pytest.raises(UsageError, match="nothing is left"):
        pieces.build_piece(context, dataclasses.replace(found, start=100.0))


def test_a_loop_comes_back_as_a_loop(context: PageContext) -> None:
    request = PieceRequest("open", 7, 5.0, 2.0)
    looped = pieces.set_loop(request, pieces.build_piece(context, request), LIMITS)
    assert looped.loop and looped.start == 0 and looped.seconds != 5.0
    found, _ = pieces.find_request(context, make(context, looped).path)
    assert found.loop == looped.loop and found.seconds == pytest.approx(looped.seconds)
    with pytest.raises(UsageError, match="nearest loop"):
        pieces.set_loop(request, pieces.build_piece(context, request), dataclasses.replace(LIMITS, seconds=1.0))


def test_a_file_that_is_longer_than_allowed_is_shortened_with_a_remark(context: PageContext, tmp_path: Path) -> None:
    context.library.get_model("open").piece(7).save(tmp_path / "a.flac", 21.0)
    request, remark = pieces.find_request(context, tmp_path / "a.flac")
    assert request.seconds == 20.0 and "at most 20 s" in remark


def test_files_that_restore_nothing_are_one_line(context: PageContext, tmp_path: Path) -> None:
    audio.write(tmp_path / "other.wav", np.zeros((100, 2), np.float32), 44_100)
    with pytest.raises(RecipeError, match="no recipe"):
        pieces.find_request(context, tmp_path / "other.wav")
    path = make(context, PieceRequest("open", 1, 0.5)).path
    missing = dataclasses.replace(context, checkpoints={"piano": context.checkpoints["piano"]})
    with pytest.raises(RecipeError, match=r"checkpoint open .* is not here"):
        pieces.find_request(missing, path)


def test_work_that_is_stopped_leaves_no_file(context: PageContext) -> None:
    def stop(share: float | None) -> None:
        if share:
            raise Stopped

    with pytest.raises(Stopped):
        pieces.make_piece(context, PieceRequest("open", 1, 15.0), stop)
    assert list(context.files.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"seconds": 0}, "length"),
        ({"seconds": 1e9}, "from 0.1 to 20"),
        ({"seconds": "3"}, "length"),
        ({"seconds": True}, "length"),
        ({"start": -1}, "start"),
        ({"start": 1e12}, "start"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": None}, "seed"),
        ({"fade_in": -1}, "fade-in"),
        ({"loudness": 3}, "loudness"),
        ({"loop": "x"}, "loop"),
        ({"settings": []}, "no piece"),
        ({"checkpoint": 3}, "no piece"),
        ({"other": 3}, "no piece"),
        ({"inputs": 3}, "no piece"),
    ],
)
def test_requests_from_a_browser_are_checked(values: dict[str, Any], part: str) -> None:
    text = json.dumps({**json.loads(PieceRequest("open", 7, 2.0).to_json()), **values})
    with pytest.raises(UsageError, match=part):
        PieceRequest.from_json(text, LIMITS)


@pytest.mark.parametrize("text", [None, "", "x", "[]", "3", '{"seed": 1}', "[" * 100_000, '{"seed": NaN}'])
def test_what_is_no_request_is_one_line(text: Any) -> None:
    with pytest.raises(UsageError, match="make one first"):
        PieceRequest.from_json(text, LIMITS)


@pytest.mark.parametrize("settings", [{"nothing": 1}, {"truncation": 99}, {"truncation": "x"}, {"styles": "soon"}])
def test_settings_that_mean_nothing_are_one_line(context: PageContext, settings: dict[str, Any]) -> None:
    with pytest.raises(MusikaError) as caught:
        pieces.build_piece(context, PieceRequest("open", 1, settings=settings))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inputs", ["x", "3", "[3]", "{}" * 2])
def test_inputs_from_a_browser_are_checked(inputs: str) -> None:
    with pytest.raises(UsageError, match="damaged"):
        pieces.unpack_inputs(inputs)


def test_damaged_notes_are_one_line(context: PageContext) -> None:
    for entry in ({"kind": "score", "packed": "x"}, {"kind": "melody", "notes": [[1]]}, {"kind": "other"}, {}):
        with pytest.raises(MusikaError) as caught:
            pieces.build_piece(context, PieceRequest("piano", 1, inputs=(entry, *([entry] if not entry else []))))
        assert "\n" not in str(caught.value)


def test_forms_give_settings_of_the_right_type() -> None:
    values = {"truncation": 2, "style_seed": 12.0, "variation": 1.0, "styles": "", "tempo": "90", "style": 3.0}
    assert settings_fields.read_settings(values, GeneratorSettings) == {"style_seed": 12}
    assert settings_fields.read_settings(values, ComposedSettings) == {"tempo": "90", "style": 3, "style_seed": 12}
    for wrong in ({"truncation": "x"}, {"truncation": 99.0}, {"style_seed": 1.5}, {"styles": 3}, {"variation": True}):
        with pytest.raises(UsageError, match="must be"):
            settings_fields.read_settings(wrong, GeneratorSettings)
    named = settings_fields.list_settings("generator", "composed")
    assert list(named)[:2] == ["truncation", "variation"] and named["tempo"] is ComposedSettings


def test_a_longer_piece_begins_like_the_shorter_one(context: PageContext) -> None:
    request = PieceRequest("open", 7, 2.0)
    longer, line = variants.make_longer(request, LIMITS)
    assert longer.seconds == 4.0 and "4 s" in line
    short, long = (soundfile.read(make(context, each).path)[0] for each in (request, longer))
    np.testing.assert_array_equal(long[: len(short)], short)
    most, line = variants.make_longer(dataclasses.replace(request, seconds=15.0), LIMITS)
    assert most.seconds == 20.0 and "the most" in line
    for refused in (most, dataclasses.replace(request, loop=64)):
        with pytest.raises(UsageError):
            variants.make_longer(refused, LIMITS)


def test_a_similar_piece_keeps_the_style_of_a_generator(context: PageContext) -> None:
    request = PieceRequest("open", 7, 2.0, 0.0, {"truncation": 1.5})
    similar, line = variants.make_similar(context, request, 9)
    assert (similar.seed, similar.settings) == (9, {"truncation": 1.5, "style_seed": 7}) and "style seed 7" in line
    again, _ = variants.make_similar(context, similar, 11)
    assert again.settings["style_seed"] == 7
    timeline = dataclasses.replace(request, settings={"styles": "0:00=1, 1:00=2"})
    assert variants.make_similar(context, timeline, 9)[0].settings == timeline.settings


def test_a_similar_composed_piece_keeps_sound_key_tempo_and_metre(context: PageContext) -> None:
    request = PieceRequest("piano", 7, 2.0)
    similar, _ = variants.make_similar(context, request, 9)
    frames = [variants.find_frame(pieces.build_piece(context, each)) for each in (request, similar)]
    assert (frames[0].tonic, frames[0].mode, frames[0].metre) == (frames[1].tonic, frames[1].mode, frames[1].metre)
    assert frames[1].tempo == pytest.approx(frames[0].tempo, rel=0.05)
    assert similar.settings["style_seed"] == 7
    given = dataclasses.replace(request, settings={"chords": "Am F C G", "tempo": "100"})
    kept = variants.make_similar(context, given, 9)[0].settings
    assert kept["tempo"] == "100" and "key" not in kept


def test_between_two_pieces_the_style_moves(context: PageContext) -> None:
    first, second = PieceRequest("open", 7, 4.0), PieceRequest("open", 9, 2.0, 0.0, {"style_seed": 5})
    between, line = variants.make_between(context, first, second)
    assert between == dataclasses.replace(first, settings={"styles": "0:00=7, 0:04=5"}) and "style 7 to style 5" in line
    piece = pieces.build_piece(context, between)
    assert variants.find_styles(piece) == (7, 5)
    back, _ = variants.make_between(context, between, PieceRequest("open", 9))
    assert back.settings == {"styles": "0:00=7, 0:04=9"}


def test_between_two_composed_pieces_tempo_and_key_move(context: PageContext) -> None:
    first = PieceRequest("piano", 7, 8.0, 0.0, {"tempo": "80", "key": "C major"})
    second = PieceRequest("piano", 9, 8.0, 0.0, {"tempo": "120", "key": "A minor"})
    between, line = variants.make_between(context, first, second)
    assert between.settings["tempo"] == "0:00=80, 0:08=120"
    assert between.settings["key"] == "0:00=C major, 0:04=A minor"
    assert "tempo 80 to 120" in line and "stay" in line
    pieces.build_piece(context, between)


def test_where_nothing_moves_one_line_says_so(context: PageContext) -> None:
    first = PieceRequest("open", 7)
    played = PieceRequest("piano", 1, inputs=({"kind": "melody", "notes": [[0, 12, 60, 4]]},))
    for pair, part in (
        ((first, first), "same style"),
        ((first, PieceRequest("piano", 7)), "one checkpoint"),
        ((first, dataclasses.replace(first, loop=64)), "loop"),
        ((PieceRequest("piano", 7), PieceRequest("piano", 7)), "same tempo"),
    ):
        with pytest.raises(UsageError, match=part):
            variants.make_between(context, *pair)
    assert variants.make_between(context, played, PieceRequest("piano", 8, settings={"tempo": "150"}))[1]


def test_words_are_settings_and_lines() -> None:
    settings, lines = prompts.understand_words("slow sad piano in A minor, xyzzy")
    assert settings["key"] == "A minor" and "tempo" in settings
    assert lines[0].startswith("prompt: ") and any("xyzzy" in line for line in lines[1:])
    for empty in ("", "  ", None, 3):
        with pytest.raises(UsageError, match="there are no words"):
            prompts.understand_words(empty)
    assert prompts.merge_settings({"key": "C major", "tempo": ""}, {"key": "A minor", "tempo": "90"}) == {
        "key": "C major",
        "tempo": "90",
    }
    with pytest.raises(UsageError, match="tempo"):
        prompts.merge_settings({"tempo": "fast"}, {})


def test_a_recording_that_is_too_long_is_no_melody(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.flac", np.zeros((8000 * 6, 2), np.float32), 8000)
    with pytest.raises(UsageError, match="longer than 5 seconds"):
        prompts.understand_melody(tmp_path / "a.flac", 5.0)


@pytest.fixture
def upload_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    folder = tmp_path / "gradio" / "0123"
    folder.mkdir(parents=True)
    return folder


def test_an_upload_is_gone_afterwards(upload_folder: Path) -> None:
    for payload in ({"path": str(upload_folder / "a.wav")}, [{"path": str(upload_folder / "a.wav")}]):
        upload_folder.mkdir(exist_ok=True)
        (upload_folder / "a.wav").write_bytes(b"1234")
        with pytest.raises(ZeroDivisionError), uploads.open_upload(payload, 10) as path:
            assert path.read_bytes() == b"1234"
            _ = 1 / 0
        assert not upload_folder.exists()


def test_an_upload_that_is_kept_stays_unless_it_is_no_use(upload_folder: Path) -> None:
    payload = {"path": str(upload_folder / "a.png")}
    (upload_folder / "a.png").write_bytes(b"1234")
    for _ in range(2):
        with uploads.open_upload(payload, 10, keep=True) as path:
            assert path.read_bytes() == b"1234"
    with pytest.raises(UsageError, match=r"^a\.png is no picture"), uploads.open_upload(payload, 10, keep=True) as path:
        raise AudioError(f"{path} is no picture")
    assert not upload_folder.exists()


@pytest.mark.parametrize("content", [b"", b"x" * 11])
def test_an_upload_of_a_wrong_size_is_refused_and_gone(upload_folder: Path, content: bytes) -> None:
    (upload_folder / "a.wav").write_bytes(content)
    with (
        pytest.raises(UsageError, match=r"a\.wav"),
        uploads.open_upload({"path": str(upload_folder / "a.wav")}, 10),
    ):
        pass
    assert not upload_folder.exists()


def test_paths_and_links_of_others_are_not_opened(upload_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    os.symlink(tmp_path / "secret", upload_folder / "link")
    named = [str(tmp_path / "secret"), str(upload_folder / ".." / ".." / "secret"), str(upload_folder / "link")]
    named += ["http://127.0.0.1/a.wav", "file:///etc/passwd", "\0", "", str(upload_folder), "gradio"]
    for name in named:
        for payload in ({"path": name}, name, [{"path": name}], [{"path": name}] * 2, {"url": name}, {"path": [name]}):
            with pytest.raises(UsageError, match=r"no file|choose"), uploads.open_upload(payload, 10):
                pass
    assert (tmp_path / "secret").read_text() == "x"


def test_the_length_of_a_recording_is_bounded(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.flac", np.zeros((8000 * 3, 2), np.float32), 8000)
    assert uploads.check_length(tmp_path / "a.flac", 4.0) == 3.0
    with pytest.raises(UsageError, match=r"a\.flac is longer than 2 seconds"):
        uploads.check_length(tmp_path / "a.flac", 2.0)
    (tmp_path / "b.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"b\.wav"):
        uploads.check_length(tmp_path / "b.wav", 2.0)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_video_of_a_piece_restores_it(context: PageContext) -> None:
    shares: list[float] = []
    request = PieceRequest("open", 7, 1.0, 0.0, {"truncation": 1.5})
    path, remarks = videos.make_video(context, request, VideoSettings("A song"), None, shares.append)
    assert path.suffix == ".mp4" and remarks == [] and shares[-1] == pytest.approx(1.0) and shares == sorted(shares)
    assert pieces.find_request(context, path) == (request, "")
