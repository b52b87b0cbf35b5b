"""The checkpoint that a training starts from, and whether its run is resumed or its weights are fine-tuned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from musika import checkpoint, console
from musika.checkpoint import locate, tensorfile
from musika.checkpoint.published import musika_folder
from musika.checkpoint.runs import RUN_FILE
from musika.codec import checkpoint as codec_checkpoint
from musika.codec.published import checkpoint as published_codec
from musika.composer import load as composer_load
from musika.config.fields import Config, get_fields
from musika.config.recipe import split_settings
from musika.config.training import TRAIN_CONFIGS, TrainConfig, read_settings
from musika.errors import CheckpointError, ConfigError, UsageError
from musika.files import format_path
from musika.gan import editor_load, performer_load
from musika.gan import load as gan_load
from musika.training import loop
from musika.training.setup.request import TrainingRequest

MAX_RUN_FILE = 1 << 20  # bytes of it
# stage -> kind of the checkpoints that it writes
CHECKPOINT_KINDS = {
    "gan": gan_load.KIND,
    "codec": codec_checkpoint.KIND,
    "performer": performer_load.KIND,
    "edit": editor_load.KIND,
    "composer": composer_load.KIND,
}
# stage -> what messages call the thing that it trains
TRAINED_THINGS = {
    "gan": "generator",
    "codec": "codec to train",
    "performer": "performer",
    "edit": "editor",
    "composer": "composer",
}
AnyConfig = TypeVar("AnyConfig", bound=Config)
AnyTrainConfig = TypeVar("AnyTrainConfig", bound=TrainConfig)


@dataclasses.dataclass(frozen=True)
class Origin:
    """A checkpoint to start from.

    Attributes:
        folder: the checkpoint's, or Musika's.
        info: its `config.json`.
        has_state: whether it has all that resuming needs.
        has_critic: whether it has its critic.
    """

    folder: Path
    info: Mapping[str, Any]
    has_state: bool
    has_critic: bool = False

    @property
    def config_file(self) -> Path:
        """Where `info` was read from, for messages."""
        return self.folder / checkpoint.CONFIG

    def read(self, *names: str) -> Any:
        """What `config.json` says under these names, None where it says nothing."""
        value: Any = self.info
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def find_origin(load_path: Path | None, stage: str) -> Origin | None:
    """The checkpoint that a path means: itself, or the newest whole one of a run; None for None.

    Raises:
        UsageError: it is of another stage, or a codec of Musika's, which is not trained here.
        CheckpointError: it is missing or damaged.
    """
    if load_path is None:
        return None
    folder = locate.resolve_checkpoint(load_path, TRAINED_THINGS[stage], stems=None)
    is_musika = musika_folder.is_musika_folder(folder)
    if is_musika and stage != "gan":
        raise UsageError(f"{folder} is a Musika folder: stage {stage} does not train it")
    info = gan_load.read_info(folder)
    if stage == "codec" and info["kind"] == published_codec.KIND:
        raise UsageError(f"{folder} holds a published codec, which is not trained here")
    if info["kind"] != CHECKPOINT_KINDS[stage]:
        other = next((name for name, kind in CHECKPOINT_KINDS.items() if kind == info["kind"]), "codec")
        wanted = checkpoint.name_with_article(CHECKPOINT_KINDS[stage])
        raise UsageError(f"{folder} holds a {info['kind']}, not {wanted}: train it with stage {other}")
    if is_musika:
        return Origin(folder, info, has_state=False, has_critic=(folder / f"{musika_folder.CRITIC}.h5").exists())
    return Origin(folder, info, checkpoint.has(folder, loop.STATE), checkpoint.has(folder, "critic"))


def choose_valid_path(request: TrainingRequest, origin: Origin | None) -> Path | None:
    """What a training is measured on: what is named, or what the run that goes on was measured on; else None."""
    return request.valid_path or find_run_path(origin, "valid_path")


def find_run_path(origin: Origin | None, name: str) -> Path | None:
    """A path that the run of a checkpoint was started with; None where the run does not say or it is gone.

    Args:
        name: `codec_path`, `valid_path` or `midi_path`.

    Raises:
        CheckpointError: `run.json` is not one of ours.
    """
    if origin is None or not origin.has_state:
        return None
    path = origin.folder.parent / RUN_FILE
    if not path.is_file() or path.stat().st_size > MAX_RUN_FILE:
        return None
    written = tensorfile.parse_json(path, path.read_bytes())
    earlier = {"codec_path": "dec_path"}.get(name, name)  # earlier runs wrote the names of their flags
    groups = [(written.get("paths"), name), (written.get("flags"), earlier)]
    value = next((group[key] for group, key in groups if isinstance(group, dict) and group.get(key)), None)
    if not isinstance(value, str):
        return None
    if not Path(value).exists():
        console.warn(f"{format_path(Path(value))}, which this run was started with, is not there any more")
        return None
    return Path(value)


def list_restart_reasons(origin: Origin, request: TrainingRequest, what: str, data_hash: str) -> list[str]:
    """Why the run of a checkpoint cannot be resumed as it is: settings that it cannot change, or other data.

    Args:
        what: "latents", "audio", "pairs" or "works".
        data_hash: a hash of the data that there is now.
    """
    written = _read_written_settings(origin, TRAIN_CONFIGS[request.stage])
    reasons = [
        f"{name} {value} differs from the run of {origin.folder}, which has {written[name]}"
        for name, value in request.settings.items()
        if name in written
        and get_fields(TRAIN_CONFIGS[request.stage])[name].metadata["on_resume"] == "restart"
        and written[name] != value
    ]
    if origin.read("trained", what) not in (None, data_hash):
        reasons.append(f"{origin.folder} was trained on other {what} (what is held out to measure on counts, too)")
    return reasons


def decide_to_resume(origin: Origin | None, request: TrainingRequest, reasons: list[str]) -> bool:
    """Whether a run is resumed. A person is told when it, or a checkpoint, is fine-tuned instead."""
    if origin is None:
        return False
    if origin.has_state and not reasons and not request.fresh_optimizers:
        return True
    for reason in reasons:
        console.say(reason)
    critic = "" if request.stage != "gan" else "its critic and " if origin.has_critic else "a fresh critic and "
    console.say(f"the weights of {origin.folder} are fine-tuned, with {critic}fresh optimizers")
    return False


def resolve_sizes(
    kind: type[AnyConfig], request: TrainingRequest, origin: Origin | None, own: AnyConfig | None, free: str = ""
) -> AnyConfig:
    """Sizes that are asked for, or those of the checkpoint, which must not be contradicted.

    Args:
        own: sizes of the checkpoint, where there is one.
        free: name of a size that may differ from the checkpoint's; the caller sees to it.

    Raises:
        UsageError: a size contradicts the checkpoint.
    """
    asked, _ = split_settings(request.stage, request.settings)
    if origin is None or own is None:
        return kind(**asked)
    for name, value in asked.items():
        if value != getattr(own, name) and name != free:
            raise UsageError(
                f"{name} {value} contradicts {origin.folder}, which has {getattr(own, name)}: leave it out, or train "
                "from scratch"
            )
    return own


def decide_train_config(
    kind: type[AnyTrainConfig],
    request: TrainingRequest,
    origin: Origin | None,
    what: str,
    data_hash: str,
    reasons: Sequence[str] = (),
) -> tuple[AnyTrainConfig, bool]:
    """The hyperparameters, and whether the run of the checkpoint is resumed. A person is told where it is not.

    Args:
        what: as `list_restart_reasons` has it, and so `data_hash`.
        reasons: other reasons why the run cannot be resumed.

    Raises:
        MusikaError: as `resolve_train_config`.
    """
    if origin is not None:
        reasons = [*reasons, *list_restart_reasons(origin, request, what, data_hash)]
    resumes = decide_to_resume(origin, request, list(reasons))
    return resolve_train_config(kind, request, origin, resumes), resumes


def expect_train_config(kind: type[AnyTrainConfig], request: TrainingRequest, origin: Origin | None) -> AnyTrainConfig:
    """The hyperparameters as far as they are known before data are read: as if a run that can be resumed will be.

    Raises:
        MusikaError: as `resolve_train_config`.
    """
    return resolve_train_config(kind, request, origin, origin is not None and origin.has_state)


def resolve_train_config(
    kind: type[AnyTrainConfig], request: TrainingRequest, origin: Origin | None, resumes: bool
) -> AnyTrainConfig:
    """The hyperparameters: what is asked for, then those of the run that is resumed, then the defaults.

    Raises:
        UsageError: what is asked for contradicts the run and cannot be changed.
        CheckpointError: the run's own settings cannot be used.
        ConfigError: a value out of its range.
    """
    _, asked = split_settings(request.stage, request.settings)
    if origin is not None and resumes:
        written = _read_written_settings(origin, kind)
        for name, field in get_fields(kind).items():
            refuses = field.metadata["on_resume"] == "refuse" and name in written and name in asked
            if refuses and asked[name] != written[name]:
                raise UsageError(f"{name} {asked[name]} contradicts {origin.folder}, which has {written[name]}")
        return kind(**{**written, **asked})
    if origin is not None and request.stage == "codec":  # a codec that exists knows magnitudes and waveforms already
        return kind(**{"magnitude_samples": 0, "critic_samples": 0, **asked})
    return kind(**asked)


def _read_written_settings(origin: Origin, kind: type[TrainConfig]) -> dict[str, Any]:
    """The settings in a checkpoint of a run; {} where it has none."""
    written = origin.read("training", "settings") or origin.read("training", "course")  # as it used to be called
    if not isinstance(written, Mapping):
        return {}
    try:
        return read_settings(kind, written)
    except ConfigError as error:
        raise CheckpointError(f"{origin.config_file}: its training settings cannot be used: {error}") from error
