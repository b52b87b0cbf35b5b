"""What `--load_path` means to training: a checkpoint to go on from or to fine-tune, of ours or a Musika folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika import checkpoint, hub, legacy
from musika.errors import CheckpointError, UsageError
from musika.flags import TrainOptions
from musika.gan import load as gan_load
from musika.training import loop

if TYPE_CHECKING:
    from musika.training.gan_stage import Start


@dataclasses.dataclass(frozen=True)
class Origin:
    """A checkpoint to begin with."""

    folder: Path
    info: Mapping[str, Any]  # its config.json
    resumes: bool  # the whole state goes on, or the weights alone are fine-tuned
    critic: bool = False  # whether it holds its critic

    def said(self, *path: str) -> Any:
        """What config.json says under these names, None where it says nothing."""
        value: Any = self.info
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def found(options: TrainOptions, kind: str) -> Origin | None:
    """What --load_path means: a checkpoint, or the newest whole one of a run."""
    if options.load_path is None:
        return None
    folder = hub.located(options.load_path)
    if legacy.holds(folder) and kind != "generator":
        raise UsageError(f"--load_path {folder} is a Musika folder: its autoencoder is not trained here")
    folder = folder if legacy.holds(folder) else loop.newest(folder)
    info = gan_load.read_info(folder)
    if info["kind"] != kind:
        other = "codec" if str(info["kind"]).startswith("codec/") else "gan"
        raise UsageError(f"--load_path {folder} holds a {info['kind']}, not a {kind}: train it with --stage {other}")
    if legacy.holds(folder):
        return Origin(folder, info, resumes=False, critic=(folder / f"{legacy.CRITIC}.h5").exists())
    return Origin(folder, info, checkpoint.has(folder, loop.STATE), checkpoint.has(folder, "critic"))


def start(origin: Origin) -> Start:
    """Weights to fine-tune: of a checkpoint of ours or of a Musika folder, whose optimizers are left alone."""
    from musika.training.gan_stage import Start

    folder = origin.folder
    if legacy.holds(folder):
        average = legacy.generator(folder)[1]
        own = legacy.raw_generator(folder)
        return Start(own or average, legacy.critic(folder), average, legacy.adaptive_weight(folder))
    critic = checkpoint.read(folder, "critic") if checkpoint.has(folder, "critic") else None
    return Start(checkpoint.read(folder), critic, penalty_weight=_penalty_weight(origin) if critic else None)


def _penalty_weight(origin: Origin) -> float | None:
    """The adaptive weight that the critic was left with; None where the checkpoint does not say.

    Raises:
        CheckpointError: it says something else than a number from 0 to 1.
    """
    weight = origin.said("penalty_weight")
    if weight is None:
        return None
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= 1:
        raise CheckpointError(f"{origin.folder / checkpoint.CONFIG}: penalty_weight is not a number from 0 to 1")
    return float(weight)
