"""The table of hyperparameters in the documentation is what the fields say."""

from __future__ import annotations

from musika.config import GanTrainConfig
from musika.config.fields import get_fields
from tools import write_hyperparameters


def test_the_document_is_up_to_date() -> None:
    assert write_hyperparameters.TARGET.read_text(encoding="utf-8") == write_hyperparameters.write_document()


def test_every_field_has_a_row() -> None:
    table = write_hyperparameters.write_table("Title", "About.", GanTrainConfig)
    assert table.count("\n| ") == len(get_fields(GanTrainConfig)) + 2
    assert "| lr | 0.0001 |  | more than 0 and at most 1 | learning rate |" in table
