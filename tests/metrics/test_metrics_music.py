"""Generated music beside real music, called from Python: spaces, copies, the training music itself."""

from __future__ import annotations

import numpy as np
import pytest

from musika.errors import UsageError
from musika.metrics import music
from musika.metrics.pieces import Piece


def make_piece(name: str, steps: int, seed: int, scale: float = 0.3) -> Piece:
    """A random walk of latents `[T, 4]`."""
    walk = np.cumsum(np.random.default_rng(seed).standard_normal((steps, 4)), axis=0)
    return Piece(name, latents=(scale * walk / np.abs(walk).max(axis=0)).astype(np.float32))


def make_pieces(count: int, seed: int, steps: int = 130, scale: float = 0.3) -> list[Piece]:
    return [make_piece(f"{number}.npy", steps, seed + number, scale) for number in range(count)]


def test_pieces_of_latents_are_compared_in_the_spaces_that_they_have() -> None:
    real = make_pieces(4, 0)
    figures = music.compare_pieces(make_pieces(4, 10), real)
    assert list(figures) == ["latent clips", "latents"]
    louder = music.compare_pieces(make_pieces(4, 10, scale=0.9), real)
    assert louder["latents"]["frechet"] > 2 * figures["latents"]["frechet"]
    assert figures == music.compare_pieces(make_pieces(4, 10), real)
    with_log_mel = [Piece(piece.name, piece.latents, piece.latents) for piece in real]
    assert list(music.compare_pieces(with_log_mel, with_log_mel)) == ["latent clips", "latents", "log-mel clips"]


@pytest.mark.parametrize(("generated", "real", "role"), [(1, 4, "generated"), (4, 1, "reference")])
def test_too_few_clips_are_refused(generated: int, real: int, role: str) -> None:
    with pytest.raises(UsageError, match="has 4 clips") as error:
        music.compare_pieces(make_pieces(generated, 0), make_pieces(real, 9))
    assert error.value.about == role


def test_training_music_is_searched_for_copies_and_compared_itself() -> None:
    generated, real, training = make_pieces(3, 0), make_pieces(3, 10), make_pieces(5, 20, steps=300)
    copied = training[2].latents
    assert copied is not None
    generated[1] = Piece("copy.npy", copied[77:207])
    search = music.TrainingSearch(generated, real, by_latents=True)
    for piece in training:
        search.add(piece)
    copies = search.find_copies()
    assert copies["space"] == "latents" and copies["training_files"] == 5 and copies["clips"] == 12
    nearest = copies["nearest_clips"][0]
    assert (nearest["file"], nearest["training_file"]) == ("copy.npy", "2.npy")
    assert nearest["training_second"] - nearest["second"] == pytest.approx(77 * music.SECONDS_PER_STEP, abs=0.02)
    assert copies["nearest"] == nearest["distance"] < 0.01 < copies["held_out_nearest"]
    figures = search.compare()
    assert list(figures) == ["latent clips", "latents"]
    assert figures["latent clips"]["clips"] == 12 and 0 <= figures["latents"]["coverage"] <= 1
