"""`edit`: a recording with gaps filled, continued, varied, or blended with another, into files of their own.

The recording is read first and the edit is checked against it, so a mistake is reported before networks are loaded, and
nothing is written. A result that was made before is never replaced by another.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from musika import audio, console, edit, environment, render
from musika.checkpoint import locate
from musika.cli import output
from musika.cli.flags import MAX_SEED, EditOptions
from musika.cli.pieces import format_speed
from musika.cli.targets import RAW, STDOUT, check_format, describe_kept, make_folder
from musika.config import Blend, Continue, Edit, Fill, Vary
from musika.edit.recording import choose_bits
from musika.edit.spans import locate_spans
from musika.errors import ConfigError, UsageError
from musika.files import format_path
from musika.metrics.notes.transcriber import load_network

# flags that one task alone reads
FLAGS_OF_TASK = {
    "fill": {"spans"},
    "continue": {"seconds", "before", "at", "notes"},
    "vary": {"strength", "spans"},
    "blend": {"ratio", "over"},
}
PIANO = Path("checkpoints/piano")  # continues by notes


def run(options: EditOptions) -> int:
    """Makes the edits and returns 0.

    Raises:
        MusikaError: a recording, a checkpoint or a flag that cannot be used; a file that cannot be written.
    """
    if options.seed + options.num_samples - 1 > MAX_SEED:
        raise UsageError(f"--seed {options.seed} and --num_samples {options.num_samples} go beyond seed {MAX_SEED}")
    if options.save_path == STDOUT and options.num_samples > 1:
        raise UsageError("--save_path - is for one result: leave out --num_samples")
    edits = [make_edit(options, seed) for seed in range(options.seed, options.seed + options.num_samples)]
    by_notes = isinstance(edits[0], Continue) and edits[0].notes
    named = options.load_path if "load_path" in options.given or not by_notes else PIANO
    folder = locate.resolve_checkpoint(named, "editor")
    if by_notes:
        load_network()  # it says what is missing before anything else takes time
    recording = _open_recording(options.file, options.stereo)
    other = None if options.other is None else _open_recording(options.other, options.stereo)
    if isinstance(edits[0], (Fill, Vary)) and edits[0].spans:
        locate_spans(edits[0].spans, recording.sample_rate, len(recording.waveform))
    extension = choose_extension(options)
    check_format(extension, options.bits, options.save_path)
    endless = isinstance(edits[0], Continue) and edits[0].seconds is None
    if endless and options.save_path != STDOUT:
        raise UsageError("--seconds inf has no end: --save_path - sends it to the program behind |, such as a player")

    def apply(value: Edit, editor: render.Model) -> edit.Recording:
        return recording.add(edit.AppliedEdit(value, editor, other))

    if options.save_path == STDOUT:

        def open_sound() -> output.Sound:
            return recording.sample_rate, apply(edits[0], _load_editor(options, folder)).stream()

        bits: str | None = options.bits
        if extension != RAW:
            bits = bits or choose_bits(recording.waveform, Path(f"edit.{extension}"))
        return output.send(open_sound, extension, bits)
    with _open_folder(options.save_path):
        editor = _load_editor(options, folder)
        for value in edits:
            _write(apply(value, editor), value, options, extension)
    return 0


@contextlib.contextmanager
def _open_folder(path: Path) -> Iterator[None]:
    """Makes the folder of the results. Where it is new and stays empty because of a mistake, it is removed again."""
    is_new = not path.exists()
    make_folder(path)
    try:
        yield
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):  # something is in it
                path.rmdir()
        raise


def make_edit(options: EditOptions, seed: int) -> Edit:
    """The edit that the flags ask for.

    Raises:
        UsageError: a flag is missing, of another task, or out of its range.
    """
    task = options.task
    own = FLAGS_OF_TASK[task]
    for name in sorted(set().union(*FLAGS_OF_TASK.values()) - own):
        if name in options.given:
            tasks = " and ".join(other for other, names in FLAGS_OF_TASK.items() if name in names)
            raise UsageError(f"--{name} belongs to {tasks}, not to {task}")
    if (options.other is not None) != (task == "blend"):
        raise UsageError(f"{task} takes {'two files: FILE and OTHER' if task == 'blend' else 'one file'}")
    if task == "fill" and options.spans is None:
        raise UsageError("fill needs the gaps to fill, such as --spans 3.5-7,20-24")
    spans = () if options.spans is None else edit.parse_spans(options.spans)
    try:
        if task == "fill":
            return Fill(seed=seed, spans=spans)
        if task == "continue":
            return Continue(
                seed=seed, seconds=options.seconds, before=options.before, at=options.at, notes=options.notes
            )
        if task == "vary":
            return Vary(seed=seed, strength=options.strength, spans=spans)
        return Blend(seed=seed, ratio=options.ratio, over=options.over)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def choose_extension(options: EditOptions) -> str:
    """The format of the result, without a dot: the one that is named, that of the recording, or wav."""
    if options.format is not None:
        return options.format
    extension = options.file.suffix.lower()
    return extension[1:] if extension in audio.FORMATS else "wav"


def _open_recording(path: Path, stereo: bool) -> edit.Recording:
    recording = edit.open_recording(path, lambda remark: console.warn(f"{format_path(path)} {remark}"))
    return recording.make_stereo() if stereo else recording


def _load_editor(options: EditOptions, folder: Path) -> render.Model:
    environment.prepare_rendering()

    from musika import backend

    started = time.perf_counter()
    precision, xla = backend.choose_precision(options.mixed_precision), backend.should_use_xla(options.xla)
    model = render.load_model(folder, options.dec_path, None, precision, xla)
    console.say(f"{model.name} loaded in {time.perf_counter() - started:.1f} s")
    return model


def _write(edited: edit.Recording, value: Edit, options: EditOptions, extension: str) -> None:
    """Writes one result, and prints a line about it."""
    name = f"{options.file.stem}-{value.name}-seed-{value.seed}.{extension}"
    sound, started = edited.open(), time.perf_counter()
    seconds = (sound.length or 0) / sound.sample_rate
    path = options.save_path / name
    with _Bars(seconds, value.name) as bars:
        written = edited.save(
            path,
            keep_existing=True,
            bits=options.bits,
            on_block=lambda block: bars.show_seconds(len(block) / edited.sample_rate),
            on_step=bars.show_search,
        )
    if written.path != path:
        console.say(describe_kept(path, written.path))
    console.say(f"{format_path(written.path)}: {format_speed(seconds, time.perf_counter() - started)}")


class _Bars:
    """One bar after another: how far the search in a generator's space is, where there is one; then the sound.

    Args:
        seconds: of sound, in all.
        label: name of the edit.
    """

    def __init__(self, seconds: float, label: str) -> None:
        self.seconds, self.label = seconds, label
        self.bar = console.Progress(seconds, "s", label)
        self.searches = False

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def show_search(self, share: float | None) -> None:
        """Shows that a share of the search is done; None is another step of the work (`OnStep`)."""
        if share is not None:
            self._switch(True)
            self.bar.advance(100 * share - self.bar.done)

    def show_seconds(self, seconds: float) -> None:
        """Shows that so many more seconds of sound are written."""
        self._switch(False)
        self.bar.advance(seconds)

    def _switch(self, searches: bool) -> None:
        if searches != self.searches:
            self.bar.close()
            total, unit, label = (100, "%", "search") if searches else (self.seconds, "s", self.label)
            self.bar, self.searches = console.Progress(total, unit, label), searches
