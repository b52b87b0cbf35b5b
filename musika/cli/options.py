# ruff: noqa: RUF009 (flag() makes a dataclass field)
"""The options of each verb: its flags with type, default, range and help text, declared once. Standard library only."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from musika.errors import UsageError

Switch = Literal["auto", "True", "False"]
MAX_SEED = 2**63 - 1
MAX_SECONDS = 360_000  # 100 hours
AS_TRAINED = "what the checkpoint says; another value is an error"
SEED = "number that fixes every random choice"
PRECISION = "compute with 16-bit numbers; auto: where it is faster and exact enough"
XLA = "compile with XLA; auto: where it is faster"
FETCHED = "checkpoints/techno, misc or misc_small"
AUDIO_KIND = "kind of audio file; wav is 16-bit"
PUBLISHED = "Published codecs"


def place(text: str, group: str = "") -> Any:
    """A dataclass field that is typed without a flag, at its place in the line."""
    unlimited = {"low": None, "high": None, "above": None}
    return dataclasses.field(metadata={"text": text, "group": group, "shown": None, "place": True, **unlimited})


def flag(
    default: Any,
    text: str,
    group: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    shown: str | None = None,
) -> Any:
    """A dataclass field that is also a flag.

    Args:
        default: the value without the flag.
        text: what a person reads, with the unit.
        group: heading in --help.
        low: smallest allowed value.
        high: largest allowed value.
        above: the value must be larger than this.
        shown: what --help calls the default, where the value itself says little.
    """
    limits = {"low": low, "high": high, "above": above}
    return dataclasses.field(default=default, metadata={"text": text, "group": group, "shown": shown, **limits})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What every verb takes. Options check themselves at birth.

    Raises:
        UsageError: a value outside its range; the text names the flag and the range.
    """

    given: frozenset[str] = dataclasses.field(default=frozenset(), compare=False)  # flags that were said, by `parse`
    cpu: bool = flag(False, "leave a GPU alone and compute on the processor", "Machine")
    verbose: bool = flag(False, "show framework messages, and tracebacks of faults", "Messages")

    def __post_init__(self) -> None:
        for field in fields(type(self)):
            _check_range(field, getattr(self, field.name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodecOptions(Options):
    """Sizes of published codecs, by Musika's names; the weights of one say the first two themselves."""

    hop: int | None = flag(None, "samples between spectra", PUBLISHED, 4, 4096, shown=AS_TRAINED)
    latdepth: int | None = flag(None, "numbers in a latent of one channel", PUBLISHED, 1, 4096, shown=AS_TRAINED)
    shape: int | None = flag(None, "spectra in a window", PUBLISHED, 1, 8192, shown="128")
    window: int | None = flag(None, "spectra that are decoded together", PUBLISHED, 16, 4096, shown="64")
    mu_rescale: float | None = flag(None, "dB that networks see as 0", PUBLISHED, -300, 300, shown="-25")
    sigma_rescale: float | None = flag(None, "dB that they see as 1", PUBLISHED, above=0, high=300, shown="75")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncodeOptions(CodecOptions):
    """Audio folder to latents."""

    files_path: Path = flag(Path("audio_samples"), "folder of audio files, sub-folders included", "Folders")
    save_path: Path = flag(Path("encoded_samples"), "folder that the latents are written to", "Folders")
    dec_path: Path = flag(Path("checkpoints/ae"), "folder of the codec that encodes", "Folders")
    max_lat_len: int = flag(512, "latents in one chunk; a latent is 0.093 s", "Chunks", low=1, high=10_000_000)
    whole: bool = flag(False, "one file of latents for each audio file, of any length, instead of chunks", "Chunks")
    reader: Literal["soundfile", "tensorflow-io"] = flag("soundfile", "what reads audio files", "Chunks")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")
    seed: int = flag(0, SEED, "Machine", 0, MAX_SEED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecodeOptions(CodecOptions):
    """Latents to audio files."""

    files_path: Path = flag(Path("encoded_samples"), "folder of latents (.npy), sub-folders included", "Folders")
    save_path: Path = flag(Path("decoded_samples"), "folder that the audio is written to", "Folders")
    dec_path: Path = flag(Path("checkpoints/ae"), "folder of the codec that encoded them", "Folders")
    format: Literal["wav", "flac", "ogg", "opus", "mp3"] = flag("wav", AUDIO_KIND, "Sound")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")
    seed: int = flag(0, SEED, "Machine", 0, MAX_SEED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(CodecOptions):
    """Training of a generator (`--stage gan`) or of a codec (`--stage codec`)."""

    stage: Literal["gan", "codec"] = flag("gan", "what to train: a generator (gan) or a codec", "What")
    train_path: Path = flag(Path("training_samples"), "folder of latents, for --stage gan", "What")
    files_path: Path = flag(Path("audio_samples"), "folder of audio files, for --stage codec", "What")
    valid_path: Path | None = flag(
        None, "to measure on: audio (codec) or latents (gan)", "What", shown="taken from what is given"
    )
    load_path: Path | None = flag(None, "checkpoint to go on from or to fine-tune", "What", shown="none: from scratch")
    dec_path: Path = flag(Path("checkpoints/ae"), "folder of the codec that made the latents", "What")
    save_path: Path = flag(Path("checkpoints"), "folder that checkpoints are written to", "What")
    log_path: Path = flag(Path("logs"), "folder that TensorBoard's logs are written to", "What")
    small: bool | None = flag(None, "windows of 12 s instead of 24 s, a smaller network", "Network", shown="False")
    base_channels: int | None = flag(None, "width of the networks, in channels", "Network", 1, 4096, shown="128")
    critic_channels: int | None = flag(None, "width of the critic alone", "Network", 1, 4096, shown="as the generator")
    coorddepth: int | None = flag(None, "numbers in a coordinate", "Network", 1, 4096, shown="64")
    local_critics: bool | None = flag(
        None, "critics of 0.1, 0.4 and 1.5 s beside that of windows; False is Musika's way", "Network", shown="True"
    )
    lr: float = flag(1e-4, "learning rate", "Course", above=0, high=1, shown="0.0001; codec 0.0007")
    bs: int = flag(32, "batch size, in examples", "Course", 1, 65_536, shown="32; codec 8")
    epochs: int = flag(250, "epochs to train", "Course", 1, 10_000_000)
    totsamples: int = flag(300_000, "examples in an epoch", "Course", 1, 10**12, shown="300000; codec 20000")
    save_every: int = flag(1, "epochs between checkpoints", "Course", 1, 10_000_000)
    gp_max_weight: float = flag(10.0, "factor of the gradient penalty", "Course", 0, 1e6)
    truncation: float = flag(2.0, "bound of the random coordinates, in standard deviations", "Course", above=0, high=10)
    average_decay: float = flag(
        0.999, "share of the average that a step keeps; its result is what plays", "Course", 0, 1
    )
    whitening: float = flag(0.5, "how far latents are whitened while training; 0 is Musika's way", "Course", 0, 1)
    minutes: float = flag(0.0, "stop by itself after that many minutes; 0 is never", "Course", 0, 10_000_000)
    seed: int = flag(0, SEED, "Course", 0, MAX_SEED)
    magnitude_samples: int = flag(40_000, "examples that train magnitudes alone, at double speed", "Codec", 0, 10**12)
    critic_samples: int = flag(100_000, "examples after which critics judge the sound, too", "Codec", 0, 10**12)
    decay_samples: int = flag(200_000, "examples until the learning rate has fallen to a tenth", "Codec", 1, 10**12)
    freeze_encoder: bool = flag(False, "train the decoder alone; encoded folders stay valid", "Codec")
    crop: int = flag(6, "length of an example, in latents of 93 ms", "Codec", 1, 4096)
    linear_weight: float = flag(0.15, "of the loss of single frequencies", "Codec", 0, 1e6)
    mel_weight: float = flag(1.0, "of the loss of mel bands", "Codec", 0, 1e6)
    level_weight: float = flag(1.0, "of the loss of bands' levels", "Codec", 0, 1e6)
    balance_weight: float = flag(1.0, "of the loss of ranges of frequency, where they are heard", "Codec", 0, 1e6)
    texture_weight: float = flag(1.0, "of the loss of how much tones stand out", "Codec", 0, 1e6)
    cycle_weight: float = flag(1.0, "of the loss of latents of what was decoded", "Codec", 0, 1e6)
    tuning: bool | None = flag(None, "the decoder tunes single tones below 5.5 kHz", "Codec", shown="True")
    tuning_weight: float = flag(1.0, "of the loss of tones' frequencies", "Codec", 0, 1e6)
    wave_weight: float = flag(1.0, "of the losses on the waveform, beside those on magnitudes", "Codec", 0, 1e6)
    critic_share: float = flag(1.0, "strength of the critics, beside the losses on the waveform", "Codec", 0, 1e6)
    critic_lr: float = flag(5e-4, "learning rate of the critics", "Codec", above=0, high=1)
    feature_weight: float = flag(2.0, "of features within what the critics say", "Codec", 0, 1e6)
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")
    tensorboard: bool = flag(True, "start TensorBoard alongside and print its link", "Pages")
    gradio: bool = flag(True, "start the preview page alongside and print its link", "Pages")
    port: int = flag(7860, "port of the preview page; a taken one moves to the next", "Pages", 1, 65_535)
    host: str = flag("127.0.0.1", "address that the pages listen on; 0.0.0.0 is every network", "Pages")
    share_gradio: bool = flag(False, "also publish the preview page through gradio.live", "Pages")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenderOptions(CodecOptions):
    """What generating and testing share: a generator, its codec, and the sizes that its checkpoint already says."""

    load_path: Path = flag(Path("checkpoints/open"), f"checkpoint of the generator; {FETCHED} too", "Folders")
    dec_path: Path | None = flag(None, "folder of the codec", "Folders", shown="the generator's own")
    truncation: float = flag(2.0, "smaller is safer, larger wilder; in standard deviations", "Sound", above=0, high=10)
    seed: int | None = flag(None, "number of the piece; the same sounds the same", "Sound", 0, MAX_SEED, shown="drawn")
    small: bool | None = flag(None, "windows of 12 s instead of 24 s", "Network", shown=AS_TRAINED)
    base_channels: int | None = flag(None, "width of the network in channels", "Network", 1, 4096, shown=AS_TRAINED)
    coorddepth: int | None = flag(None, "numbers in a coordinate", "Network", 1, 4096, shown=AS_TRAINED)
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerateOptions(RenderOptions):
    """Music out of a checkpoint, into files."""

    num_samples: int = flag(1, "pieces to make; piece k has the number seed + k", "Sound", 1, 1_000_000)
    seconds: float = flag(120.0, "length of each piece, in seconds", "Sound", 0.001, MAX_SECONDS)
    save_path: Path = flag(Path("generations"), "folder that the audio is written to", "Folders")
    format: Literal["wav", "flac", "ogg", "opus", "mp3"] = flag("wav", AUDIO_KIND, "Sound")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TestOptions(RenderOptions):
    """A page in the browser to listen to a checkpoint."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    port: int = flag(7860, "port of the page; a taken one moves to the next", "Page", 1, 65_535)
    host: str = flag("127.0.0.1", "address that the page listens on; 0.0.0.0 is every network", "Page")
    share_gradio: bool = flag(False, "also publish the page through gradio.live", "Page")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions(CodecOptions):
    """Figures of a codec (`--codec`, `--files_path`), or of generated music (`--generated`, `--reference`)."""

    codec: Path | None = flag(Path("checkpoints/ae"), "folder of the codec; none: do without one", "What")
    files_path: Path = flag(Path("audio_samples"), "folder of audio that the codec is tried on", "What")
    generated: Path | None = flag(None, "folder of generated audio, or of latents", "What", shown="none: try the codec")
    reference: Path | None = flag(None, "folder of real pieces kept out of training", "What", shown="none")
    training: Path | None = flag(None, "folder it was trained on, to find copies", "What", shown="none")
    save_path: Path = flag(Path("evaluation"), "folder that figures and pictures are written to", "What")
    seconds: float = flag(60.0, "of each file, at most, when a codec is tried", "How", 1, MAX_SECONDS)
    latents: bool = flag(True, "also what latents are like, and how decoding bears noise on them", "How")
    pictures: bool = flag(True, "a picture of each file: original, decoded, difference", "How")
    embedding: str | None = flag(None, "another space: onnx:FILE, a network of yours", "How", shown="none")
    embedding_preset: str = flag("vggish", "what that network hears: vggish, or waveform:RATE:SECONDS", "How")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")
    seed: int = flag(0, SEED, "Machine", 0, MAX_SEED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvertOptions(Options):
    """A Musika folder into a checkpoint of ours."""

    source: Path = place("Musika folder, yours or a published one, such as checkpoints/techno", "What")
    target: Path = place("folder that the checkpoint is written to; it must not be there yet", "What")
    half: bool = flag(False, "weights in half precision, in half the size", "How")
    dec_path: Path | None = flag(None, "folder of the generator's codec", "How", shown="musika_ae beside it")


def fields(kind: type[Options]) -> list[dataclasses.Field[Any]]:
    """The fields of options that are flags."""
    return [field for field in dataclasses.fields(kind) if field.metadata]


def _check_range(field: dataclasses.Field[Any], value: Any) -> None:
    low, high, above = (field.metadata[name] for name in ("low", "high", "above"))
    if value is None or low is high is above is None:
        return
    small = (low is not None and not value >= low) or (above is not None and not value > above)
    if small or (high is not None and not value <= high):
        least = f"at least {low}" if low is not None else f"more than {above}"
        raise UsageError(f"--{field.name} {value}: must be {least} and at most {high}")
