# ruff: noqa: RUF009 (flag() makes a dataclass field)
"""The flags of the five verbs: what a person types becomes one frozen dataclass of options. Standard library only.

Each option is declared once, as a field: its type, default, range and help text. `parse(verb, argv)` makes the command
line of it; whoever builds the options in Python gets the same checks.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
import math
import shutil
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from musika import __version__
from musika.errors import UsageError

Switch = Literal["auto", "True", "False"]
MAX_SEED = 2**63 - 1
MAX_SECONDS = 360_000  # 100 hours
AS_TRAINED = "what the checkpoint says; another value is an error"
SEED = "number that fixes every random choice"
PRECISION = "compute with 16-bit numbers; auto: where it is faster and exact enough"
XLA = "compile with XLA; auto: where it is faster"
AUDIO_KIND = "kind of audio file; wav is 16-bit"


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
class EncodeOptions(Options):
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
class DecodeOptions(Options):
    """Latents to audio files."""

    files_path: Path = flag(Path("encoded_samples"), "folder of latents (.npy), sub-folders included", "Folders")
    save_path: Path = flag(Path("decoded_samples"), "folder that the audio is written to", "Folders")
    dec_path: Path = flag(Path("checkpoints/ae"), "folder of the codec that encoded them", "Folders")
    format: Literal["wav", "flac", "ogg", "opus", "mp3"] = flag("wav", AUDIO_KIND, "Sound")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")
    seed: int = flag(0, SEED, "Machine", 0, MAX_SEED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainOptions(Options):
    """Training of a generator (`--stage gan`) or of a codec (`--stage codec`)."""

    stage: Literal["gan", "codec"] = flag("gan", "what to train: a generator (gan) or a codec", "What")
    train_path: Path = flag(Path("training_samples"), "folder of latents, for --stage gan", "What")
    files_path: Path = flag(Path("audio_samples"), "folder of audio files, for --stage codec", "What")
    load_path: Path | None = flag(None, "checkpoint to go on from or to fine-tune", "What", shown="none: from scratch")
    dec_path: Path = flag(Path("checkpoints/ae"), "folder of the codec that made the latents", "What")
    save_path: Path = flag(Path("checkpoints"), "folder that checkpoints are written to", "What")
    log_path: Path = flag(Path("logs"), "folder that TensorBoard's logs are written to", "What")
    small: bool | None = flag(None, "windows of 12 s instead of 24 s, a smaller network", "Network", shown="False")
    base_channels: int | None = flag(None, "width of the networks, in channels", "Network", 1, 4096, shown="128")
    coorddepth: int | None = flag(None, "numbers in a coordinate", "Network", 1, 4096, shown="64")
    lr: float = flag(1e-4, "learning rate", "Course", above=0, high=1, shown="0.0001; codec 0.0007")
    bs: int = flag(32, "batch size, in examples", "Course", 1, 65_536, shown="32; codec 8")
    epochs: int = flag(250, "epochs to train", "Course", 1, 10_000_000)
    totsamples: int = flag(300_000, "examples in an epoch", "Course", 1, 10**12, shown="300000; codec 20000")
    save_every: int = flag(1, "epochs between checkpoints", "Course", 1, 10_000_000)
    gp_max_weight: float = flag(10.0, "factor of the gradient penalty", "Course", 0, 1e6)
    truncation: float = flag(2.0, "bound of the random coordinates, in standard deviations", "Course", above=0, high=10)
    minutes: float = flag(0.0, "stop by itself after that many minutes; 0 is never", "Course", 0, 10_000_000)
    seed: int = flag(0, SEED, "Course", 0, MAX_SEED)
    magnitude_samples: int = flag(40_000, "examples that train magnitudes alone, at double speed", "Codec", 0, 10**12)
    decay_samples: int = flag(100_000, "examples until the learning rate has fallen to a tenth", "Codec", 1, 10**12)
    freeze_encoder: bool = flag(False, "train the decoder alone; encoded folders stay valid", "Codec")
    mixed_precision: Switch = flag("auto", PRECISION, "Machine")
    xla: Switch = flag("auto", XLA, "Machine")
    tensorboard: bool = flag(True, "start TensorBoard alongside and print its link", "Pages")
    gradio: bool = flag(True, "start the preview page alongside and print its link", "Pages")
    port: int = flag(7860, "port of the preview page; a taken one moves to the next", "Pages", 1, 65_535)
    host: str = flag("127.0.0.1", "address that the pages listen on; 0.0.0.0 is every network", "Pages")
    share_gradio: bool = flag(False, "also publish the preview page through gradio.live", "Pages")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenderOptions(Options):
    """What generating and testing share: a generator, its codec, and the sizes that its checkpoint already says."""

    load_path: Path = flag(Path("checkpoints/open"), "checkpoint of the generator", "Folders")
    dec_path: Path | None = flag(None, "folder of the codec", "Folders", shown="checkpoints/ae")
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


@dataclasses.dataclass(frozen=True)
class Verb:
    """A verb of the command line."""

    options: type[Options]
    summary: str
    example: str  # flags of the example in --help


VERBS: dict[str, Verb] = {
    "encode": Verb(EncodeOptions, "Turn audio into latents to train on.", "--files_path my_songs --save_path encoded"),
    "decode": Verb(DecodeOptions, "Turn latents back into audio.", "--files_path encoded --save_path decoded"),
    "train": Verb(TrainOptions, "Teach a generator your music.", "--train_path encoded --load_path checkpoints/open"),
    "generate": Verb(GenerateOptions, "Make new music from a trained generator.", "--num_samples 3 --seconds 60"),
    "test": Verb(TestOptions, "Listen to a generator on a page in your browser.", "--load_path checkpoints/open"),
}

# where a stage of training has another default than the options say
STAGE_DEFAULTS: dict[str, dict[str, Any]] = {"gan": {}, "codec": {"lr": 7e-4, "bs": 8, "totsamples": 20_000}}


def parse_encode(argv: Sequence[str] | None = None) -> EncodeOptions:
    """Options of `encode` from a command line (default: the process's own)."""
    return typing.cast(EncodeOptions, parse("encode", argv))


def parse_decode(argv: Sequence[str] | None = None) -> DecodeOptions:
    """Options of `decode`."""
    return typing.cast(DecodeOptions, parse("decode", argv))


def parse_train(argv: Sequence[str] | None = None) -> TrainOptions:
    """Options of `train`."""
    return typing.cast(TrainOptions, parse("train", argv))


def parse_generate(argv: Sequence[str] | None = None) -> GenerateOptions:
    """Options of `generate`."""
    return typing.cast(GenerateOptions, parse("generate", argv))


def parse_test(argv: Sequence[str] | None = None) -> TestOptions:
    """Options of `test`."""
    return typing.cast(TestOptions, parse("test", argv))


def parse(verb: str, argv: Sequence[str] | None = None) -> Options:
    """Options of a verb from its command line. `--help` and `--version` print and raise SystemExit(0).

    Raises:
        UsageError: a flag that does not exist, lacks its value or has a wrong one; a --config file that cannot be used.
    """
    kind = VERBS[verb].options
    parser = _parser(verb)
    explicit, rest = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    if rest:
        raise UsageError(_unknown(verb, rest[0]))
    values = vars(explicit)
    config = values.pop("config", None)
    if config is not None:
        values = {**_from_file(verb, Path(config)), **values}
    return kind(**{**STAGE_DEFAULTS.get(values.get("stage", ""), {}), **values}, given=frozenset(values))


def fields(kind: type[Options]) -> list[dataclasses.Field[Any]]:
    """The fields of options that are flags."""
    return [field for field in dataclasses.fields(kind) if field.metadata]


def suggest(word: str, choices: Sequence[str]) -> str | None:
    """The choice that a person most likely meant, or None."""
    begun = [choice for choice in choices if word and choice.startswith(word)]
    close = difflib.get_close_matches(word.lower(), choices, 1, 0.5)
    return next(iter(close or begun), None)


class _Parser(argparse.ArgumentParser):
    """argparse that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message.removeprefix("argument ").replace(": expected one argument", " needs a value"))


def _parser(verb: str) -> argparse.ArgumentParser:
    program = Path(sys.argv[0]).name
    program = f"python {program}" if program == f"musika_{verb}.py" else f"musika {verb}"
    about = VERBS[verb]
    parser = _Parser(
        prog=program,
        usage=f"{program} [--flag value ...]",
        description=f"{about.summary}\n\nexample:\n  {program} {about.example}",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=27, width=_width()),
        allow_abbrev=False,
        add_help=False,
        argument_default=argparse.SUPPRESS,
    )
    groups: dict[str, Any] = {}
    last = ("Machine", "Messages")
    hints = typing.get_type_hints(about.options)
    for field in sorted(fields(about.options), key=lambda field: field.metadata["group"] in last):
        name = field.metadata["group"]
        group = groups.setdefault(name, None) or parser.add_argument_group(name)
        groups[name] = group
        _add(group, field, hints[field.name])
    rest = groups["Messages"]
    rest.add_argument("--config", metavar="FILE", help="JSON file of flag values; typed flags win (default: none)")
    rest.add_argument("--version", action="version", version=f"musika {__version__}", help="show the version and leave")
    rest.add_argument("-h", "--help", action="help", help="show this and leave")
    return parser


def _width() -> int:
    return max(60, min(shutil.get_terminal_size((110, 24)).columns, 110))


def _add(group: Any, field: dataclasses.Field[Any], hint: Any) -> None:
    """Adds one field's flag to its group."""
    kind, _ = _kind(hint)
    shown = field.metadata["shown"] or str(field.default)
    text = f"{field.metadata['text']} (default: {shown})".replace("%", "%%")
    keywords: dict[str, Any] = {"dest": field.name, "help": text, "type": _Convert(field.name, hint)}
    if kind is bool:
        keywords |= {"nargs": "?", "const": True, "metavar": "True|False"}
    elif typing.get_origin(kind) is Literal:
        keywords["metavar"] = "|".join(typing.get_args(kind))
        if keywords["metavar"] == "auto|True|False":
            keywords |= {"nargs": "?", "const": "True"}
    else:
        keywords["metavar"] = {int: "N", float: "X", Path: "FOLDER", str: "TEXT"}[kind]
    group.add_argument(f"--{field.name}", **keywords)


def _kind(hint: Any) -> tuple[Any, bool]:
    """The type without `None`, and whether None is allowed."""
    members = typing.get_args(hint)
    if type(None) in members:
        return next(member for member in members if member is not type(None)), True
    return hint, False


class _Convert:
    """Text of one flag to its value; a mistake is one line that names the flag."""

    def __init__(self, name: str, hint: Any) -> None:
        self.name = name
        self.kind, self.optional = _kind(hint)

    def __call__(self, text: str) -> Any:
        if self.optional and text.lower() == "none":
            return None
        if self.kind is bool:
            if text.lower() in ("true", "yes", "on", "1", "false", "no", "off", "0"):
                return text.lower() in ("true", "yes", "on", "1")
            raise UsageError(f"--{self.name} {text}: say True or False")
        if typing.get_origin(self.kind) is Literal:
            return self._choice(text)
        if self.kind in (int, float):
            return self._number(text)
        if not text or "\0" in text:
            raise UsageError(f"--{self.name} is empty: say a name")
        return self.kind(text)

    def _choice(self, text: str) -> str:
        choices = typing.get_args(self.kind)
        for choice in choices:
            if text.lower() == choice.lower():
                return choice
        raise UsageError(f"--{self.name} {text}: say one of {', '.join(choices)}")

    def _number(self, text: str) -> int | float:
        try:
            value = self.kind(text)
            finite = math.isfinite(value)
        except (ValueError, OverflowError):  # no number, or a whole one of hundreds of digits
            finite = False
        if not finite:
            raise UsageError(f"--{self.name} {text}: say a {'whole ' if self.kind is int else ''}number")
        return value


def _check_range(field: dataclasses.Field[Any], value: Any) -> None:
    low, high, above = (field.metadata[name] for name in ("low", "high", "above"))
    if value is None or low is high is above is None:
        return
    small = (low is not None and not value >= low) or (above is not None and not value > above)
    if small or (high is not None and not value <= high):
        least = f"at least {low}" if low is not None else f"more than {above}"
        raise UsageError(f"--{field.name} {value}: must be {least} and at most {high}")


def _unknown(verb: str, word: str) -> str:
    """One line about a word that no flag of this verb took."""
    if not word.startswith("-"):
        return f"'{word}' belongs to no flag; flags begin with --, see --help"
    name = word.lstrip("-").split("=")[0]
    known = [field.name for field in fields(VERBS[verb].options)] + ["config", "version", "help"]
    others = [other for other, about in VERBS.items() if name in {f.name for f in fields(about.options)}]
    if name not in known and others:
        return f"--{name} is a flag of {', '.join(others)}, not of {verb}; see --help"
    near = suggest(name, known)
    return f"there is no flag {word.split('=')[0]}; " + (f"did you mean --{near}?" if near else "see --help")


def _from_file(verb: str, path: Path) -> dict[str, Any]:
    """Flag values of a --config file, checked as if they had been typed."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--config {path} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f'--config {path} must hold flag names and values, such as {{"bs": 16}}')
    hints = typing.get_type_hints(VERBS[verb].options)
    names = {field.name for field in fields(VERBS[verb].options)}
    converted = {}
    for name, value in values.items():
        if name not in names:
            raise UsageError(f"--config {path}: {_unknown(verb, '--' + name)}")
        if isinstance(value, (dict, list)):
            raise UsageError(f"--config {path}: {name} must be one value, not a list")
        converted[name] = _Convert(name, hints[name])(str(value))
    return converted
