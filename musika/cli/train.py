"""`train`: teaches a generator, a codec, a performer, an editor or a composer from a folder of what it learns from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from musika import console
from musika.cli import models
from musika.cli.flags import TrainOptions
from musika.cli.pages import Pages
from musika.config import ADDED_PHASES, LOCAL_FIELDS, GeneratorConfig
from musika.config.fields import get_fields, get_flag
from musika.config.recipe import Recipe, Step, list_fields, load_recipe, parse_settings
from musika.errors import UsageError
from musika.training.board import BoardLog
from musika.training.interrupts import Interrupts
from musika.training.setup import PreparedTraining, TrainingRequest, prepare_training, run_training

DEFAULT_RECIPES = {"gan": "default", "codec": "codec", "performer": "performer", "edit": "edit", "composer": "composer"}
# options that not every stage reads
OPTIONS_OF_STAGE = {
    "gan": frozenset({"train_path", "dec_path", "max_lat_len", "local_critics"}),
    "codec": frozenset({"files_path", "tuning"}),
    "performer": frozenset({"train_path", "midi_path", "dec_path"}),
    "edit": frozenset({"train_path", "dec_path"}),
    "composer": frozenset({"midi_path"}),
}


def run(options: TrainOptions) -> int:
    """Trains, and returns 0, or 130 when interrupted.

    Raises:
        MusikaError: data, a checkpoint or settings that cannot be used, before anything is built; a disk that is full;
            losses that are not finite.
    """
    recipe = choose_recipe(options)
    steps = choose_steps(recipe, options.step)
    load_path = options.load_path
    with Interrupts(patient=False):  # until the loop takes over: whatever is open by then is closed
        for number, step in steps:
            if len(recipe.steps) > 1:
                _announce_step(recipe, number, step)
            if load_path is None and step.starts_from != "nothing":
                before = f"the result of step {number - 1}" if number > 1 else "an existing checkpoint"
                raise UsageError(f"step {number} of {recipe.name} starts from {before}: name it with --load_path")
            prepared = prepare_training(make_request(options, recipe.stage, step, load_path))
            code = _run_with_pages(options, prepared)
            if code != 0:
                return code
            load_path = prepared.folder
            for command in step.after:
                console.say(f"the shipped weights then went through: {command}")
    return 0


def choose_recipe(options: TrainOptions) -> Recipe:
    """The recipe that is named, or that of the stage.

    Raises:
        UsageError: the recipe is of another stage than the one that is named.
    """
    if options.recipe is None:
        return load_recipe(DEFAULT_RECIPES[options.stage or "gan"])
    recipe = load_recipe(options.recipe)
    if options.stage not in (None, recipe.stage):
        raise UsageError(f"--stage {options.stage} contradicts --recipe {recipe.name}, which trains a {recipe.stage}")
    return recipe


def choose_steps(recipe: Recipe, number: int | None) -> list[tuple[int, Step]]:
    """The steps to run, with their numbers from 1 on.

    Raises:
        UsageError: the recipe has no such step.
    """
    steps = list(enumerate(recipe.steps, 1))
    if number is None:
        return steps
    if number > len(steps):
        raise UsageError(f"--step {number}: recipe {recipe.name} has {len(steps)} steps")
    return [steps[number - 1]]


def make_request(options: TrainOptions, stage: str, step: Step, load_path: Path | None) -> TrainingRequest:
    """What the flags and a step of a recipe ask for; flags win.

    Args:
        load_path: what to start from: that of the flags, or the run of the step before.
    """
    own = OPTIONS_OF_STAGE[stage]
    is_gan = stage == "gan"
    _check_flags_of_other_stages(options, stage)
    return TrainingRequest(
        stage=stage,
        data_path=_get_data_path(options, stage),
        load_path=load_path,
        codec_path=options.dec_path if "dec_path" in own else None,
        valid_path=options.valid_path,
        midi_path=options.midi_path if "midi_path" in own else None,
        save_path=options.save_path,
        settings={**step.settings, **collect_settings(options, stage)},
        codec_sizes=models.get_codec_sizes(options),
        chunk_length=options.max_lat_len if is_gan else None,
        fresh_optimizers=step.starts_from == "weights",
        minutes=options.minutes if "minutes" in options.given else step.minutes,
        mixed_precision=options.mixed_precision,
        xla=options.xla,
    )


def _get_data_path(options: TrainOptions, stage: str) -> Path:
    """What a stage learns from."""
    if stage != "composer":
        return options.train_path if "train_path" in OPTIONS_OF_STAGE[stage] else options.files_path
    if options.midi_path is None:
        raise UsageError("a composer learns from MIDI files: --midi_path names their folder")
    return options.midi_path


def collect_settings(options: TrainOptions, stage: str) -> dict[str, Any]:
    """Sizes and hyperparameters that the flags set, by the names of their fields."""
    known = list_fields(stage)
    settings = {name: value for name, value in options.settings.items() if name in known}
    if stage == "gan" and options.local_critics is not None:
        settings["critic_fields"] = LOCAL_FIELDS if options.local_critics else ()
    if stage == "codec" and options.tuning is not None:
        settings = (ADDED_PHASES if options.tuning else {"tuned_bins": 0}) | settings
    return {**settings, **parse_settings(stage, options.set)}


def _check_flags_of_other_stages(options: TrainOptions, stage: str) -> None:
    """Says which flags belong to other stages and are left out; sizes of generators are refused for other networks."""
    others = [other for other in OPTIONS_OF_STAGE if other != stage]
    known = list_fields(stage)
    foreign = {name: field for other in others for name, field in list_fields(other).items()}
    unread = {name: get_flag(foreign[name]) for name in options.settings if name not in known}
    for name, flag in unread.items():
        if name in get_fields(GeneratorConfig):
            raise UsageError(f"--{flag} belongs to generators (--stage gan): leave it out")
    elsewhere = frozenset[str]().union(*(OPTIONS_OF_STAGE[other] for other in others)) - OPTIONS_OF_STAGE[stage]
    for flag in sorted({*unread.values(), *(options.given & elsewhere)}):
        console.warn(f"--{flag} does nothing with --stage {stage}")


def _announce_step(recipe: Recipe, number: int, step: Step) -> None:
    console.say(f"recipe {recipe.name}, step {number} of {len(recipe.steps)}: {step.title}")
    if step.data:
        console.say(f"  it was trained on {step.data}")
    if step.differs:
        console.warn(f"step {number} cannot be repeated exactly: {step.differs}")


def _run_with_pages(options: TrainOptions, prepared: PreparedTraining) -> int:
    """A training with its log, TensorBoard and a page on its run."""
    folder = options.log_path / prepared.folder.name
    prepared = dataclasses.replace(prepared, record={**prepared.record, "log_path": str(folder.resolve())})
    log = BoardLog(folder)
    with Pages() as pages:
        if options.tensorboard:
            pages.start_board(options.log_path, options.host)
        try:
            return run_training(prepared, log, _make_opener(pages, options, prepared))
        finally:
            log.close()


def _make_opener(pages: Pages, options: TrainOptions, prepared: PreparedTraining) -> Callable[[Path], None] | None:
    """Opens the page on the run at its first checkpoint, whatever is trained."""
    if not options.gradio:
        return None
    words = list_page_flags(options, prepared.folder, prepared.codec_path, dataclasses.asdict(prepared.train))
    return lambda _: pages.start_preview(words)


def list_page_flags(options: TrainOptions, run: Path, codec_path: Path | None, train: Mapping[str, Any]) -> list[str]:
    """Flags of `musika test`: it watches the run and leaves a GPU to the training.

    Args:
        codec_path: of the codec that plays what is trained; None where there is none.
        train: hyperparameters.
    """
    values: dict[str, Any] = {"watch": run.resolve(), "log_path": options.log_path.resolve()}
    if codec_path is not None:
        values |= {"dec_path": codec_path.resolve(), **models.get_codec_sizes(options)}
    values |= {"port": options.port, "host": options.host, "cpu": True, "share_gradio": options.share_gradio}
    values["truncation"] = train.get("truncation")
    return [word for name, value in values.items() if value is not None for word in (f"--{name}", str(value))]
