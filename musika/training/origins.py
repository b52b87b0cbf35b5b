"""What `--load_path` means to training: a checkpoint to go on from or to fine-tune, of ours or a Musika folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika import checkpoint, console
from musika.checkpoint import locate, tensorfile
from musika.checkpoint.published import musika_folder
from musika.cli.flags import TrainOptions
from musika.config import LOCAL_FIELDS, GeneratorConfig
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.files import format_path
from musika.gan import load as gan_load
from musika.training import loop
from musika.training.loop import RUN_FILE

if TYPE_CHECKING:
    from musika.training.stages.gan import Start

MAX_RUN_FILE = 1 << 20  # bytes of it
SIZES = {  # flag to field
    "small": "small",
    "base_channels": "base_channels",
    "critic_channels": "critic_channels",
    "coorddepth": "coordinate_depth",
    "local_critics": "critic_fields",
}
GROWING = ("base_channels", "critic_channels", "local_critics")  # which of a checkpoint's sizes may become larger


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
    folder = locate.resolve_checkpoint(options.load_path, "generator", stems=None)
    if musika_folder.is_musika_folder(folder) and kind != "generator":
        raise UsageError(f"--load_path {folder} is a Musika folder: its autoencoder is not trained here")
    info = gan_load.read_info(folder)
    if info["kind"] != kind:
        other = "codec" if str(info["kind"]).startswith("codec/") else "gan"
        raise UsageError(f"--load_path {folder} holds a {info['kind']}, not a {kind}: train it with --stage {other}")
    if musika_folder.is_musika_folder(folder):
        return Origin(folder, info, resumes=False, critic=(folder / f"{musika_folder.CRITIC}.h5").exists())
    return Origin(folder, info, checkpoint.has(folder, loop.STATE), checkpoint.has(folder, "critic"))


def with_places(options: TrainOptions, origin: Origin | None, given: frozenset[str]) -> TrainOptions:
    """A run that goes on keeps its codec and what it is measured on, as `run.json` names them, where no flag does.

    Raises:
        CheckpointError: `run.json` is not what was written.
    """
    if origin is None or not origin.resumes:
        return options
    path = origin.folder.parent / RUN_FILE
    if not path.is_file() or path.stat().st_size > MAX_RUN_FILE:
        return options
    said = tensorfile.parse_json(path, path.read_bytes()).get("flags")
    named = {name: said.get(name) for name in ("dec_path", "valid_path")} if isinstance(said, dict) else {}
    places = {name: Path(value) for name, value in named.items() if isinstance(value, str) and name not in given}
    for name, place in places.items():
        if not place.exists():
            console.warn(f"--{name} {format_path(place)} of this run is not there any more")
    changes: dict[str, Any] = {name: place for name, place in places.items() if place.exists()}
    return dataclasses.replace(options, **changes)


def sizes(options: TrainOptions, origin: Origin | None) -> GeneratorConfig:
    """Sizes as the flags say, or as the checkpoint says, which the flags may widen and must not contradict."""
    said = {name: getattr(options, name) for name in SIZES if getattr(options, name) is not None}
    if origin is None:
        return GeneratorConfig(**_fields_of({"local_critics": True, **said}, ()))
    config = sizes_of(origin)
    wanted = dataclasses.replace(config, **_fields_of(said, config.critic_fields))
    if wanted.widens(config):
        return wanted
    own = {name: getattr(config, field) for name, field in SIZES.items()}
    own |= {"critic_channels": config.critic_unit, "local_critics": bool(config.critic_fields)}
    wrong = next(name for name in said if (said[name] < own[name] if name in GROWING else said[name] != own[name]))
    raise UsageError(
        f"--{wrong} {said[wrong]} contradicts {origin.folder}, which has {own[wrong]}: "
        "leave the flag out, or train from scratch"
    )


def _fields_of(said: Mapping[str, Any], local: tuple[int, ...]) -> dict[str, Any]:
    """Values of flags, as fields of `GeneratorConfig`; `local` are the fields of local critics that are there."""
    values = {SIZES[name]: value for name, value in said.items()}
    if "critic_fields" in values:
        values["critic_fields"] = (local or LOCAL_FIELDS) if values["critic_fields"] else ()
    return values


def widened(origin: Origin | None, config: GeneratorConfig) -> Origin | None:
    """A checkpoint whose networks grow: all that they can do stays, and their optimizers begin anew."""
    if origin is None or config == sizes_of(origin):
        return origin
    own = sizes_of(origin)
    if own.widens(config):  # the critic's width is said, and is what it was
        return origin
    if (own.base_channels, own.critic_unit) != (config.base_channels, config.critic_unit):
        console.say(
            f"{origin.folder} is widened: generator {own.base_channels} to {config.base_channels} channels, "
            f"critic {own.critic_unit} to {config.critic_unit}"
        )
    if own.critic_fields != config.critic_fields:
        console.say(f"{origin.folder} gets local critics")
    return dataclasses.replace(origin, resumes=False)


def start(origin: Origin, config: GeneratorConfig, seed: int) -> Start:
    """Weights to fine-tune: of a checkpoint of ours or of a Musika folder, whose optimizers are left alone.

    Args:
        config: sizes that are wanted; wider ones than the checkpoint's widen it.
        seed: of the training.
    """
    from musika.training.stages.gan import Start

    folder = origin.folder
    if musika_folder.is_musika_folder(folder):
        average = musika_folder.read_generator(folder)[1]
        raw = musika_folder.read_raw_generator(folder)
        critic, penalty_weight = musika_folder.read_critic(folder), musika_folder.read_penalty_weight(folder)
        found = Start(raw or average, critic, average, penalty_weight)
    else:
        critic = checkpoint.read(folder, "critic") if checkpoint.has(folder, "critic") else None
        found = Start(checkpoint.read(folder), critic, penalty_weight=_penalty_weight(origin) if critic else None)
    own = sizes_of(origin)
    return found if own.widens(config) else _widened(found, own, config, seed)


def sizes_of(origin: Origin) -> GeneratorConfig:
    """Sizes of the checkpoint's networks.

    Raises:
        CheckpointError: it does not say, or does not say whose latents it makes.
    """
    try:
        config = GeneratorConfig.from_dict(origin.info["config"])
    except (ConfigError, KeyError, TypeError) as error:
        raise CheckpointError(f"{origin.folder / checkpoint.CONFIG} does not describe a generator: {error}") from error
    if not isinstance(origin.info.get("codec_identity"), str):
        raise CheckpointError(f"{origin.folder / checkpoint.CONFIG} does not say which codec the generator belongs to")
    return config


def _widened(start: Start, own: GeneratorConfig, config: GeneratorConfig, seed: int) -> Start:
    from musika.gan import widen

    return dataclasses.replace(
        start,
        generator=widen.widen_generator(start.generator, own, config, seed),
        critic=None if start.critic is None else widen.widen_critic(start.critic, own, config, seed),
        average=None if start.average is None else widen.widen_generator(start.average, own, config, seed),
    )


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
