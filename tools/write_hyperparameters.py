"""Write the table of sizes and hyperparameters in the documentation from the fields that define them.

The table is docs/guide/hyperparameters.md. With --check nothing is written, and the exit code is 1 if the file is not
what would be written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from musika.config import (
    CodecConfig,
    CodecTrainConfig,
    ComposerConfig,
    ComposerTrainConfig,
    Config,
    EditorConfig,
    EditTrainConfig,
    GanTrainConfig,
    GeneratorConfig,
    PerformerConfig,
    PerformerTrainConfig,
)
from musika.config.fields import describe_range, get_fields, get_flag
from tools.common import command

TARGET = Path(__file__).resolve().parents[1] / "docs" / "guide" / "hyperparameters.md"
INTRODUCTION = """# Sizes and hyperparameters

Every value that `musika_train.py` can set. Most have a flag of their own (`--lr 0.0002`), which `--help_all` lists; all
can be set with `--set NAME=VALUE`. A resumed run keeps its values where no others are asked for.

This file is written by `python -m tools.write_hyperparameters` from the fields in `musika/config`.
"""
TABLES: tuple[tuple[str, str, type[Config]], ...] = (
    ("Training a generator", "An example is a window of latents.", GanTrainConfig),
    ("Sizes of a generator", "A checkpoint keeps its sizes; its widths can only grow.", GeneratorConfig),
    ("Training a codec", "An example is a crop of audio.", CodecTrainConfig),
    ("Sizes of a codec", "They have no flags: use `--set`.", CodecConfig),
    ("Training a performer", "An example is a stretch of latents with its notes.", PerformerTrainConfig),
    ("Sizes of a performer", "They have no flags: use `--set`.", PerformerConfig),
    ("Training an editor", "An example is a stretch of latents with gaps.", EditTrainConfig),
    ("Sizes of an editor", "They have no flags: use `--set`.", EditorConfig),
    ("Training a composer", "An example is a section of a work, with its theme.", ComposerTrainConfig),
    ("Sizes of a composer", "They have no flags: use `--set`.", ComposerConfig),
)


def write_table(title: str, about: str, kind: type[Config]) -> str:
    """One section: a heading, a sentence and a row for each field."""
    rows = ["| name | default | unit | range | what it is |", "| --- | --- | --- | --- | --- |"]
    for field in get_fields(kind).values():
        name = field.name if get_flag(field) == field.name else f"{field.name} (`--{get_flag(field)}`)"
        rows.append(
            f"| {name} | {format_value(field.default)} | {field.metadata['unit']} | {describe_range(field)} "
            f"| {field.metadata['help']} |"
        )
    return f"## {title}\n\n{about}\n\n" + "\n".join(rows) + "\n"


def format_value(value: Any) -> str:
    """A default as a person writes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def write_document() -> str:
    """The whole file."""
    return "\n".join([INTRODUCTION, *(write_table(*table) for table in TABLES)])


def main() -> int:
    parser = command.make_parser("tools.write_hyperparameters", __doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    text = write_document()
    if parser.parse_args().check:
        same = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text
        print(f"{TARGET.name} is {'up to date' if same else 'not what the fields say: run without --check'}")
        return 0 if same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    command.run(main)
