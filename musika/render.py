"""Music as a pure function of position: what sounds at second t depends on (generator, codec, seed, truncation, t).

A piece has no end. Its latents are made in groups of half-windows, its waveform in batches of decoder windows, both at
absolute multiples of one size and in one shape, wherever rendering begins and however long it is. So a whole file, a
stream, a seek and one worker of many give the same samples, bit for bit on one machine, and each network is compiled
once. Latents before the first are zero, as the codec's own decoding of a whole piece has it.

Nothing here changes while it is used: a call keeps its latest groups of latents, and forgets them at its end.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from musika import checkpoint, hub, legacy
from musika.codec import load as codec_load
from musika.codec.base import AUDIO_CHANNELS, Codec
from musika.config import ANY_PUBLISHED, GeneratorConfig, same_codec
from musika.errors import CheckpointError, UsageError
from musika.files import shown
from musika.flags import RenderOptions
from musika.gan import load as gan_load
from musika.gan.coordinates import rendering_coordinates
from musika.gan.noise import rendering_noise

GROUP = 2  # half-windows that the generator makes at once: fewer are bound by reading its weights, more cost latency
AT_ONCE = 64  # latents that the codec decodes at once, in as many windows: more leave the processor's caches
TRUNCATION = 2.0  # bound of the truncated normal that anchors and style are drawn from

# flags that say a size, and the configuration's name for it
GENERATOR_SIZES = {"small": "small", "base_channels": "base_channels", "coorddepth": "coordinate_depth"}

Generate = Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Model:
    """All that sounds: a generator and the codec whose latents it makes.

    Attributes:
        config: the generator's sizes.
        generate: coordinates `[GROUP, L/2, 2D]` and noise `[GROUP, t, 1]` a layer to latents `[GROUP, L/2, C]`.
        codec: decodes them.
        name: of the checkpoint, for file names and pages.
    """

    config: GeneratorConfig
    generate: Generate
    codec: Codec
    name: str = "model"

    @property
    def batch(self) -> int:
        """Windows that the codec decodes at once."""
        return max(1, AT_ONCE // self.codec.block)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.codec.sample_rate

    def samples(self, seconds: float) -> int:
        """The sample nearest to a time."""
        return round(seconds * self.sample_rate)


def load_model(
    load_path: Path,
    dec_path: Path | None = None,
    sizes: Mapping[str, Any] | None = None,
    dtype: str = "float32",
    xla: bool = False,
) -> Model:
    """Generator and codec from their checkpoint folders.

    Args:
        load_path: the generator's; a relative one is looked for here, then beside the program; a published one that
            is missing is fetched.
        dec_path: the codec's; None looks for the `ae` or `musika_ae` that fits: with the generator, in `checkpoints/`
            here, and beside the program.
        sizes: what flags say about generator and codec (`small`, `hop`, ...); None is no opinion.
        dtype: precision of the networks, a dtype policy of Keras.
        xla: compile with XLA.

    Raises:
        CheckpointError: a folder is missing, torn, or the codec is not the one that the generator was trained with.
        UsageError: a size contradicts the checkpoint.
    """
    folder = hub.find_checkpoint(load_path)
    info = gan_load.read_info(folder)
    _check_sizes(folder, info.get("config"), sizes or {})
    codec_folder = find_codec(folder, dec_path, str(info.get("codec_identity")))

    loaded = gan_load.load_generator(folder, dtype=dtype)
    codec = codec_load.load_codec(
        codec_folder, dtype, xla, {name: (sizes or {}).get(name) for name in codec_load.FLAGS}
    )
    check_codec(folder, loaded.codec_identity, loaded.config.channels, codec_folder, codec)
    return Model(loaded.config, compiled(loaded.generator, xla), codec, _name(folder.resolve()))


def load_from_options(options: RenderOptions) -> Model:
    """`load_model` as the flags of `generate` and `test` say."""
    folder = hub.find_checkpoint(options.load_path)  # first of all: what cannot be found or fetched is said at once

    from musika import backend

    return load_model(
        folder,
        options.dec_path,
        sizes={name: getattr(options, name) for name in GENERATOR_SIZES} | codec_load.asked_by(options),
        dtype=backend.precision(options.mixed_precision),
        xla=backend.use_xla(options.xla),
    )


def compiled(generator: Any, xla: bool = False) -> Generate:
    """A generator layer as a function of NumPy arrays, compiled at its first call."""
    from musika import backend

    call = backend.compile(lambda coordinates, noise: generator(coordinates, noise), xla)
    return lambda coordinates, noise: backend.to_numpy(call(coordinates, list(noise)))


def render(model: Model, seed: int, start: float, duration: float, truncation: float = TRUNCATION) -> np.ndarray:
    """A stretch of the piece of that seed.

    Args:
        start: seconds from the beginning of the piece, from 0 on, as far out as one likes.
        duration: seconds.

    Returns:
        Waveform `[round(duration * sample_rate), 2]` float32 in [-1, 1], from sample round(start * sample_rate) on.

    Raises:
        UsageError: a negative start or duration.
        CheckpointError: the networks give no finite numbers.
    """
    return render_samples(model, seed, model.samples(start), model.samples(duration), truncation)


def render_samples(model: Model, seed: int, first: int, count: int, truncation: float = TRUNCATION) -> np.ndarray:
    """`render`, in samples: `[count, 2]` from sample `first` on."""
    waveform = np.empty((max(count, 0), AUDIO_CHANNELS), np.float32)
    done = 0
    for block in stream_samples(model, seed, first, count, truncation):
        waveform[done : done + len(block)] = block
        done += len(block)
    return waveform


def stream(
    model: Model, seed: int, start: float = 0.0, truncation: float = TRUNCATION, duration: float | None = None
) -> Iterator[np.ndarray]:
    """`render` in blocks `[n, 2]`, without end unless a duration (seconds) is given; one block ahead of its reader.

    The memory it takes does not depend on the duration.
    """
    count = None if duration is None else model.samples(duration)
    return ahead(stream_samples(model, seed, model.samples(start), count, truncation))


def stream_samples(
    model: Model, seed: int, first: int, count: int | None = None, truncation: float = TRUNCATION
) -> Iterator[np.ndarray]:
    """`stream`, in samples, each block made when it is asked for."""
    if first < 0 or (count is not None and count < 0):
        raise UsageError(f"samples {first} to {first} + {count} are not all from 0 on")
    size = block_samples(model)
    stop = None if count is None else first + count
    latents = _Latents(model, seed, truncation)
    index = first // size
    while stop is None or (first < stop and index * size < stop):
        block = _decoded(model, latents, index)
        begin = max(first - index * size, 0)
        end = size if stop is None else min(stop - index * size, size)
        yield block[begin:end]
        index += 1


def block_samples(model: Model) -> int:
    """Samples in one whole block of a stream."""
    return model.batch * model.codec.block * model.codec.hop_total


def clipped_share(block: np.ndarray) -> float:
    """How many of a rendered block's numbers stand at full scale because they were clipped there, 0 to 1."""
    return float(np.mean(np.abs(block) >= 1.0)) if block.size else 0.0


def ahead(blocks: Iterable[np.ndarray]) -> Generator[np.ndarray, None, None]:
    """The same blocks, the next one always being made in a thread while this one is used."""
    iterator = iter(blocks)
    with ThreadPoolExecutor(1, thread_name_prefix="render") as worker:
        coming = worker.submit(next, iterator, None)
        while (block := coming.result()) is not None:
            coming = worker.submit(next, iterator, None)
            yield block


def _decoded(model: Model, latents: _Latents, index: int) -> np.ndarray:
    """Block `index` of the waveform, `[block_samples, 2]`, clipped to [-1, 1] sample by sample."""
    codec = model.codec
    windows = range(index * model.batch, (index + 1) * model.batch)
    spans = [latents.span(w * codec.block - codec.context, (w + 1) * codec.block + codec.context) for w in windows]
    waveform = codec.decode_window_at(windows[0], np.stack(spans))  # [batch, block hop_total, 2]
    if not np.isfinite(waveform).all():
        raise CheckpointError(f"{model.name} gives numbers that are not finite: its training has failed, take another")
    return np.clip(waveform, -1.0, 1.0).reshape(-1, AUDIO_CHANNELS)


class _Latents:
    """Latents of one piece by absolute number, with the latest groups kept at hand."""

    def __init__(self, model: Model, seed: int, truncation: float) -> None:
        self.model, self.seed, self.truncation = model, seed, truncation
        self.size = GROUP * model.config.half_window  # latents in a group
        span = model.batch * model.codec.block + 2 * model.codec.context
        self.room = span // self.size + 2
        self.kept: OrderedDict[int, np.ndarray] = OrderedDict()

    def span(self, start: int, stop: int) -> np.ndarray:
        """Latents `[stop - start, C]` from number `start` on; those before 0 are zero."""
        parts = [np.zeros((max(min(stop, 0) - start, 0), self.model.config.channels), np.float32)]
        start = max(start, 0)
        for index in range(start // self.size, -(-max(stop, 0) // self.size)):
            offset = index * self.size
            parts.append(self._group(index)[max(start - offset, 0) : stop - offset])
        return np.concatenate(parts)

    def _group(self, index: int) -> np.ndarray:
        """Group `index`, `[GROUP L/2, C]`."""
        if index not in self.kept:
            self.kept[index] = self._made(index)
            if len(self.kept) > self.room:
                self.kept.popitem(last=False)
        return self.kept[index]

    def _made(self, index: int) -> np.ndarray:
        config = self.model.config
        places = rendering_coordinates(config, self.seed, self.truncation, index * self.size, self.size)
        coordinates = places.reshape(GROUP, config.half_window, -1)  # [GROUP, L/2, 2D]
        noise = rendering_noise(config, self.seed, index * GROUP, GROUP)
        return self.model.generate(coordinates, noise).reshape(self.size, config.channels)


def find_codec(generator: Path, named: Path | None, identity: str) -> Path:
    """The codec's folder: the one that was named, or the first that fits.

    Looked for in and beside the generator's folder, in `checkpoints/` here, and beside the program, as `ae` and as
    `musika_ae`. A generator that only says that it belongs to a published codec gets `checkpoints/musika_ae`, fetched
    if need be.
    """
    if named is not None:
        return hub.find_checkpoint(named)
    generator = generator.resolve()
    if legacy.holds_codec(generator):
        return generator
    around = (generator, generator.parent, Path("checkpoints"), hub.INSTALLED / "checkpoints")
    places = [place / name for place in around for name in ("ae", hub.CODEC)]
    there = [folder for folder in places if folder.is_dir() and not hub.is_missing(folder)]
    for folder in there:
        kind, own = _codec_says(folder)
        if same_codec(identity, own, kind):
            return hub.published(folder)
    if identity == ANY_PUBLISHED:
        return hub.published(Path("checkpoints") / hub.CODEC)
    if not there:
        raise CheckpointError(f"no codec found for {generator}: name its folder with --dec_path")
    # loading will say what does not fit; whether Musika's own files do is seen only then
    return next((folder for folder in there if legacy.holds(folder)), there[0])


def check_codec(
    folder: Path, wanted: str, channels: int, codec_folder: Path, codec: Codec | codec_load.CodecInfo
) -> None:
    """Whether a codec is the one whose latents a generator makes.

    Args:
        folder: the generator's.
        wanted: identity of its codec, or ANY_PUBLISHED.
        channels: C of the generator.
        codec_folder: where the codec is from.

    Raises:
        CheckpointError: it is another one.
    """
    if not same_codec(wanted, codec.identity, codec.kind):
        right = "the published codec" if wanted == ANY_PUBLISHED else f"codec {wanted}"
        raise CheckpointError(
            f"{shown(folder)} was trained on latents of {right}, but {shown(codec_folder)} holds {codec.kind} codec "
            f"{codec.identity}: name the right codec's folder with --dec_path"
        )
    if codec.channels != channels:
        raise CheckpointError(
            f"{shown(folder)} makes latents of {channels} numbers, but the codec in {shown(codec_folder)} takes "
            f"{codec.channels}: name the right codec's folder with --dec_path"
        )


def _codec_says(folder: Path) -> tuple[str, str]:
    """Kind and identity of a codec, where its folder says them."""
    if legacy.holds(folder):
        return "musika", ""
    info = checkpoint.read_config(folder)
    return str(info["kind"]).removeprefix("codec/"), str(info.get("codec_identity"))


def _name(folder: Path) -> str:
    """What a checkpoint is called: its folder's name, after the run's where it is only a number."""
    return f"{folder.parent.name}-{folder.name}" if folder.name.isdecimal() else folder.name


def _check_sizes(folder: Path, config: Any, sizes: Mapping[str, Any]) -> None:
    """Refuses flags that contradict a generator's configuration."""
    for name, field in GENERATOR_SIZES.items():
        value, says = sizes.get(name), config.get(field) if isinstance(config, dict) else None
        if value is not None and says is not None and value != says:
            raise UsageError(f"--{name} {value} contradicts {folder}, which has {says}: leave the flag out")
