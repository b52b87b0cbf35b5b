"""Command lines: what a person types becomes one frozen dataclass of options. Standard library only.

`parse(verb, argv)` makes the command line of the options that are declared in options.py, and of the sizes and
hyperparameters that are declared in `musika.config`. Whoever builds options in Python gets the same checks.
"""

from __future__ import annotations

import argparse
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
from musika.cli.flag_table import SCRIPTS, VERBS, Flag, Verb, is_required, list_flags
from musika.cli.options import (
    MAX_SECONDS,
    MAX_SEED,
    CodecOptions,
    ConvertOptions,
    DecodeOptions,
    EditOptions,
    EncodeOptions,
    EvaluateOptions,
    GenerateOptions,
    Options,
    PlayOptions,
    RenderOptions,
    ServeOptions,
    Switch,
    TestOptions,
    Time,
    TrainOptions,
    VerifyOptions,
    VideoOptions,
    list_fields,
)
from musika.config.fields import FALSE, TRUE, describe_range, is_in_range
from musika.config.musical.curves import parse_time
from musika.errors import ConfigError, UsageError

__all__ = [
    "MAX_SECONDS",
    "MAX_SEED",
    "SCRIPTS",
    "VERBS",
    "CodecOptions",
    "ConvertOptions",
    "DecodeOptions",
    "EditOptions",
    "EncodeOptions",
    "EvaluateOptions",
    "GenerateOptions",
    "Options",
    "PlayOptions",
    "RenderOptions",
    "ServeOptions",
    "Switch",
    "TestOptions",
    "TrainOptions",
    "Verb",
    "VerifyOptions",
    "VideoOptions",
    "list_fields",
    "list_flags",
    "parse",
    "parse_decode",
    "parse_encode",
    "parse_generate",
    "parse_test",
    "parse_train",
    "suggest",
]


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
    words = sys.argv[1:] if argv is None else list(argv)
    parser = _make_parser(verb, all_flags="--help_all" in words)
    explicit, rest = parser.parse_known_args(words)
    if rest:
        raise UsageError(_describe_unknown(verb, rest[0]))
    flags = {flag.name: flag for flag in list_flags(verb)}
    typed = vars(explicit)
    for name, flag in flags.items():
        if flag.positional and typed.get(name) is None:  # what was left out
            typed.pop(name, None)
    config = typed.pop("config", None)
    values = typed if config is None else {**_read_config_file(verb, Path(config)), **typed}
    for name, value in values.items():
        _check_range(flags[name], value)
    options = {name: value for name, value in values.items() if flags[name].target == "option"}
    settings = {_get_field_name(flags[n]): v for n, v in values.items() if flags[n].target == "setting"}
    more: dict[str, Any] = {"settings": settings} if verb == "train" else {}
    return VERBS[verb].options(**options, **more, given=frozenset(values))


def list_flags_without_effect(verb: str, options: Options) -> list[str]:
    """Names of the flags that were written and do nothing."""
    return sorted(flag.name for flag in list_flags(verb) if flag.target == "nothing" and flag.name in options.given)


def suggest(word: str, choices: Sequence[str]) -> str | None:
    """The choice that a person most likely meant, or None."""
    beginning = [choice for choice in choices if word and choice.startswith(word)]
    close = difflib.get_close_matches(word.lower(), choices, 1, 0.5)
    return next(iter(close or beginning), None)


def _get_field_name(flag: Flag) -> str:
    return flag.name if flag.limits is None else flag.limits.name


def _check_range(flag: Flag, value: Any) -> None:
    if flag.limits is not None and value is not None and not is_in_range(flag.limits, value):
        raise UsageError(f"--{flag.name} {value}: must be {describe_range(flag.limits)}")


class _Parser(argparse.ArgumentParser):
    """argparse that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("the following arguments are required: "):
            message = f"missing: {message.split(': ')[1]}; see --help"
        raise UsageError(message.removeprefix("argument ").replace(": expected one argument", " needs a value"))


def _make_parser(verb: str, all_flags: bool) -> argparse.ArgumentParser:
    """The parser of a verb.

    Args:
        all_flags: whether the help shows every flag.
    """
    program = Path(sys.argv[0]).name
    program = f"python {program}" if program == f"musika_{verb}.py" else f"musika {verb}"
    flags = list_flags(verb)
    places = [flag.name.upper() if is_required(flag) else f"[{flag.name.upper()}]" for flag in flags if flag.positional]
    parser = _Parser(
        prog=program,
        usage=" ".join([program, *places, "[--flag value ...]"]),
        description=f"{VERBS[verb].summary}\n\nexample:\n  {program} {VERBS[verb].example}",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(
            prog, max_help_position=27, width=_get_width()
        ),
        allow_abbrev=False,
        add_help=False,
        argument_default=argparse.SUPPRESS,
    )
    groups: dict[str, Any] = {}
    for flag in flags:
        if flag.group not in groups:
            groups[flag.group] = parser.add_argument_group(flag.group)
        _add_flag(groups[flag.group], flag, shown=flag.common or all_flags)
    rest = groups["Messages"]
    rest.add_argument("--config", metavar="FILE", help="JSON file of flag values; typed flags win (default: none)")
    rest.add_argument("--version", action="version", version=f"musika {__version__}", help="print the version and exit")
    rest.add_argument("-h", "--help", action="help", help="print this and exit")
    rest.add_argument("--help_all", action="help", help="print every flag and exit")
    return parser


def _get_width() -> int:
    return max(60, min(shutil.get_terminal_size((110, 24)).columns, 110))


def _add_flag(group: Any, flag: Flag, shown: bool) -> None:
    """Adds one flag to its group of a parser."""
    kind, _ = _split_optional(flag.hint)
    if flag.positional:
        label = flag.name.upper()
        count: dict[str, Any] = {} if is_required(flag) else {"nargs": "?", "default": None}
        group.add_argument(flag.name, metavar=label, help=flag.text, type=_Convert(label, flag.hint), **count)
        return
    text = f"{flag.text} (default: {flag.default})".replace("%", "%%") if shown else argparse.SUPPRESS
    keywords: dict[str, Any] = {"dest": flag.name, "help": text, "type": _Convert(f"--{flag.name}", flag.hint)}
    if kind is bool:
        keywords |= {"nargs": "?", "const": True, "metavar": "True|False"}
    elif typing.get_origin(kind) is Literal:
        keywords["metavar"] = "|".join(typing.get_args(kind))
        if keywords["metavar"] == "auto|True|False":
            keywords |= {"nargs": "?", "const": "True"}
    elif typing.get_origin(kind) is tuple:
        metavar = "PATH" if typing.get_args(kind)[0] is Path else "NAME=VALUE"
        keywords |= {"metavar": metavar, "action": "append"}
    else:
        keywords["metavar"] = {int: "N", float: "X", Time: "TIME", Path: "FOLDER", str: "TEXT"}[kind]
    if flag.place is not None:
        keywords["metavar"] = flag.place
    group.add_argument(f"--{flag.name}", **keywords)


def _split_optional(hint: Any) -> tuple[Any, bool]:
    """The type without `None`, and whether None is allowed."""
    members = typing.get_args(hint)
    if type(None) in members:
        return next(member for member in members if member is not type(None)), True
    return hint, False


class _Convert:
    """Text of one flag to its value; a mistake is one line that names the flag."""

    def __init__(self, label: str, hint: Any) -> None:
        self.label = label
        self.kind, self.optional = _split_optional(hint)

    def __call__(self, text: str) -> Any:
        if self.optional and (text.lower() == "none" or (self.kind is float and text.lower() == "inf")):
            return None
        if self.kind is bool:
            if text.lower() in TRUE + FALSE:
                return text.lower() in TRUE
            raise UsageError(f"{self.label} {text}: say True or False")
        if typing.get_origin(self.kind) is Literal:
            return self._convert_choice(text)
        if self.kind in (int, float):
            return self._convert_number(text, self.kind)
        if self.kind is Time:
            return self._convert_time(text)
        if not text or "\0" in text:
            raise UsageError(f"{self.label} is empty: give it a value")
        return typing.get_args(self.kind)[0](text) if typing.get_origin(self.kind) is tuple else self.kind(text)

    def _convert_choice(self, text: str) -> str:
        choices = typing.get_args(self.kind)
        for choice in choices:
            if text.lower() == choice.lower():
                return choice
        near = suggest(text, choices)
        raise UsageError(
            f"{self.label} {text}: {f'did you mean {near}? ' if near else ''}say one of {', '.join(choices)}"
        )

    def _convert_time(self, text: str) -> float:
        if text.lower() in ("inf", "infinity"):
            return math.inf
        try:
            return self._convert_number(text, float) if ":" not in text else parse_time(text)
        except (ConfigError, UsageError):
            raise UsageError(f"{self.label} {text}: say a number of seconds, or a time, such as 7:00:00") from None

    def _convert_number(self, text: str, kind: Any) -> int | float:
        try:
            value = kind(text)
            finite = math.isfinite(value)
        except (ValueError, OverflowError):  # no number, or a whole one of hundreds of digits
            finite = False
        if not finite:
            raise UsageError(f"{self.label} {text}: say a {'whole ' if kind is int else ''}number")
        return value


def _describe_unknown(verb: str, word: str) -> str:
    """One line about a word that no flag of this verb took."""
    if not word.startswith("-"):
        return f"'{word}' belongs to no flag; flags begin with --, see --help"
    name = word.lstrip("-").split("=")[0]
    known = [*_list_names(verb), "config", "version", "help"]
    others = [other for other in VERBS if name in _list_names(other)]
    if name not in known and others:
        return f"--{name} is a flag of {', '.join(others)}, not of {verb}; see --help"
    near = suggest(name, known)
    return f"there is no flag {word.split('=')[0]}; " + (f"did you mean --{near}?" if near else "see --help")


def _list_names(verb: str) -> list[str]:
    return [flag.name for flag in list_flags(verb) if not flag.positional]


def _read_config_file(verb: str, path: Path) -> dict[str, Any]:
    """Flag values of a --config file, checked as if they had been typed."""
    try:
        values = json.loads(path.read_bytes())  # of bytes: editors on Windows write byte-order marks and UTF-16
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--config {path} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f'--config {path} must hold flag names and values, such as {{"bs": 16}}')
    flags = {flag.name: flag for flag in list_flags(verb)}
    converted: dict[str, Any] = {}
    for name, value in values.items():
        if name not in flags:
            raise UsageError(f"--config {path}: {_describe_unknown(verb, '--' + name)}")
        convert = _Convert(f"--{name}", flags[name].hint)
        if typing.get_origin(convert.kind) is tuple:
            converted[name] = [convert(str(part)) for part in (value if isinstance(value, list) else [value])]
            continue
        if isinstance(value, (dict, list)):
            raise UsageError(f"--config {path}: {name} must be one value, not a list")
        converted[name] = convert(str(value))
    return converted
