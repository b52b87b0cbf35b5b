"""`train`: teaches a generator from a folder of latents, or a codec from a folder of audio."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from musika import checkpoint, console, render
from musika.checkpoint import locate
from musika.cli import flags, models
from musika.cli.alongside import Alongside
from musika.cli.flags import TrainOptions
from musika.codec.load import FLAGS, describe, load_codec
from musika.config import ANY_PUBLISHED, CodecConfig, CodecTrainConfig, GanTrainConfig, GeneratorConfig
from musika.errors import CheckpointError, LatentsError, UsageError
from musika.files import format_path
from musika.latents import TrainingSet, find_common_identity, find_indexes, open_training_set
from musika.training import codec_audio, loop, origins
from musika.training.board import BoardLog
from musika.training.feed import Interrupts
from musika.training.origins import Origin

# what a run goes on with
COURSE = (
    *("lr", "bs", "epochs", "totsamples", "save_every", "gp_max_weight", "truncation", "average_decay", "whitening"),
    "seed",
)
BEFORE = {"whitening": 0.0, "cycle_weight": 0.0}  # of runs that began before there was a choice
NOT_WITHIN = {"gan": "whitening", "codec": "freeze_encoder"}  # what a run that goes on cannot change
COURSE_OF_CODECS = (
    *("magnitude_samples", "critic_samples", "decay_samples", "freeze_encoder", "crop"),
    *(
        f"{loss}_weight"
        for loss in ("linear", "mel", "level", "balance", "texture", "cycle", "tuning", "wave", "feature")
    ),
    *("critic_share", "critic_lr"),
)
OF_OTHER_STAGE = {
    "gan": frozenset({"files_path", "tuning", *COURSE_OF_CODECS}),
    "codec": frozenset({"train_path", "dec_path", "gp_max_weight", "truncation", "whitening"}),
}
MOST_THREADS = 8


def run(options: TrainOptions) -> int:
    """Trains, and returns 0, or 130 when interrupted.

    Raises:
        MusikaError: data, a checkpoint or flags that cannot be used, told before anything is built; a disk that is
            full; losses that are not finite.
    """
    for name in sorted(options.given & OF_OTHER_STAGE[options.stage]):
        console.warn(f"--{name} does nothing with --stage {options.stage}: it is left out")
    with Interrupts(patient=False):  # until the loop listens itself; so that whatever is open by then is closed
        return _train_codec(options) if options.stage == "codec" else _train_generator(options)


# ------------------------------------------------------------------------------------------------- generator


def _train_generator(options: TrainOptions) -> int:
    origin = origins.found(options, "generator")
    named = "dec_path" in _given(options)
    options = origins.with_places(options, origin, _given(options))
    config = origins.sizes(options, origin)
    options = dataclasses.replace(options, dec_path=_codec_folder(options, origin))
    codec_identity, codec_channels = _codec_of(options, origin)
    origin = _regulated(_moved(origins.widened(origin, config), options, codec_identity if named else ""), options)
    wanted = str(origin.info["codec_identity"]) if origin else codec_identity
    wanted = codec_identity if wanted == ANY_PUBLISHED else wanted  # whose latents they are is known now
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
    if codec_identity and codec_identity != identity:
        console.warn(
            f"--dec_path {options.dec_path} is codec {codec_identity}, and the latents are of {identity}: "
            "checkpoints will have no samples to listen to"
        )
    mark = _mark(data, options.train_path)
    origin = _settled(origin, "latents", mark)
    options = _continued(options, origin)
    train = _course(GanTrainConfig, options)
    for line in data.warnings:
        console.warn(line)
    held_out = _held_out(options, data, config, identity)
    windows = sum(length - config.window + 1 for length in data.lengths)
    if windows < train.bs:
        console.warn(f"{windows} different windows are fewer than the batch of {train.bs}: encode more music")

    from musika import backend
    from musika.training.stages.gan import GanStage

    codec = load_codec(options.dec_path, asked=models.codec_sizes(options)) if codec_identity == identity else None
    known = None if origin is None or codec is not None else origin.said("trained", "stereo_halves")
    stage = GanStage(
        config,
        train,
        data,
        identity,
        codec=codec,
        stereo_halves=known if isinstance(known, bool) else None,
        held_out=held_out,
        start=origins.start(origin, config, train.seed) if origin is not None and not origin.resumes else None,
        precision=backend.precision(options.mixed_precision),
        xla=backend.use_xla(options.xla),
        trained={"latents": mark, "files": len(data), "total_latents": data.total},
    )
    console.say(f"{len(data)} files with {data.total} latents of codec {identity}; window {config.window}")
    page = None
    if stage.codec is not None and options.gradio:
        said = {"dec_path": options.dec_path.resolve(), **models.codec_sizes(options)}
        page = [word for name, value in said.items() if value is not None for word in (f"--{name}", str(value))]
    return _run(options, stage, train, origin, page)


def _moved(origin: Origin | None, options: TrainOptions, identity: str) -> Origin | None:
    """A generator that is fine-tuned for another codec, where the latents are of it.

    Args:
        identity: of the codec that --dec_path names; "" where it names none.
    """
    if origin is None or not identity:
        return origin
    own = origin.info.get("codec_identity")
    if own in (ANY_PUBLISHED, identity) or find_common_identity(find_indexes(options.train_path)) != identity:
        return origin
    console.say(f"{origin.folder} was trained for codec {own}: its weights are fine-tuned for {options.dec_path}")
    return dataclasses.replace(origin, info={**origin.info, "codec_identity": identity}, resumes=False)


def _held_out(options: TrainOptions, data: TrainingSet, config: GeneratorConfig, identity: str) -> TrainingSet | None:
    """Latents to measure on, of --valid_path; None where there is none, which is said."""
    if options.valid_path is None:
        console.say("figures are of latents that are trained on; --valid_path names others")
        return None
    held_out = open_training_set(options.valid_path, config.window, config.channels, identity)
    trained = {file.path.resolve() for file in data.files}
    shared = [file.path for file in held_out.files if file.path.resolve() in trained]
    if shared:
        raise UsageError(
            f"{format_path(shared[0])} of --valid_path is in --train_path, too: move what is to be held out elsewhere"
        )
    for line in held_out.warnings:
        console.warn(line)
    return held_out


def _codec_folder(options: TrainOptions, origin: Origin | None) -> Path:
    """Of --dec_path; of the published codec, for a generator that belongs to one, where the flag was not given."""
    if origin is None or origin.info.get("codec_identity") != ANY_PUBLISHED or "dec_path" in _given(options):
        folder = locate.resolve_folder(options.dec_path)
        return locate.resolve_checkpoint(folder) if folder.exists() else folder  # training goes without one, too
    return render.find_codec(origin.folder, None, ANY_PUBLISHED)


def _codec_of(options: TrainOptions, origin: Origin | None) -> tuple[str, int | None]:
    """Identity and channels of the codec in --dec_path; "" and None where there is none."""
    published = origin is not None and origin.info.get("codec_identity") == ANY_PUBLISHED
    if not options.dec_path.exists() and not published:
        console.warn(
            f"there is no codec in --dec_path {options.dec_path}: checkpoints will have no samples to listen to"
        )
        return "", None
    codec = describe(options.dec_path, models.codec_sizes(options))
    if origin is not None and published:
        channels = GeneratorConfig.from_dict(origin.info["config"]).channels
        render.check_codec(origin.folder, ANY_PUBLISHED, channels, options.dec_path, codec)
    return codec.identity, codec.channels


def _mark(data: TrainingSet, folder: Path) -> str:
    """A short hash of what latents these are, by paths in their folder and lengths: a run goes on only with its own."""
    names = sorted(f"{file.path.relative_to(folder).as_posix()} {file.length}" for file in data.files)
    return hashlib.sha256("\n".join(names).encode(errors="surrogatepass")).hexdigest()[:16]


# ----------------------------------------------------------------------------------------------------- codec


def _train_codec(options: TrainOptions) -> int:
    from musika import audio

    for name in (*origins.SIZES, *FLAGS):
        if getattr(options, name) is not None:
            whose = "published codecs, which are not trained here" if name in FLAGS else "--stage gan"
            raise UsageError(f"--{name} belongs to {whose}: leave it out")
    if "gradio" in options.given and options.gradio:
        console.warn("there is no preview page for codecs: --gradio is left out")
    origin = _regulated(origins.found(options, "codec/stereo"), options)
    options = origins.with_places(options, origin, _given(options) | OF_OTHER_STAGE["codec"])
    # what cannot be is refused before hours of audio are decoded
    crop = _course(CodecTrainConfig, _continued(options, origin)).crop
    files = audio.find(options.files_path)
    config, weights = CodecConfig(), None
    if origin is not None:
        from musika.codec.load import read_weights

        config, weights = read_weights(origin.folder)
        if checkpoint.has(origin.folder, "critic"):
            weights = {**weights, "critic": checkpoint.read(origin.folder, "critic")}
    codec_audio.check_crop(config, crop)
    config, weights, origin = codec_audio.tuned(options, config, weights, origin)
    files, held_out = codec_audio.validation_of(options, files)
    pool = codec_audio.pool_of(options, files, config, crop)
    origin = _settled(origin, "audio", pool.mark)
    options = _continued(options, origin)
    train = _course(CodecTrainConfig, options)

    from musika.training.stages.codec import CodecStage

    stage = CodecStage(
        config,
        train,
        pool,
        start=weights,  # a run that goes on replaces them by its state
        previews=codec_audio.excerpts_of(
            held_out or pool.sources[:: max(1, len(pool.sources) - 1)], config.sample_rate
        ),
        precision=_precision(options),
        xla=options.xla != "False",  # spectra and losses gain from it on a processor, too
        trained={"audio": pool.mark},
    )
    console.say(f"{len(pool.sources)} files, {pool.seconds / 3600:.2f} hours of audio")
    return _run(options, stage, train, origin, None)


def _precision(options: TrainOptions) -> str:
    """Of a codec's networks: float16 is not scaled for them, so float32 stands in for it."""
    from musika import backend

    policy: str = backend.precision(options.mixed_precision)
    if policy != "mixed_float16":
        return policy
    console.say("this device has no bfloat16, and codecs are not trained in float16: float32 is used")
    return "float32"


def _regulated(origin: Origin | None, options: TrainOptions) -> Origin | None:
    """A run whose encoder shall now rest, or whose latents are to be whitened otherwise, is fine-tuned instead."""
    name = NOT_WITHIN[options.stage]
    if origin is None or not origin.resumes or name not in _given(options):
        return origin
    own = origin.said("training", "course", name)
    if getattr(options, name) == (BEFORE.get(name, False) if own is None else own):
        return origin
    console.say(f"--{name} {getattr(options, name)} differs from the run of {origin.folder}")
    return dataclasses.replace(origin, resumes=False)


# ------------------------------------------------------------------------------------------------- what both share


def _settled(origin: Origin | None, what: str, mark: str) -> Origin | None:
    """Whether a run of one's own goes on, or weights are fine-tuned: always on other data than the run's.

    Args:
        what: "latents" or "audio".
        mark: of the data that there is now.
    """
    if origin is None:
        return None
    if origin.resumes:
        if origin.said("trained", what) in (None, mark):
            return origin
        console.say(
            f"{origin.folder} was trained on other {what}: its weights are fine-tuned, with fresh optimizers "
            "(what --valid_path holds out counts, too)"
        )
        return dataclasses.replace(origin, resumes=False)
    critic = "its critic" if origin.critic else "a fresh critic"
    console.say(f"fine-tuning {origin.folder} with {critic + ' and ' if what == 'latents' else ''}fresh optimizers")
    return origin


def _continued(options: TrainOptions, origin: Origin | None) -> TrainOptions:
    """A run that goes on keeps its own course where no flag says otherwise."""
    given = _given(options)
    if origin is None:
        return options
    if not origin.resumes:  # a codec that can do magnitudes and waveforms already goes straight to the critics
        skipped = {"magnitude_samples", "critic_samples"} - given if options.stage == "codec" else set()
        changes: dict[str, Any] = dict.fromkeys(skipped, 0)
        return dataclasses.replace(options, **changes)
    names = COURSE + (COURSE_OF_CODECS if options.stage == "codec" else ())
    own = {name: origin.said("training", "course", name) for name in names}
    own = {name: BEFORE.get(name) if value is None else value for name, value in own.items()}
    own = {name: value for name, value in own.items() if value is not None}
    if "seed" in own and "seed" in given and options.seed != own["seed"]:
        raise UsageError(f"--seed {options.seed} contradicts {origin.folder}, which has {own['seed']}: leave it out")
    for name, value in own.items():
        if type(value) is not type(getattr(options, name)) and not (
            isinstance(getattr(options, name), float) and type(value) is int
        ):
            raise CheckpointError(f"{origin.folder / checkpoint.CONFIG}: {name} of its course is not usable")
    return dataclasses.replace(options, **{name: value for name, value in own.items() if name not in given})


def _given(options: TrainOptions) -> frozenset[str]:
    """Names of the flags that were said, or whose value could not be there otherwise."""
    defaults = {field.name: field.default for field in flags.fields(TrainOptions)}
    defaults |= flags.STAGE_DEFAULTS[options.stage]
    return options.given | {name for name, value in defaults.items() if getattr(options, name) != value}


def _course(kind: type[Any], options: TrainOptions) -> Any:
    """The training configuration that the flags describe."""
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in dataclasses.asdict(options).items() if name in names})


def _run(options: TrainOptions, stage: Any, train: Any, origin: Origin | None, page: list[str] | None) -> int:
    """The loop, with its folders, its log and its pages."""
    folder = _run_folder(options, origin)
    course = {name: getattr(options, name) for name in COURSE + COURSE_OF_CODECS}
    settings = loop.Settings(
        bs=train.bs,
        totsamples=train.totsamples,
        epochs=train.epochs,
        save_every=train.save_every,
        seed=train.seed,
        minutes=options.minutes,
        threads=_threads(),
        notes={"course": course},
    )
    console.say(f"run: {folder}")
    log = BoardLog(options.log_path / folder.name)
    with Alongside() as pages:
        if options.tensorboard:
            pages.start_board(options.log_path, options.host)
        words = None if page is None else [*page, *_page_flags(options, folder)]
        try:
            return loop.run(
                stage,
                settings,
                folder,
                load_path=origin.folder if origin is not None and origin.resumes else None,
                log=log,
                on_checkpoint=_opener(pages, words),
                record=_describe(options, stage),
            )
        finally:
            log.close()


def _threads() -> int:
    """Threads that prepare batches: an accelerator waits for a single one, a processor has its cores to share."""
    from musika import backend

    return min(MOST_THREADS, max(1, (os.cpu_count() or 1) - 1)) if backend.has_accelerator() else 1


def _page_flags(options: TrainOptions, folder: Path) -> list[str]:
    """The preview page shows the run's newest checkpoint and leaves a GPU to the training."""
    flags_of_page = {"load_path": folder.resolve(), "port": options.port, "host": options.host, "cpu": True}
    flags_of_page |= {"share_gradio": options.share_gradio, "truncation": options.truncation}
    return [word for name, value in flags_of_page.items() for word in (f"--{name}", str(value))]


def _opener(pages: Alongside, words: list[str] | None) -> Callable[[Path], None]:
    return lambda _: pages.start_preview(words) if words is not None else None


def _run_folder(options: TrainOptions, origin: Origin | None) -> Path:
    """Where checkpoints go: a run that goes on from its newest one stays in its folder, all else gets a new one."""
    if origin is not None and origin.resumes:
        folder = origin.folder.resolve().parent
        within = folder.parent == options.save_path.resolve()
        if within and locate.list_checkpoints(folder)[-1:] == [origin.folder.resolve()]:
            return options.save_path / folder.name
    name = f"{options.stage}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    tried = [options.save_path / name, *(options.save_path / f"{name}-{n}" for n in range(2, 100))]
    return next(folder for folder in tried if not folder.exists())


def _describe(options: TrainOptions, stage: Any) -> dict[str, Any]:
    """The run's configuration as JSON values, for whoever wants to know later how it was made."""
    values = {field.name: getattr(options, field.name) for field in flags.fields(TrainOptions)}
    flags_given = {
        name: value if value is None or isinstance(value, (bool, int, float)) else str(value)
        for name, value in values.items()
    }
    return {"flags": flags_given, "config": stage.config.to_dict(), "train": stage.train.to_dict()}
