"""The flags of all verbs: what a person types becomes one frozen dataclass of options. Standard library only.

`parse(verb, argv)` makes a command line of the options that are declared in flags_options.py; whoever builds options in
Python gets the same checks.
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
from musika.cli.options import (
    MAX_SECONDS,
    MAX_SEED,
    CodecOptions,
    ConvertOptions,
    DecodeOptions,
    EncodeOptions,
    EvaluateOptions,
    GenerateOptions,
    Options,
    RenderOptions,
    Switch,
    TestOptions,
    TrainOptions,
    fields,
)
from musika.errors import UsageError

__all__ = [
    "MAX_SECONDS",
    "MAX_SEED",
    "SCRIPTS",
    "STAGE_DEFAULTS",
    "VERBS",
    "CodecOptions",
    "ConvertOptions",
    "DecodeOptions",
    "EncodeOptions",
    "EvaluateOptions",
    "GenerateOptions",
    "Options",
    "RenderOptions",
    "Switch",
    "TestOptions",
    "TrainOptions",
    "Verb",
    "fields",
    "parse",
    "parse_decode",
    "parse_encode",
    "parse_generate",
    "parse_test",
    "parse_train",
    "suggest",
]


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
    "evaluate": Verb(
        EvaluateOptions, "Measure a codec, or generated music.", "--codec checkpoints/ae --files_path music"
    ),
    "convert": Verb(ConvertOptions, "Turn a Musika folder into a checkpoint of ours.", "checkpoints/techno my_techno"),
}
SCRIPTS = ("encode", "decode", "train", "generate", "test")  # verbs with a script of their own, musika_VERB.py

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


def suggest(word: str, choices: Sequence[str]) -> str | None:
    """The choice that a person most likely meant, or None."""
    begun = [choice for choice in choices if word and choice.startswith(word)]
    close = difflib.get_close_matches(word.lower(), choices, 1, 0.5)
    return next(iter(close or begun), None)


class _Parser(argparse.ArgumentParser):
    """argparse that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("the following arguments are required: "):
            message = f"missing: {message.split(': ')[1]}; see --help"
        raise UsageError(message.removeprefix("argument ").replace(": expected one argument", " needs a value"))


def _parser(verb: str) -> argparse.ArgumentParser:
    program = Path(sys.argv[0]).name
    program = f"python {program}" if program == f"musika_{verb}.py" else f"musika {verb}"
    about = VERBS[verb]
    places = [field.name.upper() for field in fields(about.options) if field.metadata.get("place")]
    parser = _Parser(
        prog=program,
        usage=" ".join([program, *places, "[--flag value ...]"]),
        description=f"{about.summary}\n\nexample:\n  {program} {about.example}",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=27, width=_width()),
        allow_abbrev=False,
        add_help=False,
        argument_default=argparse.SUPPRESS,
    )
    groups: dict[str, Any] = {}
    last = ("Published codecs", "Machine", "Messages")
    hints = typing.get_type_hints(about.options)
    for field in sorted(fields(about.options), key=lambda field: _place(field.metadata["group"], last)):
        name = field.metadata["group"]
        group = groups.setdefault(name, None) or parser.add_argument_group(name)
        groups[name] = group
        _add(group, field, hints[field.name])
    rest = groups["Messages"]
    rest.add_argument("--config", metavar="FILE", help="JSON file of flag values; typed flags win (default: none)")
    rest.add_argument("--version", action="version", version=f"musika {__version__}", help="show the version and leave")
    rest.add_argument("-h", "--help", action="help", help="show this and leave")
    return parser


def _place(group: str, last: Sequence[str]) -> int:
    """Groups stand in the order of their fields, but for the last ones."""
    return 1 + last.index(group) if group in last else 0


def _width() -> int:
    return max(60, min(shutil.get_terminal_size((110, 24)).columns, 110))


def _add(group: Any, field: dataclasses.Field[Any], hint: Any) -> None:
    """Adds one field's flag to its group."""
    kind, _ = _kind(hint)
    shown = field.metadata["shown"] or str(field.default)
    text = f"{field.metadata['text']} (default: {shown})".replace("%", "%%")
    if field.metadata.get("place"):
        group.add_argument(
            field.name, metavar=field.name.upper(), help=field.metadata["text"], type=_Convert(field.name, hint)
        )
        return
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


def _flags_of(verb: str) -> list[str]:
    return [field.name for field in fields(VERBS[verb].options) if not field.metadata.get("place")]


def _unknown(verb: str, word: str) -> str:
    """One line about a word that no flag of this verb took."""
    if not word.startswith("-"):
        return f"'{word}' belongs to no flag; flags begin with --, see --help"
    name = word.lstrip("-").split("=")[0]
    known = [*_flags_of(verb), "config", "version", "help"]
    others = [other for other in VERBS if name in _flags_of(other)]
    if name not in known and others:
        return f"--{name} is a flag of {', '.join(others)}, not of {verb}; see --help"
    near = suggest(name, known)
    return f"there is no flag {word.split('=')[0]}; " + (f"did you mean --{near}?" if near else "see --help")


def _from_file(verb: str, path: Path) -> dict[str, Any]:
    """Flag values of a --config file, checked as if they had been typed."""
    try:
        values = json.loads(path.read_bytes())  # of bytes: editors on Windows write byte-order marks and UTF-16
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
