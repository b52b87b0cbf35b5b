"""`train`: teaches a generator from a folder of latents, or a codec from a folder of audio."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika import checkpoint, console, flags, render
from musika.config import CodecConfig, CodecTrainConfig, GanTrainConfig, GeneratorConfig
from musika.errors import CheckpointError, ConfigError, LatentsError, UsageError
from musika.files import replacing
from musika.flags import TrainOptions
from musika.latents import TrainingSet, open_training_set
from musika.training import loop
from musika.training.alongside import Alongside
from musika.training.log import BoardLog

if TYPE_CHECKING:
    from musika.training.gan_stage import Start
    from musika.training.pool import Pool

RUN_FILE = "run.json"
SIZES = {"small": "small", "base_channels": "base_channels", "coorddepth": "coordinate_depth"}  # flag to field
# what a run goes on with
COURSE = ("lr", "bs", "totsamples", "gp_max_weight", "truncation", "seed", "magnitude_samples", "decay_samples")
PREVIEW_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Origin:
    """A checkpoint to begin with."""

    folder: Path
    info: Mapping[str, Any]  # its config.json
    resumes: bool  # the whole state goes on, or the weights alone are fine-tuned


def run(options: TrainOptions) -> int:
    """Trains, and returns 0, or 130 when interrupted.

    Raises:
        MusikaError: data, a checkpoint or flags that cannot be used, told before anything is built; a disk that is
            full; losses that are not finite.
    """
    return _train_codec(options) if options.stage == "codec" else _train_generator(options)


# ------------------------------------------------------------------------------------------------- generator


def _train_generator(options: TrainOptions) -> int:
    options = dataclasses.replace(options, dec_path=_located(options.dec_path))
    origin = _origin(options, "generator")
    config = _sizes(options, origin)
    codec_identity, codec_channels = _codec_of(options)
    wanted = str(origin.info["codec_identity"]) if origin else codec_identity
    channels = config.channels if origin else codec_channels
    data = open_training_set(options.train_path, config.window, channels, wanted)
    identity = data.codec_identity or wanted
    if not identity:
        raise LatentsError(
            f"nothing says which codec made the latents in {options.train_path}: name its folder with --dec_path"
        )
    if not data.codec_identity:
        console.warn(f"{options.train_path} does not say which codec made it; it is taken to be that of --dec_path")
    config = dataclasses.replace(config, channels=data.channels)
    mark = _mark(data)
    origin = _settled(origin, mark)
    options = _continued(options, origin)
    train = _course(GanTrainConfig, options)
    for line in data.warnings:
        console.warn(line)
    windows = sum(length - config.window + 1 for length in data.lengths)
    if windows < train.bs:
        console.warn(f"{windows} different windows are fewer than the batch of {train.bs}: encode more music")

    from musika import backend
    from musika.codec.load import load_codec
    from musika.training.gan_stage import GanStage

    stage = GanStage(
        config,
        train,
        data,
        identity,
        codec=load_codec(options.dec_path) if codec_identity == identity else None,
        start=_start(origin) if origin is not None and not origin.resumes else None,
        precision=backend.precision(options.mixed_precision),
        xla=backend.use_xla(options.xla),
        trained={"latents": mark, "files": len(data), "total_latents": data.total},
    )
    console.say(f"{len(data)} files with {data.total} latents of codec {identity}; window {config.window}")
    page = ["--dec_path", str(options.dec_path.resolve())] if stage.codec is not None and options.gradio else None
    return _run(options, stage, train, origin, page)


def _codec_of(options: TrainOptions) -> tuple[str, int | None]:
    """Identity and channels of the codec in --dec_path; "" and None where there is none."""
    if not options.dec_path.exists():
        console.warn(
            f"there is no codec in --dec_path {options.dec_path}: checkpoints will have no samples to listen to"
        )
        return "", None
    info = checkpoint.read_config(options.dec_path)
    identity, config = info.get("codec_identity"), info.get("config")
    channels = config.get("channels") if isinstance(config, dict) else None
    if not str(info["kind"]).startswith("codec/") or not isinstance(identity, str) or not isinstance(channels, int):
        raise CheckpointError(f"--dec_path {options.dec_path} holds a {info['kind']}, not a codec")
    return identity, channels


def _sizes(options: TrainOptions, origin: Origin | None) -> GeneratorConfig:
    """Sizes as the flags say, or as the checkpoint says, which the flags must not contradict."""
    asked = {field: getattr(options, name) for name, field in SIZES.items() if getattr(options, name) is not None}
    if origin is None:
        return GeneratorConfig(**asked)
    try:
        config = GeneratorConfig.from_dict(origin.info["config"])
    except (ConfigError, KeyError, TypeError) as error:
        raise CheckpointError(f"{origin.folder / checkpoint.CONFIG} does not describe a generator: {error}") from error
    if not isinstance(origin.info.get("codec_identity"), str):
        raise CheckpointError(f"{origin.folder / checkpoint.CONFIG} does not say which codec the generator belongs to")
    for name, field in SIZES.items():
        if field in asked and asked[field] != getattr(config, field):
            raise UsageError(
                f"--{name} {asked[field]} contradicts {origin.folder}, which has {getattr(config, field)}: "
                "leave the flag out, or train from scratch"
            )
    return config


def _mark(data: TrainingSet) -> str:
    """A short hash of what latents these are, by names and lengths: a run goes on only with its own."""
    names = sorted(f"{file.path.name} {file.length}" for file in data.files)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def _settled(origin: Origin | None, mark: str) -> Origin | None:
    """Whether a run of one's own goes on, or its weights are fine-tuned on other latents."""
    if origin is None:
        return None
    own = origin.info.get("trained", {}).get("latents")
    if origin.resumes and own != mark:
        console.say(f"{origin.folder} was trained on other latents: its weights are fine-tuned, with fresh optimizers")
        return dataclasses.replace(origin, resumes=False)
    if not origin.resumes:
        critic = "its critic" if checkpoint.has(origin.folder, "critic") else "a fresh critic"
        console.say(f"fine-tuning {origin.folder} with {critic} and fresh optimizers")
    return origin


def _start(origin: Origin) -> Start:
    from musika.training.gan_stage import Start

    critic = checkpoint.read(origin.folder, "critic") if checkpoint.has(origin.folder, "critic") else None
    return Start(checkpoint.read(origin.folder), critic)


# ----------------------------------------------------------------------------------------------------- codec


def _train_codec(options: TrainOptions) -> int:
    from musika import audio

    for name in SIZES:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} belongs to --stage gan; a codec has no such size")
    origin = _origin(options, "codec/stereo")
    options = _continued(options, origin)
    config, weights = CodecConfig(), None
    if origin is not None and origin.resumes and options.freeze_encoder != _was_frozen(origin):
        console.say(f"fine-tuning {origin.folder} with fresh optimizers: --freeze_encoder differs from its run")
        origin = dataclasses.replace(origin, resumes=False)
    train = _course(CodecTrainConfig, options)
    files = audio.find(options.files_path)
    if origin is not None:
        from musika.codec.load import read_weights

        config, weights = read_weights(origin.folder)

    from musika import backend
    from musika.training.codec_stage import CodecStage
    from musika.training.pool import Pool

    shortest = (train.crop + 1) * config.hop_total
    cache = options.save_path / "decoded_audio"
    console.say(f"reading {len(files)} audio files into {cache}")
    pool = Pool(options.files_path, files, cache, config.sample_rate, shortest)
    for path, reason in pool.skipped:
        console.warn(f"left out: {reason}" if str(path) in reason else f"left out: {path}: {reason}")
    start = weights if origin is not None and not origin.resumes else None
    stage = CodecStage(config, train, pool, start, _previews(pool), backend.precision(options.mixed_precision))
    console.say(f"{len(pool.sources)} files, {pool.seconds / 3600:.2f} hours of audio")
    return _run(options, stage, train, origin, None)


def _was_frozen(origin: Origin) -> bool:
    return bool(origin.info.get("training", {}).get("course", {}).get("freeze_encoder", False))


def _previews(pool: Pool) -> list[tuple[str, Any]]:
    """The beginnings of the first and the last file."""
    from musika import audio

    chosen = list(dict.fromkeys([pool.sources[0], pool.sources[-1]]))
    length = PREVIEW_SECONDS * pool.sample_rate
    return [(path.stem, next(iter(audio.blocks(path, length)))[:length]) for path in chosen]


# ------------------------------------------------------------------------------------------------- what both share


def _origin(options: TrainOptions, kind: str) -> Origin | None:
    """What --load_path means: a checkpoint, or the newest whole one of a run."""
    if options.load_path is None:
        return None
    folder = loop.newest(_located(options.load_path))
    info = checkpoint.read_config(folder)
    if info["kind"] != kind:
        other = "codec" if str(info["kind"]).startswith("codec/") else "gan"
        raise UsageError(f"--load_path {folder} holds a {info['kind']}, not a {kind}: train it with --stage {other}")
    return Origin(folder, info, checkpoint.has(folder, loop.STATE))


def _located(path: Path) -> Path:
    """A checkpoint's folder here or, where there is none, beside the program."""
    return render.INSTALLED / path if not path.exists() and (render.INSTALLED / path).exists() else path


def _continued(options: TrainOptions, origin: Origin | None) -> TrainOptions:
    """A run that goes on keeps its own course where no flag says otherwise."""
    if origin is None or not origin.resumes:
        return options
    own = origin.info.get("training", {}).get("course", {})
    defaults = {field.name: field.default for field in dataclasses.fields(TrainOptions)}
    defaults |= flags.STAGE_DEFAULTS[options.stage]
    kept = {name: own[name] for name in COURSE if name in own and getattr(options, name) == defaults[name]}
    if "seed" in own and options.seed not in (defaults["seed"], own["seed"]):
        raise UsageError(f"--seed {options.seed} contradicts {origin.folder}, which has {own['seed']}: leave it out")
    return dataclasses.replace(options, **kept)


def _course(kind: type[Any], options: TrainOptions) -> Any:
    """The training configuration that the flags describe."""
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in dataclasses.asdict(options).items() if name in names})


def _run(options: TrainOptions, stage: Any, train: Any, origin: Origin | None, page: list[str] | None) -> int:
    """The loop, with its folders, its log and its pages."""
    folder = _run_folder(options, origin)
    course = {name: getattr(options, name) for name in (*COURSE, "freeze_encoder")}
    settings = loop.Settings(
        bs=train.bs,
        totsamples=train.totsamples,
        epochs=train.epochs,
        save_every=train.save_every,
        seed=train.seed,
        minutes=options.minutes,
        notes={"course": course},
    )
    _describe(folder, options, stage)
    console.say(f"run: {folder}")
    log = BoardLog(options.log_path / folder.name)
    with Alongside() as pages:
        if options.tensorboard:
            pages.board(options.log_path, options.host)
        words = None if page is None else [*page, *_page_flags(options, folder)]
        try:
            return loop.run(
                stage,
                settings,
                folder,
                load_path=origin.folder if origin is not None and origin.resumes else None,
                log=log,
                on_checkpoint=_opener(pages, words),
            )
        finally:
            log.close()


def _page_flags(options: TrainOptions, folder: Path) -> list[str]:
    """The preview page shows the run's newest checkpoint and leaves a GPU to the training."""
    flags_of_page = {"load_path": folder.resolve(), "port": options.port, "host": options.host, "cpu": True}
    flags_of_page |= {"share_gradio": options.share_gradio, "truncation": options.truncation}
    return [word for name, value in flags_of_page.items() for word in (f"--{name}", str(value))]


def _opener(pages: Alongside, words: list[str] | None) -> Callable[[Path], None]:
    return lambda _: pages.preview(words) if words is not None else None


def _run_folder(options: TrainOptions, origin: Origin | None) -> Path:
    """Where checkpoints go: a run that goes on from its newest one stays in its folder, all else gets a new one."""
    if origin is not None and origin.resumes:
        folder = origin.folder.resolve().parent
        within = folder.parent == options.save_path.resolve()
        if within and loop.checkpoints(folder)[-1:] == [origin.folder.resolve()]:
            return options.save_path / folder.name
    name = f"{options.stage}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    tried = [options.save_path / name, *(options.save_path / f"{name}-{n}" for n in range(2, 100))]
    return next(folder for folder in tried if not folder.exists())


def _describe(folder: Path, options: TrainOptions, stage: Any) -> None:
    """The run's configuration as JSON, for whoever wants to know later how it was made."""
    flags_given = {
        name: value if value is None or isinstance(value, (bool, int, float)) else str(value)
        for name, value in dataclasses.asdict(options).items()
    }
    text = json.dumps(
        {"flags": flags_given, "config": stage.config.to_dict(), "train": stage.train.to_dict()}, indent=2
    )
    try:
        with replacing(folder / RUN_FILE) as file:
            file.write(f"{text}\n".encode())
    except OSError as error:
        raise UsageError(f"--save_path {folder.parent} cannot be written to: {error.strerror}") from error
