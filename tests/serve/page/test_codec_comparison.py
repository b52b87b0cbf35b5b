"""Hearing a codec: which are found, what is measured and said, and when the work stops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika.cli.evaluate_codec import COLUMNS
from musika.errors import AudioError, MusikaError, UsageError
from musika.metrics.pair.meanings import MEANINGS
from musika.serve.page.codec_comparison import (
    CodecLibrary,
    compare_codec,
    describe_figures,
    find_codecs,
    match_loudness,
)
from tests.helpers import tiny

RATE = 44_100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints and recordings."""
    folder = tmp_path_factory.mktemp("codecs")
    tiny.write_checkpoints(folder / "checkpoints")
    (folder / "checkpoints" / "broken").mkdir()
    (folder / "checkpoints" / "broken" / "config.json").write_text("{")
    draw = np.random.default_rng(1)
    soundfile.write(folder / "noise.wav", 0.1 * draw.normal(size=(2 * RATE, 2)), RATE)
    soundfile.write(folder / "short.wav", np.zeros((100, 2)), RATE)
    return folder


def test_codecs_that_are_there_are_found(folder: Path) -> None:
    codecs = find_codecs(places=[folder / "checkpoints", folder / "nowhere"])
    assert list(codecs) == ["ae"]
    library = CodecLibrary(codecs)
    assert library.get_codec("ae") is library.get_codec("ae")
    for name in ("open", "../ae", None):
        with pytest.raises(UsageError, match="choose one of ae"):
            library.get_codec(name)  # type: ignore[arg-type]


def test_both_are_given_with_figures_and_pictures(folder: Path) -> None:
    codec = CodecLibrary(find_codecs(places=[folder / "checkpoints"])).get_codec("ae")
    heard = compare_codec(codec, folder / "noise.wav", lambda share: None, seconds=1.0)
    assert heard.original.shape == heard.decoded.shape == (RATE, 2)
    assert heard.pictures[0].shape == heard.pictures[1].shape
    assert [row[0] for row in heard.rows] == [meaning.title for meaning in MEANINGS.values()]
    assert heard.rows[0][1] != "-"
    with pytest.raises(AudioError, match=r"0\.5 s are needed"):
        compare_codec(codec, folder / "short.wav", lambda share: None)


def test_work_ends_within_a_block_or_a_metric_where_nobody_waits(folder: Path) -> None:
    codec = tiny.make_stereo_codec()
    reports: list[None] = []
    compare_codec(codec, folder / "noise.wav", lambda share: reports.append(None))
    windows = -(-codec.count_latents(2 * RATE) // codec.block)
    assert len(reports) >= 2 * windows + 11, "after each block that is encoded or decoded, and after each metric"
    for allowed in range(0, len(reports), 5):
        left = allowed

        def stop(share: float | None) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise MusikaError("stopped")

        with pytest.raises(MusikaError, match="stopped"):
            compare_codec(codec, folder / "noise.wav", stop)
        assert left == -1, "nothing goes on"


def test_every_figure_of_evaluate_has_a_meaning() -> None:
    assert set(MEANINGS) == set(COLUMNS)
    assert all(meaning.sentence.endswith(".") for meaning in MEANINGS.values())
    rows = describe_figures({"level": -1.234, "clicks": math.nan})
    shown = {row[0]: row[1] for row in rows}
    assert shown["Level"] == "-1.23 dB" and shown["Jumps between blocks"] == "-"


def test_loudness_is_matched_within_bounds() -> None:
    noise = (0.1 * np.random.default_rng(2).normal(size=(RATE, 2))).astype(np.float32)
    assert match_loudness(noise, 0.5 * noise, RATE) == pytest.approx(2.0, rel=0.01)
    assert match_loudness(noise, 0.01 * noise, RATE) == pytest.approx(10**0.6, rel=0.01)
    assert match_loudness(noise, 0.0 * noise, RATE) == 1.0
