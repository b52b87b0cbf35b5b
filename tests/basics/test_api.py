"""What `import musika` offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import musika
from musika.errors import CheckpointError, UsageError
from tests.helpers import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def model(folder: Path) -> musika.Model:
    return musika.load(folder)


def test_importing_musika_imports_no_library() -> None:
    code = "import sys, musika; print([name for name in ('numpy', 'keras', 'tensorflow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_names_exist() -> None:
    assert {name: getattr(musika, name) is not None for name in musika.__all__} == dict.fromkeys(musika.__all__, True)
    assert set(musika.__all__) <= set(dir(musika))
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = musika.nothing_of_that_name


def test_a_piece_is_a_value(model: musika.Model) -> None:
    assert model.piece(7) == model.piece(7, truncation=2.0)
    assert model.piece(7) != model.piece(8) and model.piece(7) != model.piece(7, truncation=1.0)
    assert len({model.piece(7), model.piece(7), model.piece(8)}) == 2


def test_a_piece_is_saved_as_it_is_rendered(model: musika.Model, tmp_path: Path) -> None:
    from musika import audio

    written = model.piece(7).save(str(tmp_path / "seven.wav"), seconds=0.5, start=3.0)
    assert written.path == tmp_path / "seven.wav" and written.samples == 22_050
    heard = audio.read(written.path)
    np.testing.assert_allclose(heard, model.piece(7).render(3.0, 0.5), atol=2.5 / 32768)


@pytest.mark.parametrize(
    ("settings", "part"), [({"truncation": 0.0}, "more than 0"), ({"loudness": 3}, "no setting 'loudness'")]
)
def test_settings_that_cannot_be(model: musika.Model, settings: dict[str, float], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        model.piece(7, **settings)


def test_a_generator_without_notes_says_so(model: musika.Model) -> None:
    with pytest.raises(UsageError, match="open makes music without notes"):
        model.piece(7).score()
    with pytest.raises(UsageError, match="open does not play notes"):
        model.play("song.mid")


def test_a_codec_codes(folder: Path) -> None:
    codec = musika.load_codec(folder.parent / "ae")
    waveform = np.zeros((9000, 2), np.float32)
    assert codec.decode(codec.encode(waveform)).shape == (3 * 4096, 2)


def test_the_wrong_kind_of_folder(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a checkpoint of kind codec/stereo"):
        musika.load(folder.parent / "ae")
    with pytest.raises(CheckpointError, match="holds no codec"):
        musika.load_codec(str(folder))
