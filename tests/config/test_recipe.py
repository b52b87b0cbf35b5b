"""Recipes: those that are installed, and files of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from musika import checkpoint
from musika.cli import flags
from musika.cli.train import choose_recipe, choose_steps, make_request
from musika.config import TRAIN_CONFIGS, GanTrainConfig, GeneratorConfig
from musika.config.recipe import NETWORK_CONFIGS, list_recipes, load_recipe, parse_settings, split_settings
from musika.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", list_recipes())
def test_installed_recipes_can_be_used(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.summary and recipe.steps[0].starts_from in ("nothing", "weights")
    for step in recipe.steps:
        assert step.title.endswith(".")
        network, training = split_settings(recipe.stage, step.settings)
        TRAIN_CONFIGS[recipe.stage](**training)
        NETWORK_CONFIGS[recipe.stage](**network)
    assert all(step.starts_from != "nothing" for step in recipe.steps[1:])


def test_every_shipped_checkpoint_has_a_recipe_that_ends_as_it_was_trained() -> None:
    shipped = [path.parent.name for path in (ROOT / "checkpoints").glob("*/config.json")]
    assert shipped and set(shipped) <= set(list_recipes())
    config = checkpoint.read_config(ROOT / "checkpoints" / "open")
    last = load_recipe("open").steps[-1].settings
    assert {name: config["trained"][name] for name in last if name != "epochs"} == {
        name: value for name, value in last.items() if name != "epochs"
    }
    sizes: dict[str, Any] = {}
    for step in load_recipe("open").steps:
        sizes |= split_settings("gan", step.settings)[0]
    built = GeneratorConfig(**sizes)
    assert built == GeneratorConfig.from_dict(config["config"])


def test_the_default_recipes_change_nothing() -> None:
    assert load_recipe("default").steps[0].settings == load_recipe("codec").steps[0].settings == {}
    assert choose_recipe(flags.parse_train([])).stage == "gan"
    assert choose_recipe(flags.parse_train(["--stage", "codec"])).name == "codec"


def test_musikas_recipe_has_the_published_settings() -> None:
    network, training = split_settings("gan", load_recipe("musika").steps[0].settings)
    assert GeneratorConfig(**network) == GeneratorConfig(critic_fields=())
    assert GanTrainConfig(**training) == GanTrainConfig(whitening=0.0)


def test_flags_win_over_the_recipe() -> None:
    options = flags.parse_train(["--recipe", "musika", "--lr", "0.3", "--set", "bs=4", "--set", "critic_fields=1,2"])
    (_, step), *_ = choose_steps(choose_recipe(options), None)
    settings = make_request(options, "gan", step, None).settings
    assert (settings["lr"], settings["bs"], settings["critic_fields"], settings["whitening"]) == (0.3, 4, (1, 2), 0.0)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    steps = [{"title": "First.", "settings": {"lr": 1, "coorddepth": 8}}, {"title": "Second.", "starts_from": "run"}]
    path = tmp_path / "mine.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"stage": "gan", "steps": steps}).encode())
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.stage) == ("mine", "gan")
    assert recipe.steps[0].settings == {"lr": 1.0, "coordinate_depth": 8}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("{", "is not JSON"),
        ("[]", "'stage' must be one of gan, codec, performer"),
        ('{"stage": "piano"}', "'stage' must be one of gan, codec, performer"),
        ('{"stage": "gan"}', "'steps' must be a list"),
        ('{"stage": "gan", "steps": []}', "'steps' must be a list"),
        ('{"stage": "gan", "steps": [1]}', "a step must be an object"),
        ('{"stage": "gan", "steps": [{"setings": {}}]}', "a step has no key 'setings'; its keys are title, settings"),
        ('{"stage": "gan", "steps": [{"settings": {"lrr": 1}}]}', "no setting 'lrr'; did you mean lr"),
        ('{"stage": "gan", "steps": [{"settings": {"crop": 1}}]}', "stage gan has no setting 'crop'"),
        ('{"stage": "gan", "steps": [{"settings": {"bs": "4"}}]}', "bs: '4' is not of type int"),
        ('{"stage": "gan", "steps": [{"settings": {"bs": 0}}]}', "bs 0: must be at least 1"),
        ('{"stage": "gan", "steps": [{"starts_from": "here"}]}', "'starts_from' must be one of"),
        ('{"stage": "gan", "steps": [{"minutes": true}]}', "a step's 'minutes' is True"),
    ],
)
def test_files_that_are_no_recipes_are_one_line(tmp_path: Path, content: str, part: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=part) as caught:
        load_recipe(str(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_names_that_are_no_recipe() -> None:
    with pytest.raises(UsageError, match="there is no recipe opne: name a JSON file, or one of ae, codec"):
        load_recipe("opne")
    with pytest.raises(UsageError, match="there is no recipe"):
        load_recipe("../recipes/open")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("lr", "has no ="),
        ("lr=fast", "say a number"),
        ("bs=1.5", "say a whole number"),
        ("small=maybe", "say True or False"),
        ("critic_fields=a", "whole numbers, such as"),
        ("lr=inf", "say a number"),
        ("lr=2", "must be more than 0 and at most 1"),
        ("=1", "no setting ''"),
    ],
)
def test_settings_that_do_not_fit(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        parse_settings("gan", [text])
