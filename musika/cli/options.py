# ruff: noqa: RUF009 (flag() and size_flag() make dataclass fields)
"""The options of each verb: its flags with type, default, range and help text. Standard library only.

Sizes and hyperparameters are declared in `musika.config`: their flags take text and range from there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NewType

from musika.config import (
    MAX_SEED,
    Blend,
    ComposedSettings,
    Config,
    Continue,
    Edit,
    GeneratorConfig,
    GeneratorSettings,
    MusicalSettings,
    PerformerSettings,
    PublishedCodecConfig,
    Vary,
)
from musika.config.fields import describe_field, describe_range, get_fields, is_in_range
from musika.config.formats import AudioFormat, Bits
from musika.config.video import VideoSettings
from musika.errors import UsageError

Switch = Literal["auto", "True", "False"]
Time = NewType("Time", float)  # seconds, typed as 90, 1:30 or 7:00:00, or inf where there is no limit
MAX_SECONDS = 360_000  # 100 hours
AS_TRAINED = "that of the checkpoint; another value is an error"
SEED = "number that fixes every random choice"
PRECISION = "compute with 16-bit numbers; auto: where that is faster and exact enough"
XLA = "compile with XLA; auto: where that is faster"
PIANO = Path("checkpoints/piano")
MUSIC = (
    "checkpoint that makes the music, such as checkpoints/open; checkpoints/techno, misc and misc_small are downloaded"
)
AUDIO_KIND = "kind of audio file"
WATCH = "folder of a training run; the page opens on its progress, and plays its checkpoints if they make music"
RAW = "raw: 16-bit little-endian samples, for standard output only"
RUNS_PATH = "folder of training runs, which the page's tab Training shows"
RUNS_SHOWN = "the folder around the run in --load_path, else checkpoints"
LOG_PATH = "folder of the logs of these runs"
LOG_SHOWN = "the one that each run names"
AUTH = "user and password that every visitor must give; the variable MUSIKA_AUTH is safer on a shared computer"
MCP = "also offer the functions of the page as tools for assistants (MCP)"
PUBLISHED = "Sizes of codecs of the original Musika"


def positional(text: str, group: str = "", default: Any = dataclasses.MISSING) -> Any:
    """A dataclass field that is a positional argument; one with a default may be left out."""
    return dataclasses.field(default=default, metadata={**_describe(text, group), "positional": True})


def flag(
    default: Any,
    text: str,
    group: str = "",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    shown: str | None = None,
    common: bool = True,
    place: str | None = None,
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
        common: whether --help shows it; --help_all shows every flag.
        place: what --help writes in the place of the value, such as FILE; None follows the type.
    """
    more = {"shown": shown, "common": common, "place": place, "low": low, "high": high, "above": above}
    return dataclasses.field(default=default, metadata={**_describe(text, group), **more})


def source_flag(group: str) -> Any:
    """A flag for the recordings that an edited file was made of."""
    text = "recording that an edited file was made of, where it is not beside it; may be repeated"
    return flag((), text, group, shown="looked for by its name", common=False, place="FILE")


def bits_flag(group: str, shown: str = "16") -> Any:
    """A flag for the bits of a sample in an audio file."""
    return flag(None, "bits of a sample: 24 in wav and flac, 32f (floats) in wav", group, shown=shown)


def size_flag(config: type[Config], name: str, group: str, shown: str = AS_TRAINED) -> Any:
    """A flag for a size that a checkpoint knows: text and range are those of the configuration's field."""
    field = get_fields(config)[name].metadata
    text = describe_field(get_fields(config)[name])
    limits = {limit: field[limit] for limit in ("low", "high", "above")}
    return dataclasses.field(
        default=None, metadata={**_describe(text, group), "shown": shown, "common": False, **limits}
    )


def setting_flag(config: type[Config], name: str, group: str, shown: str | None = None) -> Any:
    """A flag that sets a field of a configuration: text, range and default are the field's."""
    field = get_fields(config)[name]
    limits = {limit: field.metadata[limit] for limit in ("low", "high", "above")}
    about = {**_describe(describe_field(field), group), "common": field.metadata["common"], "shown": shown, **limits}
    return dataclasses.field(default=field.default, metadata=about)


def _describe(text: str, group: str) -> dict[str, Any]:
    unlimited = {"low": None, "high": None, "above": None}
    more = {"shown": None, "positional": False, "common": True, "place": None}
    return {"text": text, "group": group, **more, **unlimited}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What every verb takes. Options check their ranges when they are made.

    Raises:
        UsageError: a value outside its range; the text names the flag and the range.
    """

    given: frozenset[str] = dataclasses.field(default=frozenset(), compare=False)  # flags that were written
    cpu: bool = flag(False, "compute on the processor even if there is a GPU", "Machine")
    verbose: bool = flag(False, "also print messages of TensorFlow and other libraries, and tracebacks", "Messages")

    def __post_init__(self) -> None:
        for field in list_fields(type(self)):
            value = getattr(self, field.name)
            if value is not None and not is_in_range(field, value):
                raise UsageError(f"--{field.name} {value}: must be {describe_range(field)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodecOptions(Options):
    """Sizes of published codecs, by Musika's names; their weights say the first two themselves."""

    hop: int | None = size_flag(PublishedCodecConfig, "hop", PUBLISHED)
    latdepth: int | None = size_flag(PublishedCodecConfig, "latent_depth", PUBLISHED)
    sr: int | None = size_flag(PublishedCodecConfig, "sample_rate", PUBLISHED, shown="44100")
    shape: int | None = size_flag(PublishedCodecConfig, "shape", PUBLISHED, shown="128")
    window: int | None = size_flag(PublishedCodecConfig, "window", PUBLISHED, shown="64")
    mu_rescale: float | None = size_flag(PublishedCodecConfig, "mu_rescale", PUBLISHED, shown="-25")
    sigma_rescale: float | None = size_flag(PublishedCodecConfig, "sigma_rescale", PUBLISHED, shown="75")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncodeOptions(CodecOptions):
    """Audio folder to latents."""

    files_path: Path = flag(Path("audio_samples"), "folder of audio files, sub-folders included", "Folders")
    save_path: Path = flag(Path("encoded_samples"), "folder that the latents are written to", "Folders")
    dec_path: Path = flag(Path("checkpoints/ae"), "folder of the codec that encodes", "Folders")
    max_lat_len: int = flag(512, "length of a chunk, in latents of 0.093 s", "Chunks", low=1, high=10_000_000)
    whole: bool = flag(False, "write one file of latents for each audio file, instead of chunks", "Chunks")
    reader: Literal["soundfile", "tensorflow-io"] = flag("soundfile", "library that reads audio files", "Machine")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecodeOptions(CodecOptions):
    """Latents to audio files."""

    files_path: Path = flag(Path("encoded_samples"), "folder of latents (.npy), sub-folders included", "Folders")
    save_path: Path = flag(Path("decoded_samples"), "folder that the audio is written to", "Folders")
    dec_path: Path = flag(Path("checkpoints/ae"), "folder of the codec that encoded them", "Folders")
    format: AudioFormat = flag("wav", AUDIO_KIND, "Sound")
    bits: Bits | None = bits_flag("Sound")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(CodecOptions):
    """Training of a generator (stage gan), a codec, a performer, an editor (edit) or a composer.

    Flags of sizes and hyperparameters are made of `musika.config`; `settings` has those that were written.
    """

    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # field of musika.config to value
    recipe: str | None = flag(
        None,
        "settings to start from: the name of a file in musika/recipes, such as codec, or a JSON file",
        "What",
        shown="the recipe default, or the one of the --stage",
    )
    step: int | None = flag(
        None, "number of the only step of the recipe to run", "What", 1, 10_000, shown="all", common=False
    )
    stage: Literal["gan", "codec", "performer", "edit", "composer"] | None = flag(
        None,
        "what to train: a generator (gan), a codec, a performer, an editor (edit) or a composer",
        "What",
        shown="what the recipe says, or gan",
    )
    train_path: Path = flag(
        Path("training_samples"), "folder of latents that a generator, performer or editor learns", "What"
    )
    midi_path: Path | None = flag(
        None,
        "folder of MIDI files: the works that a composer learns, or the notes of a performer's recordings under the "
        "same names",
        "What",
        shown="performer: that of the loaded run, else --train_path",
    )
    files_path: Path = flag(Path("audio_samples"), "folder of audio files that a codec learns from", "What")
    valid_path: Path | None = flag(
        None,
        "folder that is measured and not trained on: latents (gan, performer, edit), audio (codec) or MIDI files "
        "(composer)",
        "What",
        shown="that of the loaded run, else part of the training data",
    )
    load_path: Path | None = flag(None, "checkpoint to resume or to fine-tune", "What", shown="none: from scratch")
    dec_path: Path | None = flag(
        None, "folder of the codec that made the latents", "What", shown="that of the loaded run, else checkpoints/ae"
    )
    save_path: Path = flag(Path("checkpoints"), "folder that the run is written to", "What")
    log_path: Path = flag(Path("logs"), "folder that TensorBoard's logs are written to", "What")
    max_lat_len: int | None = flag(
        None,
        "latents in a chunk of --train_path; a value that differs from that folder's is an error",
        "What",
        1,
        10_000_000,
        shown="any",
        common=False,
    )
    local_critics: bool | None = flag(
        None,
        "also train critics that score patches of 0.1, 0.4 and 1.5 s; the original Musika has none",
        "Network",
        shown="True; with --load_path as in the checkpoint",
        common=False,
    )
    tuning: bool | None = flag(
        None,
        "True: the phase of a tone is the running sum of its frequency; False: no tone frequencies are estimated",
        "Network",
        shown="they are estimated, on fixed carriers",
        common=False,
    )
    minutes: float = flag(0.0, "stop after this many minutes; 0: never", "Training", 0, 10_000_000)
    set: tuple[str, ...] = flag((), "set any size or hyperparameter; may be repeated", "Training", shown="none")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")
    tensorboard: bool = flag(True, "start TensorBoard and print its link", "Pages")
    gradio: bool = flag(True, "open a page on the run at its first checkpoint, and print its link", "Pages")
    port: int = flag(7860, "port of that page; the next one if it is taken", "Pages", 1, 65_535)
    host: str = flag("127.0.0.1", "address that the pages listen on; 0.0.0.0 is every network", "Pages")
    share_gradio: bool = flag(False, "also publish that page through gradio.live", "Pages", common=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenderOptions(CodecOptions):
    """What generating and testing share: a generator, its codec, and the sizes that its checkpoint already says."""

    load_path: Path = flag(PIANO, MUSIC, "Folders")
    dec_path: Path | None = flag(None, "folder of the codec", "Folders", shown="the generator's own")
    seed: int | None = flag(
        None, "number of the piece; the same number gives the same piece", "Sound", 0, MAX_SEED, shown="drawn"
    )
    truncation: float = setting_flag(GeneratorSettings, "truncation", "Sound")
    small: bool | None = size_flag(GeneratorConfig, "small", "Network")
    base_channels: int | None = size_flag(GeneratorConfig, "base_channels", "Network")
    coorddepth: int | None = size_flag(GeneratorConfig, "coordinate_depth", "Network")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")


def music_flag(name: str, common: bool = True) -> Any:
    """A flag that asks something of composed music."""
    field = get_fields(MusicalSettings)[name]
    return flag("", describe_field(field), "Music that is composed", shown="open", common=common)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SteeringOptions(Options):
    """What is asked of composed music."""

    prompt: str | None = flag(
        None, 'what the music is like, in words: "slow sad piano"', "Music that is composed", shown="none"
    )
    tempo: str = music_flag("tempo")
    metre: str = music_flag("metre")
    key: str = music_flag("key")
    mode: str = music_flag("mode", common=False)
    chords: str = music_flag("chords")
    form: str = music_flag("form")
    density: str = music_flag("density")
    dynamics: str = music_flag("dynamics")
    register: str = music_flag("register")
    articulation: str = music_flag("articulation", common=False)
    instruments: str = music_flag("instruments", common=False)
    guidance: float = setting_flag(ComposedSettings, "guidance", "Music that is composed")
    melody: Path | None = flag(
        None, "MIDI file or recording whose melody is accompanied", "Music that is composed", shown="none", place="FILE"
    )
    harmony_of: Path | None = flag(
        None, "recording whose chords and beat are followed", "Music that is composed", shown="none", place="FILE"
    )
    like_audio: Path | None = flag(
        None,
        "recording whose tempo, key, density, loudness, instruments and style are taken over",
        "Music that is composed",
        shown="none",
        place="FILE",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerateOptions(SteeringOptions, RenderOptions):
    """Music out of a checkpoint, into files."""

    num_samples: int = flag(1, "pieces to make; piece k has the number seed + k", "Sound", 1, 1_000_000)
    seconds: Time = flag(
        120.0, "length of each piece: seconds, or 1:30; inf: files of an hour each, until Ctrl-C", "Sound", 0.001
    )
    start: Time = flag(0.0, "where in each piece to begin: seconds, or 7:00:00", "Sound", 0, MAX_SECONDS)
    loop: bool = flag(False, "make seamless loops; --seconds moves to the nearest length that can loop", "Sound")
    variation: float = setting_flag(GeneratorSettings, "variation", "Sound")
    style: int = setting_flag(PerformerSettings, "style", "Sound", shown="the seed")
    style_seed: int = setting_flag(GeneratorSettings, "style_seed", "Sound", shown="the seed")
    styles: str = setting_flag(GeneratorSettings, "styles", "Sound", shown="none")
    loudness: float | None = flag(
        None, "loudness of each file in LUFS, such as -14, after rendering", "Sound", -70, -5, shown="as it is"
    )
    fade_in: Time = flag(0.0, "length of the fade at the beginning of each file, in seconds", "Sound", 0, MAX_SECONDS)
    fade_out: Time = flag(0.0, "length of the fade at the end of each file, in seconds", "Sound", 0, MAX_SECONDS)
    jobs: int = flag(1, "processes that render at the same time; they do not change the music", "Machine", 1, 256)
    midi: tuple[Path, ...] = flag(
        (), "MIDI file to play, instead of new music; may be repeated", "Sound", shown="none", place="FILE"
    )
    score: bool = flag(False, "also write the notes of each piece, as a MIDI file beside the audio", "Sound")
    save_path: Path = flag(Path("generations"), "folder that the audio is written to; - is standard output", "Folders")
    format: Literal[AudioFormat, "raw"] = flag("wav", f"{AUDIO_KIND}; {RAW}", "Sound")
    bits: Bits | None = bits_flag("Sound")
    like: Path | None = flag(
        None,
        "audio file or video that Musika made: make it again, or make it longer with --seconds",
        "Sound",
        shown="none",
        place="FILE",
    )
    source: tuple[Path, ...] = source_flag("Sound")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlayOptions(Options):
    """A MIDI file as audio."""

    song: Path = positional("MIDI file to play", "What")
    target: Path = positional("audio file to write; its ending says the kind, such as song.flac", "What")
    load_path: Path = flag(PIANO, "checkpoint of the performer", "What")
    dec_path: Path | None = flag(None, "folder of the codec", "What", shown="the performer's own")
    seed: int = flag(0, "number that chooses what the notes leave open, such as the room", "Sound", 0, MAX_SEED)
    start: Time = flag(0.0, "where in the piece to begin: seconds, or 1:30", "Sound", 0, MAX_SECONDS)
    seconds: Time | None = flag(None, "length: seconds, or 1:30", "Sound", 0.001, MAX_SECONDS, shown="to the end")
    style: int = setting_flag(PerformerSettings, "style", "Sound")
    touch: float = setting_flag(PerformerSettings, "touch", "Sound")
    bits: Bits | None = bits_flag("Sound")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditOptions(Options):
    """A recording, edited."""

    task: Literal["fill", "continue", "vary", "blend"] = positional("what to do: fill, continue, vary or blend", "What")
    file: Path = positional("audio file to edit; it stays as it is", "What")
    other: Path | None = positional("second audio file, for blend", "What", default=None)
    spans: str | None = flag(
        None, "parts to fill or to vary, in seconds, such as 3.5-7,20-24", "What", shown="vary: the whole file"
    )
    seconds: float | None = setting_flag(Continue, "seconds", "What")
    before: float | None = setting_flag(Continue, "before", "What", shown="all that the network sees")
    at: float | None = setting_flag(Continue, "at", "What", shown="the end")
    notes: bool = setting_flag(Continue, "notes", "What")
    strength: float = setting_flag(Vary, "strength", "What")
    ratio: float = setting_flag(Blend, "ratio", "What")
    over: float | None = setting_flag(Blend, "over", "What", shown="none: --ratio everywhere")
    seed: int = setting_flag(Edit, "seed", "What")
    num_samples: int = flag(1, "results to make; result k has the seed seed + k", "What", 1, 1_000)
    load_path: Path = flag(
        Path("checkpoints/edit"),
        "checkpoint of the editor, or of a generator",
        "Files",
        shown="checkpoints/edit; with --notes checkpoints/piano",
    )
    dec_path: Path | None = flag(None, "folder of the codec", "Files", shown="the editor's own")
    save_path: Path = flag(Path("edits"), "folder for the results; - is standard output", "Files")
    format: Literal[AudioFormat, "raw"] | None = flag(
        None, f"{AUDIO_KIND}; {RAW}", "Files", shown="that of the recording"
    )
    bits: Bits | None = bits_flag("Files", "as many as the recording needs")
    stereo: bool = flag(False, "make a mono recording stereo", "Files")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TestOptions(RenderOptions):
    """The page in the browser: listen, make, edit and compare."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    port: int = flag(7860, "port of the page; the next one if it is taken", "Page", 1, 65_535)
    host: str = flag("127.0.0.1", "address that the page listens on; 0.0.0.0 is every network", "Page")
    share_gradio: bool = flag(False, "also publish the page through gradio.live", "Page")
    auth: str | None = flag(None, AUTH, "Page", shown="none: no password", place="USER:PASSWORD")
    mcp: bool = flag(False, MCP, "Page")
    watch: Path | None = flag(None, WATCH, "Folders", shown="none")
    runs_path: Path | None = flag(None, RUNS_PATH, "Folders", shown=f"the folder around --watch, else {RUNS_SHOWN}")
    log_path: Path | None = flag(None, LOG_PATH, "Folders", shown=LOG_SHOWN)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeOptions(RenderOptions):
    """Music over HTTP."""

    seed: int = flag(0, "number of the piece that the radio plays", "Sound", 0, MAX_SEED)
    also: tuple[Path, ...] = flag(
        (),
        "another checkpoint, which requests choose by the name of its folder; may be repeated",
        "Folders",
        shown="none",
        place="FOLDER",
    )
    host: str = flag("127.0.0.1", "address that the server listens on; 0.0.0.0 is every network", "Server")
    port: int = flag(8000, "port of the server", "Server", 1, 65_535)
    auth: str | None = flag(None, AUTH, "Server", shown="none: no password", place="USER:PASSWORD")
    mcp: bool = flag(False, MCP, "Server")
    workers: int = flag(1, "processes that share the port; each loads the checkpoint", "Server", 1, 256)
    max_streams: int = flag(8, "most streams of single listeners at once, for each worker", "Server", 0, 100_000)
    max_listeners: int = flag(1000, "most listeners of the radio at once, for each worker", "Server", 0, 1_000_000)
    max_seconds: float = flag(600.0, "longest file that may be asked for, in seconds", "Server", 1, MAX_SECONDS)
    runs_path: Path | None = flag(None, RUNS_PATH, "Folders", shown=RUNS_SHOWN)
    log_path: Path | None = flag(None, LOG_PATH, "Folders", shown=LOG_SHOWN)
    page: bool = flag(
        True,
        "True: the whole page (one worker only); False: a small page that plays the radio",
        "Server",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerifyOptions(Options):
    """Whether an audio file is what its recipe says."""

    file: Path = positional("audio file that Musika made", "What")
    load_path: Path | None = flag(
        None, "folder of the checkpoint that it was made with", "What", shown="looked for in checkpoints/"
    )
    dec_path: Path | None = flag(None, "folder of the codec", "What", shown="the checkpoint's own")
    source: tuple[Path, ...] = source_flag("What")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoOptions(Options):
    """A video of an audio file, for sharing."""

    file: Path = positional("audio file that the video is made of", "What")
    target: Path = positional("video file to write, whose name ends in .mp4", "What")
    title: str = setting_flag(VideoSettings, "title", "Look", shown="that of the file")
    picture: Path | None = flag(
        None, "PNG, JPEG or WebP file that fills the video", "Look", shown="none: the colour", place="FILE"
    )
    colour: str = setting_flag(VideoSettings, "colour", "Look")
    shape: str = setting_flag(VideoSettings, "shape", "Look")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions(CodecOptions):
    """Figures of a codec (`--codec`, `--files_path`), of generated music (`--generated`, `--reference`), of a
    performer (`--performer`, `--midi_path`), or of a composer (`--composer`, `--midi_path`).
    """

    codec: Path | None = flag(Path("checkpoints/ae"), "folder of the codec; none: use no codec", "What")
    files_path: Path = flag(Path("audio_samples"), "folder of audio that the codec is measured on", "What")
    performer: Path | None = flag(
        None, "folder of a performer to measure; it plays the files of --midi_path", "What", shown="none"
    )
    composer: Path | None = flag(
        None, "folder of a composer to compare with the works of --midi_path", "What", shown="none"
    )
    minutes: float = flag(30.0, "minutes of music that the composer writes", "How", 0.5, 10_000)
    generated: Path | None = flag(
        None, "folder of generated audio or latents to compare with --reference", "What", shown="none"
    )
    reference: Path | None = flag(
        None, "folder of real music of the same kind, kept out of training", "What", shown="none"
    )
    training: Path | None = flag(None, "folder of the training music, to find copies of it", "What", shown="none")
    midi_path: Path | None = flag(
        None,
        "folder of MIDI files whose notes should be heard; for a codec, with the names of the audio files",
        "What",
        shown="none",
    )
    save_path: Path = flag(Path("evaluation"), "folder that figures and pictures are written to", "What")
    seconds: float = flag(60.0, "longest part of each file that is measured, in seconds", "How", 1, MAX_SECONDS)
    latents: bool = flag(True, "also measure the latents, and how noise on them changes the sound", "How")
    pictures: bool = flag(True, "draw a picture of each file: original, decoded, difference", "How")
    embedding: str | None = flag(None, "also compare by the output of your network: onnx:FILE", "How", shown="none")
    embedding_preset: str = flag("vggish", "input of that network: vggish, or waveform:RATE:SECONDS", "How")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")
    seed: int = flag(0, SEED, "Machine", 0, MAX_SEED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvertOptions(Options):
    """A folder of the original Musika into a checkpoint of ours."""

    source: Path = positional(
        "folder of the original Musika, yours or a published one, such as checkpoints/techno", "What"
    )
    target: Path = positional("folder that the checkpoint is written to; it must not exist yet", "What")
    half: bool = flag(False, "write weights in half precision, at half the size", "How")
    dec_path: Path | None = flag(None, "folder of the generator's codec", "How", shown="musika_ae beside it")


def list_fields(kind: type[Options]) -> list[dataclasses.Field[Any]]:
    """The fields of options that are flags."""
    return [field for field in dataclasses.fields(kind) if field.metadata]
