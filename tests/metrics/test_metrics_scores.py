"""Figures of written music: known answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from musika.__main__ import main
from musika.composer.works import Work
from musika.metrics.composer import compose_work, measure_composer
from musika.metrics.scores.copied_runs import RunFinder
from musika.metrics.scores.features import NAMES, describe_sections, measure_groove, measure_polyphony
from musika.metrics.scores.overlap import compare_numbers
from musika.metrics.scores.themes import average_themes, compare_themes
from tests.helpers.composers import make_tiny_composer, write_composer
from tests.helpers.scores import make_small_work, write_midi_folder


def make_work(onsets: list[int], pitches: list[int], bars: int = 8, tempo: float = 96.0) -> Work:
    count = len(onsets)
    return Work(
        "work",
        np.array(onsets),
        np.full(count, 12),
        np.array(pitches),
        np.full(count, 64),
        np.arange(bars + 1) * 48,
        np.full(bars, 2),
        np.full(bars, tempo),
    )


def test_features_of_a_scale_in_quarters():
    onsets = [12 * k for k in range(32)]
    (row,) = describe_sections(make_work(onsets, [60 + (k % 4) for k in range(32)]))
    values = dict(zip(NAMES, row.tolist(), strict=True))
    assert values["pitch_class_entropy"] == pytest.approx(2.0)
    assert values["groove_similarity"] == 1.0
    assert values["density"] == pytest.approx(1.0)
    assert values["inter_onset_interval"] == pytest.approx(1.0)
    assert values["polyphony"] == pytest.approx(1.0)
    assert describe_sections(make_work([0], [60])).shape == (0, 5)


def test_groove_and_polyphony():
    bars = np.array([0, 48, 96])
    assert measure_groove(np.array([0, 24, 48, 60]), bars) == pytest.approx(14 / 16)
    assert measure_polyphony(np.array([0, 0, 12]), np.array([24, 12, 12])) == pytest.approx(2.0)
    assert measure_polyphony(np.array([0, 100]), np.array([10, 10])) == pytest.approx(1.0)


def test_overlap_is_high_for_the_same_distribution_and_low_for_another():
    random = np.random.default_rng(0)
    reference, same, far = random.normal(0, 1, 300), random.normal(0, 1, 200), random.normal(8, 1, 200)
    alike, apart = compare_numbers(same, reference), compare_numbers(far, reference)
    assert alike.area > 0.93 and alike.divergence < 0.05
    assert apart.area < 0.1 and apart.divergence > 1
    assert compare_numbers(np.full(9, 1.0), np.full(9, 1.0)).area != compare_numbers(same, reference).area
    assert np.isnan(compare_numbers(np.zeros(1), reference).area)


def test_a_copy_is_found_in_another_key_and_a_changed_note_ends_it():
    random = np.random.default_rng(1)
    pitches = random.integers(50, 80, 60)
    onsets = np.cumsum(random.integers(1, 5, 60)) * 6
    source = make_work(onsets.tolist(), pitches.tolist(), bars=40)
    finder = RunFinder([source])
    copied = pitches[20:40] + 5
    longest = finder.find_longest(onsets[20:40] - onsets[20], copied)
    assert longest.tolist() == list(range(20, 0, -1))
    broken = copied.copy()
    broken[10] += 1
    assert finder.find_longest(onsets[20:40], broken).max() == 10
    assert finder.find_longest(onsets[20:40] * 2, copied).max() < 5


def test_runs_are_counted_for_each_minute():
    onsets = [12 * k for k in range(384)]  # at 96 quarter notes a minute: four minutes
    random = np.random.default_rng(2)
    own = random.integers(40, 90, 384)
    source = make_work(onsets[:50], own[100:150].tolist(), bars=13)
    runs = RunFinder([source]).measure_runs(make_work(onsets, own.tolist(), bars=96))
    assert len(runs) == 4 and runs[1] == 50 and max(runs[0], runs[2], runs[3]) < 6


def test_sections_that_repeat_are_more_alike():
    random = np.random.default_rng(3)
    one, other = random.integers(40, 90, 32).tolist(), random.integers(40, 90, 32).tolist()
    onsets = [12 * k for k in range(32 * 4)]
    work = make_work(onsets, one + other + one + other, bars=32)
    told = compare_themes(work, [0, 1, 0, 1])
    assert told.same == pytest.approx(1.0) and told.different < 0.4
    assert compare_themes(work).contrast == pytest.approx(told.contrast)
    assert average_themes([told, compare_themes(make_work([0, 12], [60, 62]))]).same == pytest.approx(1.0)


def test_a_composers_figures():
    composer = make_tiny_composer()
    work, themes, bars = compose_work(composer, 1, sections=3)
    assert work.bar_count == 3 * bars and len(themes) == 3 and (np.diff(work.onsets) >= 0).all()
    training = [make_small_work(f"a{n}", bars=24, seed=n) for n in range(3)]
    done: list[float] = []
    figures = measure_composer(composer, [make_small_work("b", bars=24, seed=9)], training, 1.0, advance=done.append)
    assert figures["minutes"] == pytest.approx(sum(done)) and figures["minutes"] >= 1
    assert set(figures["features"]) == set(NAMES)
    assert figures["copied_run_generated"] >= 1 and figures["copied_run_held_out"] >= 2
    assert np.isfinite(figures["theme_contrast"])


def test_the_command_prints_and_writes_them(tmp_path, capsys):
    from musika import checkpoint
    from musika.composer.load import describe_composer
    from tests.helpers.composers import TINY, make_weights

    midi = write_midi_folder(tmp_path / "midi", works=3, bars=24)
    folder = tmp_path / "composer"
    described = describe_composer(TINY, trained={"names": ["work-a", "work-b"]})
    checkpoint.write(folder, described, {"weights": make_weights()})
    words = ["--composer", str(folder), "--midi_path", str(midi), "--save_path", str(tmp_path / "figures")]
    assert main("evaluate", [*words, "--minutes", "0.5"]) == 0
    assert "groove_similarity" in capsys.readouterr().out
    figures = json.loads((tmp_path / "figures" / "composer.json").read_text())
    assert figures["copied_run_held_out"] >= 1
    assert main("evaluate", [*words, "--reference", str(midi)]) == 2
    assert "does not go with --composer" in capsys.readouterr().err
    other = write_composer(tmp_path / "other")
    assert main("evaluate", ["--composer", str(other), "--midi_path", str(midi)]) == 2
    assert "none of the works" in capsys.readouterr().err
