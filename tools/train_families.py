"""Train the small network that hears which families of instruments play.

Reads pairs of .flac and .mid below the folders PAIRS, as `tools.data.write_excerpts` and `tools.data.render_pairs` make
them. A file in which one family plays is a sound of that family. An example mixes windows of one to four families at
random levels, through a random equaliser, with some noise; a family counts as heard where it is at most 20 dB softer
than all together. Files in which several families play are examples as they are. With --codec, every third file is also
heard after a codec has encoded and decoded it. The weights are written to --out. `python -m benchmarks.instruments
--pairs PAIRS` measures the network that is installed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from musika import audio, console
from musika.errors import UsageError
from musika.listening import family_network as net
from musika.listening.recording import RATE
from musika.score import Score, read_score
from musika.tracks import FAMILIES, find_families, select_family
from tools.common import command

SOFTEST = -20.0  # dB of a family relative to all, from which on it counts as heard
COUNTS = (0.4, 0.25, 0.2, 0.15)  # how often one, two, three and four families are mixed
GAINS = 15.0  # dB: largest difference of level between families that are mixed
EQUALISER, POINTS = 8.0, 6  # dB, and bands of the random equaliser
NOISE = (-75.0, -40.0)  # dB of noise relative to the loudest band
TOGETHER = 0.25  # share of examples from files in which several families play
LEAST_SOUNDING = 0.15  # share of a window in which a family sounds in such a file
EVERY = 3  # files of which one is heard through the codec, too


@dataclasses.dataclass(frozen=True, eq=False)
class Sound:
    """A file that is learned from.

    Attributes:
        levels: dB of the bands, relative to the loudest 5 % of its frames, float32 `[frames, 64]`.
        families: those that play, as numbers.
        sounding: whether each family sounds, bool `[frames, 11]`.
    """

    levels: np.ndarray
    families: tuple[int, ...]
    sounding: np.ndarray


def trace_families(score: Score, frames: int) -> np.ndarray:
    """Whether each family sounds in each frame, bool `[frames, 11]`. Drums and plucked notes sound for 0.3 s."""
    sounding = np.zeros((frames, len(FAMILIES)), bool)
    for family in find_families(score):
        notes = select_family(score, family).notes
        for onset, release in zip(notes.onsets, notes.releases, strict=True):
            first, last = (round(second * RATE / net.HOP) for second in (onset, max(release, onset + 0.3)))
            sounding[first:last, FAMILIES.index(family)] = True
    return sounding


def read_sounds(folders: list[Path], codec_path: Path | None) -> Iterator[Sound]:
    """All files of the folders; some of them through the codec, too."""
    import librosa

    codec = None
    if codec_path is not None:
        import musika

        codec = musika.load_codec(codec_path)
    paths = sorted(path for folder in folders for path in folder.rglob("*.flac") if path.with_suffix(".mid").is_file())
    if not paths:
        raise UsageError("the folders hold no .flac files with .mid files beside them")
    with console.progress(len(paths), "files", "read") as bar:
        for number, path in enumerate(paths):
            waveform = audio.read(path)
            versions = [waveform]
            if codec is not None and number % EVERY == 0:
                versions.append(codec.reconstruct(waveform))
            for version in versions:
                mono = librosa.resample(version.mean(axis=1), orig_sr=44_100, target_sr=RATE, res_type="soxr_hq")
                levels = net.compute_levels(mono)
                levels -= np.percentile(levels.max(axis=1), 95)
                score = read_score(path.with_suffix(".mid"))
                families = tuple(FAMILIES.index(name) for name in find_families(score))
                yield Sound(levels, families, trace_families(score, len(levels)))
            bar.advance(1)


class Examples:
    """Draws examples from sounds."""

    def __init__(self, sounds: list[Sound], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.single = [[s for s in sounds if s.families == (n,)] for n in range(len(FAMILIES))]
        self.several = [s for s in sounds if len(s.families) > 1]
        if missing := [name for name, own in zip(FAMILIES, self.single, strict=True) if not own]:
            raise UsageError(f"there are no sounds of {', '.join(missing)} alone")

    def draw_batch(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Windows `[count, 128, 64]` as the network sees them, and which families are heard, `[count, 11]`."""
        examples = [self._draw() for _ in range(count)]
        return np.stack([levels for levels, _ in examples]), np.stack([heard for _, heard in examples])

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        if self.several and self.rng.uniform() < TOGETHER:
            sound = self.several[self.rng.integers(len(self.several))]
            levels, sounding = self._cut(sound)
            return self._disturb(levels), (sounding.mean(axis=0) >= LEAST_SOUNDING).astype(np.float32)
        count = 1 + self.rng.choice(len(COUNTS), p=COUNTS)
        chosen = self.rng.choice(len(FAMILIES), count, replace=False)
        parts = []
        for family in chosen:
            own = self.single[family]
            levels, _ = self._cut(own[self.rng.integers(len(own))])
            parts.append(10 ** ((levels - self.rng.uniform(0.0, GAINS)) / 10))
        total = np.sum(parts, axis=0)
        heard = np.zeros(len(FAMILIES), np.float32)
        for family, part in zip(chosen, parts, strict=True):
            heard[family] = 10 * np.log10(part.sum() / total.sum() + 1e-12) >= SOFTEST
        return self._disturb(10 * np.log10(total + 1e-12)), heard

    def _cut(self, sound: Sound) -> tuple[np.ndarray, np.ndarray]:
        """A window in which something is heard."""
        for _ in range(20):
            first = self.rng.integers(max(1, len(sound.levels) - net.FRAMES))
            levels = sound.levels[first : first + net.FRAMES]
            if levels.max() > -30.0:
                break
        return levels, sound.sounding[first : first + net.FRAMES]

    def _disturb(self, levels: np.ndarray) -> np.ndarray:
        """Another room and recording: a curve over the bands, noise, a level below the loudest of the recording."""
        curve = np.interp(np.arange(net.BANDS), np.linspace(0, net.BANDS - 1, POINTS), self.rng.normal(0, 1, POINTS))
        levels = levels + EQUALISER / 2 * curve + self.rng.uniform(-1, 1) * EQUALISER * np.linspace(-1, 1, net.BANDS)
        loudest = levels.max()
        noise = self.rng.uniform(*NOISE) + loudest + self.rng.normal(0, 1.5, levels.shape)
        noise = noise + self.rng.uniform(-15, 5) * np.linspace(0, 1, net.BANDS)
        levels = 10 * np.log10(10 ** (levels / 10) + 10 ** (noise / 10))
        if self.rng.uniform() < 0.3:  # a recording without the highest bands
            levels[:, self.rng.integers(40, net.BANDS) :] = loudest - net.FLOOR
        shift = self.rng.uniform(0.0, 15.0)
        return net.scale_levels(levels, loudest + shift)


def build_network() -> Any:
    """The network of `musika.listening.family_network` as Keras trains it: `[B, 128, 64]` to logits `[B, 11]`."""
    import keras
    from keras import layers

    inputs = keras.Input((net.FRAMES, net.BANDS))
    x = layers.Reshape((net.FRAMES, net.BANDS, 1))(inputs)
    for number, channels in enumerate(net.CHANNELS):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"conv_{number}")(x)
        x = layers.BatchNormalization(momentum=0.98, name=f"norm_{number}")(x)
        x = layers.MaxPooling2D(2)(layers.ReLU()(x))
    x = layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    x = layers.Dense(net.HIDDEN, activation="relu", name="hidden")(layers.Dropout(0.3)(x))
    return keras.Model(inputs, layers.Dense(len(FAMILIES), name="out")(layers.Dropout(0.2)(x)))


def fold_weights(network: Any) -> dict[str, np.ndarray]:
    """The weights as `family_network` takes them, normalisations folded into the convolutions before them."""
    folded = {}
    for number in range(len(net.CHANNELS)):
        (kernel,) = network.get_layer(f"conv_{number}").get_weights()
        layer = network.get_layer(f"norm_{number}")
        gamma, beta, mean, variance = layer.get_weights()
        scale = gamma / np.sqrt(variance + layer.epsilon)
        folded[f"conv_{number}/kernel"], folded[f"conv_{number}/bias"] = kernel * scale, beta - mean * scale
    for name in ("hidden", "out"):
        folded[f"{name}/kernel"], folded[f"{name}/bias"] = network.get_layer(name).get_weights()
    return folded


def train(examples: Examples, options: Any) -> Any:
    """The trained network."""
    import keras

    keras.utils.set_random_seed(options.seed)
    network = build_network()
    steps = options.samples // options.batch
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps, warmup_target=options.lr, warmup_steps=max(1, steps // 20)
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-3)
    network.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    losses: list[float] = []
    with console.progress(steps, "steps", "train") as bar:
        for step in range(steps):
            losses.append(float(network.train_on_batch(*examples.draw_batch(options.batch), return_dict=True)["loss"]))
            network.reset_metrics()  # of the mean that Keras keeps
            bar.advance(1)
            if (step + 1) % 200 == 0:
                bar.note(f"step {step + 1}: cross-entropy {np.mean(losses[-200:]):.4f}")
    return network


def save(network: Any, path: Path) -> None:
    """Writes the weights, in half precision."""
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: array.astype(np.float16) for name, array in fold_weights(network).items()}, path)


def main() -> int:
    parser = command.make_parser("tools.train_families", __doc__)
    parser.add_argument("pairs", type=Path, nargs="+", metavar="PAIRS", help="folders of pairs of sound and score")
    parser.add_argument("--out", type=Path, default=net.WEIGHTS, metavar="FILE", help="weights that are written")
    parser.add_argument("--codec", type=Path, metavar="FOLDER", help="codec that some files are heard through")
    parser.add_argument("--samples", type=command.parse_number(int, 1), default=150_000, metavar="N", help="examples")
    parser.add_argument("--batch", type=command.parse_number(int, 1), default=64, metavar="N", help="of a step")
    parser.add_argument("--lr", type=command.parse_number(float, 0), default=2e-3, metavar="X", help="learning rate")
    parser.add_argument("--seed", type=command.parse_number(int, 0), default=0, metavar="N", help="decides everything")
    options = parser.parse_args()
    sounds = list(read_sounds(options.pairs, options.codec))
    save(train(Examples(sounds, options.seed), options), options.out)
    return 0


if __name__ == "__main__":
    command.run(main)
