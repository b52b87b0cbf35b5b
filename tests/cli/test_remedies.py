"""Errors of the library are told with the flag of the verb that helps."""

from __future__ import annotations

import re

import pytest

from musika.cli import flags
from musika.cli.remedies import REMEDIES, add_remedy
from musika.errors import CheckpointError, UsageError


def test_the_flag_of_the_verb_is_named() -> None:
    error = CheckpointError("checkpoint x does not exist", about="codec")
    assert str(add_remedy(error, "decode")) == "checkpoint x does not exist; --dec_path names the codec's folder"
    assert str(add_remedy(error, "evaluate")) == "checkpoint x does not exist; --codec names the codec's folder"
    assert isinstance(add_remedy(error, "decode"), CheckpointError)


def test_other_errors_stay_as_they_are() -> None:
    error = UsageError("something else")
    assert add_remedy(error, "decode") is error


@pytest.mark.parametrize("key", REMEDIES)
def test_every_remedy_names_something_that_a_verb_has(key: str) -> None:
    flag = re.search(r"--(\w+)|^([A-Z]+)", REMEDIES[key])
    assert flag is not None
    verbs = [key.split("/")[0]] if "/" in key else list(flags.VERBS)
    names = {known.name.lower() for verb in verbs for known in flags.list_flags(verb)}
    assert (flag.group(1) or flag.group(2).lower()) in names
