"""The command line of a script: help from its docstring, one line for a mistake, exit codes as `musika` has them."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NoReturn

from musika import console, environment
from musika.errors import UsageError

WIDTH = 110  # characters of a line of help
ROOT = Path(__file__).resolve().parents[2]


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see --help")


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The docstring as it is written, and the default behind each flag's text."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=38, width=WIDTH)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        values = action.default if isinstance(action.default, list) else [action.default]
        if not values or values[0] is None or values[0] is False or action.default is argparse.SUPPRESS:
            return action.help
        return f"{action.help} (default: {' '.join(map(_show_value, values)).replace('%', '%%')})"


def _show_value(value: Any) -> str:
    """A default as people write it: the path of a file of the repository begins in its folder."""
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        value = value.relative_to(ROOT)
    return str(value)


def make_parser(module: str, docstring: str | None) -> argparse.ArgumentParser:
    """A parser whose --help shows the docstring of the script.

    Args:
        module: its name, such as `tools.vary_midi`.
        docstring: what it does.
    """
    return _Parser(prog=f"python -m {module}", description=docstring, formatter_class=_Formatter, allow_abbrev=False)


def run(main: Callable[[], int]) -> NoReturn:
    """Runs a script and ends the process: with its own code, 2 after an error in one line, 130 after Ctrl-C."""

    def action() -> int:
        environment.prepare()  # before a framework is imported
        return main()

    console.prepare_streams()
    sys.exit(console.run_guarded(action, False, environment.restore_stderr))


def parse_number(kind: Callable[[str], Any], least: float, most: float = math.inf) -> Callable[[str], Any]:
    """A `type` for arguments: finite numbers of that kind from `least` to `most`."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {'whole ' if kind is int else ''}number") from None
        if not (least <= value <= most and math.isfinite(value)):
            raise argparse.ArgumentTypeError(
                f"{text} must be at least {least}" + (f" and at most {most}" if math.isfinite(most) else "")
            )
        return value

    return parse


def parse_names(known: Collection[str]) -> Callable[[str], list[str]]:
    """A `type` for arguments: one or several of the known names, separated by commas."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"there is no {unknown[0]!r}; there are {', '.join(known)}")
        return names

    return parse
