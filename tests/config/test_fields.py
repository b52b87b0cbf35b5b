"""Fields carry their unit, range and help; flags, resumed runs and the documentation's table derive from them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from musika.cli import flags
from musika.config import (
    CodecConfig,
    CodecTrainConfig,
    Config,
    GanTrainConfig,
    GeneratorConfig,
    MusicalSettings,
    PublishedCodecConfig,
)
from musika.config.fields import describe_range, get_fields, get_flag, is_in_range
from musika.config.training import read_settings
from musika.errors import ConfigError

KINDS: list[type[Config]] = [CodecConfig, PublishedCodecConfig, GeneratorConfig, GanTrainConfig, CodecTrainConfig]
KINDS += [MusicalSettings]
FIELDS = [(kind, field) for kind in KINDS for field in get_fields(kind).values()]


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=[f"{kind.__name__}.{field.name}" for kind, field in FIELDS])
def test_every_field_says_what_it_is_and_has_a_default_in_its_range(kind: type[Config], field: Any) -> None:
    assert field.metadata["help"] and field.metadata["help"][0].islower() and not field.metadata["help"].endswith(".")
    assert is_in_range(field, field.default)
    if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
        assert describe_range(field), "a number has a range"


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=[f"{kind.__name__}.{field.name}" for kind, field in FIELDS])
def test_values_out_of_range_are_refused_by_name(kind: type[Config], field: Any) -> None:
    low, high, above = (field.metadata[name] for name in ("low", "high", "above"))
    wrong = [value for value in (None if low is None else low - 1, above, None if high is None else high + 1)]
    for value in (value for value in wrong if value is not None):
        beyond: Any = (value,) if isinstance(field.default, tuple) else value
        with pytest.raises(ConfigError, match=rf"{field.name} .*must be {describe_range(field)}"):
            kind(**{field.name: beyond})


@pytest.mark.parametrize("kind", KINDS)
def test_configurations_travel_as_json(kind: type[Config]) -> None:
    assert kind.from_dict(kind().to_dict()) == kind()
    with pytest.raises(ConfigError, match="no field 'more'"):
        kind.from_dict({"more": 1})


def test_nan_is_in_no_range() -> None:
    with pytest.raises(ConfigError, match="lr nan"):
        GanTrainConfig(lr=float("nan"))


def test_files_from_before_a_field_keep_their_meaning() -> None:
    assert GeneratorConfig.from_dict({}).critic_fields == () and GeneratorConfig().critic_fields
    assert CodecConfig.from_dict({}).tuned_bins == 0 and CodecConfig().tuned_bins
    assert GanTrainConfig.from_dict({}).whitening == 0.0 and GanTrainConfig().whitening == 0.5


def test_settings_of_earlier_runs_are_read_by_todays_names() -> None:
    written = {"lr": 1, "texture_weight": 2.0, "critic_share": 0.5, "whitening": 0.25, "bs": 4}
    assert read_settings(CodecTrainConfig, written) == {
        **{"lr": 1.0, "flatness_weight": 2.0, "adversarial_share": 0.5, "bs": 4},
        **{"freeze_encoder": False, "cycle_weight": 0.0},
    }
    assert read_settings(GanTrainConfig, {}) == {"whitening": 0.0}
    with pytest.raises(ConfigError, match="bs: '4' is not of type int"):
        read_settings(GanTrainConfig, {"bs": "4"})


def test_critics_of_codecs_are_off_and_new_generators_are_whitened() -> None:
    assert CodecTrainConfig().adversarial_share == 0.0
    assert GanTrainConfig().whitening == 0.5


def test_every_hyperparameter_is_a_flag_of_train_with_the_fields_text() -> None:
    known = {flag.name: flag for flag in flags.list_flags("train")}
    for kind in (GeneratorConfig, GanTrainConfig, CodecTrainConfig):
        for field in get_fields(kind).values():
            if field.name in ("channels", "critic_fields"):
                continue
            flag = known[get_flag(field)]
            assert flag.text.startswith(field.metadata["help"]) and str(field.default) in flag.default


def test_the_short_help_of_train_is_short() -> None:
    common = [flag for flag in flags.list_flags("train") if flag.common]
    assert 20 <= len(common) <= 30
    assert len(flags.list_flags("train")) > 60


def test_replacing_a_value_checks_it_too() -> None:
    with pytest.raises(ConfigError, match="less than one batch"):
        dataclasses.replace(GanTrainConfig(), totsamples=8)
