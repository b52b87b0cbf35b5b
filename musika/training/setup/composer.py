"""Preparing the training of a composer: works from MIDI files, what is held out, weights to start from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from musika import checkpoint, console
from musika.composer.load import read_config
from musika.composer.works import Work, make_work
from musika.config import ComposerConfig, ComposerTrainConfig
from musika.errors import ScoreError, UsageError
from musika.files import format_path
from musika.score import find_midi, read_score
from musika.training.setup.data_hash import hash_lines
from musika.training.setup.origin import (
    Origin,
    choose_valid_path,
    decide_train_config,
    expect_train_config,
    find_origin,
    resolve_sizes,
)
from musika.training.setup.precision import choose_precision
from musika.training.setup.prepared import PreparedTraining, finish_preparation
from musika.training.setup.request import TrainingRequest

HELD_OUT_SHARE = 10  # one work in so many is held out where none are named
SHOWN = 40  # lines about files that cannot be read
# what the names of a work's movements differ in: a number at the end, or a Roman number with what follows
MOVEMENT = re.compile(r"[-_. ]+\d{1,3}[a-z]?$|[-_ ](?:i|ii|iii|iv|v|vi)(?:[-_ ].*)?$")


def prepare_composer(request: TrainingRequest) -> PreparedTraining:
    """A composer's training, ready to run.

    Raises:
        MusikaError: MIDI files, a checkpoint or settings that cannot be used.
    """
    origin = find_origin(request.load_path, "composer")
    config = resolve_sizes(ComposerConfig, request, origin, None if origin is None else read_config(origin.folder))
    likely = expect_train_config(ComposerTrainConfig, request, origin)
    valid_path = choose_valid_path(request, origin)
    works = read_works(request.data_path)
    works, held_out = split_works(works, likely.held_out, None if valid_path is None else read_works(valid_path))
    works_hash = hash_works(works, held_out)
    train, resumes = decide_train_config(ComposerTrainConfig, request, origin, "works", works_hash)
    console.say(
        f"{len(works)} works with {sum(map(len, works))} notes; {len(held_out)} works are held out to measure on"
    )
    stage = _make_stage(request, config, train, works, held_out, origin, resumes, works_hash)
    return finish_preparation(request, stage, train, origin if resumes else None, valid_path=valid_path)


def read_works(folder: Path) -> list[Work]:
    """The works of a folder's MIDI files; a person is told of files that are of no use.

    Raises:
        ScoreError: there is no such folder, or no file in it can be used.
    """
    works: list[Work] = []
    failed: list[str] = []
    paths = find_midi(folder)
    console.say(f"reading {len(paths)} MIDI files")
    for path in paths:
        try:
            works.append(make_work(path.stem, read_score(path)))
        except ScoreError as error:
            failed.append(str(error) if path.name in str(error) else f"{format_path(path)}: {error}")
    for line in failed[:SHOWN]:
        console.warn(f"left out: {line}")
    if len(failed) > SHOWN:
        console.warn(f"and {len(failed) - SHOWN} more files that cannot be used")
    if not works:
        raise ScoreError(f"no MIDI file in {format_path(folder)} can be used", about="midi")
    return works


def split_works(
    works: Sequence[Work], names: str, valid: Sequence[Work] | None = None
) -> tuple[list[Work], list[Work]]:
    """Works to train on, and works to measure on, which may be none.

    Args:
        works: all works.
        names: parts of names of works that are held out, with commas between them; "" holds out one work in ten, with
            all its movements.
        valid: works of a folder that is named to measure on; they, and works of the same names, are not trained on.

    Raises:
        UsageError: a name fits no work, or there is nothing left to train on.
    """
    if valid is not None:
        known = {name_work(work) for work in valid}
        rest, held_out = [work for work in works if name_work(work) not in known], list(valid)
    elif parts := [part.strip().lower() for part in names.split(",") if part.strip()]:
        for part in parts:
            if not any(_is_named_by(part, work) for work in works):
                raise UsageError(f"held_out: no MIDI file has {part!r} in its name")
        held_out = [work for work in works if any(_is_named_by(part, work) for part in parts)]
        rest = [work for work in works if not any(_is_named_by(part, work) for part in parts)]
    else:
        held_out = [work for work in works if _is_drawn_to_be_held_out(name_work(work))]
        rest = [work for work in works if not _is_drawn_to_be_held_out(name_work(work))]
        if not rest:
            rest, held_out = list(works), []
    if not rest:
        raise UsageError("all works are held out: there is nothing left to train on")
    if not held_out:
        console.warn("these are too few works to hold some out: there will be no figures")
    return rest, held_out


def name_work(work: Work) -> str:
    """The name that the movements of a work share."""
    return MOVEMENT.sub("", work.name.lower()) or work.name.lower()


def hash_works(works: Sequence[Work], held_out: Sequence[Work]) -> str:
    """A short hash of what is trained on and what is held out: a run is resumed with its own."""
    lines = [f"{work.name} {len(work)}" for work in works] + [f"held out: {work.name}" for work in held_out]
    return hash_lines(lines)


def _is_named_by(part: str, work: Work) -> bool:
    """Whether a part of a name is in the name of a work; numbers count whole: p4 is in chpn-p4, not in chpn-p40."""
    return re.search(re.escape(part) + (r"(?!\d)" if part[-1:].isdigit() else ""), work.name.lower()) is not None


def _is_drawn_to_be_held_out(name: str) -> bool:
    """Whether a work is held out where none are named: one in HELD_OUT_SHARE, by a hash of its name."""
    return int(hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest(), 16) % HELD_OUT_SHARE == 0


def _make_stage(
    request: TrainingRequest,
    config: ComposerConfig,
    train: ComposerTrainConfig,
    works: Sequence[Work],
    held_out: Sequence[Work],
    origin: Origin | None,
    resumes: bool,
    works_hash: str,
) -> Any:
    """The network and all that trains it."""
    from musika import backend
    from musika.training.stages.composer import ComposerStage

    stage = ComposerStage(
        config,
        train,
        works,
        held_out,
        start=None if origin is None or resumes else checkpoint.read(origin.folder),
        precision=choose_precision(request),
        xla=backend.should_use_xla(request.xla),
        trained={"works": works_hash, "names": sorted(work.name for work in works)},
    )
    if not stage.batches.works:
        raise ScoreError("no work has four bars of one metre to learn from", about="midi")
    return stage
