"""Captions of training music: facts that are known, and files that are read back."""

from __future__ import annotations

import numpy as np
import pytest

from musika.composer.works import make_work
from musika.score import Notes, Score, make_constant_tempo
from musika.words.captions import parse_captions, read_captions
from tools.data.caption_facts import Source, Sources, describe_excerpt, measure_articulation
from tools.data.write_captions import describe_latents, join_pieces, word_captions, write


def make_scale(tempo: float, seconds_per_note: float, transposed: int = 0) -> Score:
    """Forty bars of the scale of C major in quarters, at a velocity of 64."""
    count = 160
    onsets = seconds_per_note * np.arange(count)
    pitches = np.array([60, 62, 64, 65, 67, 69, 71, 72])[np.arange(count) % 8] + transposed
    notes = Notes(onsets, onsets + seconds_per_note, pitches, np.full(count, 64), np.zeros(count), np.zeros(count))
    return Score(notes, tempo=make_constant_tempo(tempo))


def test_facts_of_an_excerpt_in_another_key_and_tempo() -> None:
    written, played = make_scale(120, 0.5), make_scale(120, 0.625, transposed=2)
    excerpt = describe_excerpt(Source(make_work("scale", written), written, 2), played, 0.5)
    assert excerpt is not None and 25 < excerpt.stop - excerpt.start < 35
    facts = excerpt.facts
    assert facts["tempo"] == 96 and facts["key"] == "D major" and facts["instruments"] == ["piano"]
    assert facts["dynamics"] == pytest.approx(64 / 127, abs=0.01) and facts["register"] == pytest.approx(68.3, abs=0.5)
    assert facts["metre"] == "4/4" and facts["articulation"] == 1.0


def test_articulation_is_relative_to_the_next_onset() -> None:
    assert measure_articulation(np.array([0, 12, 24, 36]), np.array([6, 6, 6, 6])) == 0.5
    assert measure_articulation(np.array([0, 0]), np.array([6, 6])) == 1.0


def test_sources_are_found_by_the_names_of_versions(tmp_path) -> None:
    make_scale(120, 0.5).save(tmp_path / "a_scale.mid")
    source = Sources(tmp_path).find("a_scale_2-3")
    assert source is not None and source.semitones == -3
    assert Sources(tmp_path).find("other_0+0") is None


def test_facts_that_a_style_does_not_keep_are_left_out() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for style in range(30):
        for _ in range(2):
            facts = {"brightness": style / 30, "density": rng.uniform(), "dynamics": None, "key": "", "style": style}
            rows.append((facts, rng.normal(size=(5, 4))))
        rows[-1][0]["dynamics"] = rows[-2][0]["dynamics"] = 0.5 + style / 90
    joined = join_pieces(rows)
    assert len(joined) == 30 and len(joined[0][1]) == 10
    assert set(joined[3][0]) == {"style", "brightness", "dynamics"}


def test_a_written_file_is_read_back(tmp_path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        ({"tempo": 60 + 5 * n, "key": "A minor", "brightness": n / 9, "style": 1 + n % 2}, rng.normal(size=(9, 6)))
        for n in range(12)
    ]
    path = write(tmp_path, "style", rows)
    captions = read_captions(tmp_path)
    assert captions is not None and captions.setting == "style" and captions.styles.tolist() == [1, 2] * 6
    assert captions.texts[0].startswith("in A minor, ")
    assert path.read_text() == write(tmp_path, "style", rows).read_text()
    for number in (0, 5):
        place = captions.basis @ (np.append(rows[number][1].mean(0), rows[number][1].std(0)) - captions.mean)
        assert np.argmin(np.linalg.norm(captions.places - place, axis=1)) == number
    content = {"format": 1, "setting": "style", "captions": word_captions([facts for facts, _ in rows])}
    assert len(parse_captions(content).basis) == 0
    assert describe_latents([part for _, part in rows])["mean"]
