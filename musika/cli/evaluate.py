"""`evaluate`: figures of a codec on real pieces, of generated music beside real music, of a performer or a composer."""

from __future__ import annotations

from collections.abc import Callable

from musika.cli import models
from musika.cli.flags import EvaluateOptions
from musika.codec.base import Codec
from musika.codec.published.checkpoint import SIZES
from musika.errors import UsageError

FOR_MUSIC = ("reference", "training", "embedding")  # flags that need --generated
FOR_CODEC = ("files_path", "latents", "midi_path", "pictures", "seconds")  # flags that do not go with it
# flags that go with them
FOR_PERFORMER = ("midi_path", "seconds")
FOR_COMPOSER = ("midi_path", "minutes")


def run(options: EvaluateOptions) -> int:
    """Measures; returns 0, or 1 if some files could not be measured (they are listed with the reasons).

    Raises:
        MusikaError: flags that do not go together, a folder or a checkpoint that cannot be used, too few clips.
    """
    check_flags(options)
    if options.performer is not None:
        from musika.cli import evaluate_performer

        return evaluate_performer.evaluate_performer(options)

    if options.composer is not None:
        from musika.cli import evaluate_composer

        return evaluate_composer.evaluate_composer(options)

    def load() -> Codec:
        assert options.codec is not None
        return models.load_codec(options.codec, options)

    return measure(options, load)


def measure(options: EvaluateOptions, load: Callable[[], Codec]) -> int:
    """Measures with any codec; `load` is called when there is something to measure."""
    if options.generated is None:
        from musika.cli import evaluate_codec

        return evaluate_codec.evaluate_folder(options, load)
    from musika.cli import evaluate_music

    return evaluate_music.evaluate_folders(options, load if options.codec is not None else None)


def check_flags(options: EvaluateOptions) -> None:
    """Checks that the flags go together.

    Raises:
        UsageError: they do not.
    """
    if options.composer is not None:
        _check_flags_of(options, "composer", FOR_COMPOSER, "a folder of works")
        return
    if "minutes" in options.given:
        raise UsageError("--minutes goes with --composer")
    if options.performer is not None:
        _check_flags_of(options, "performer", FOR_PERFORMER, "a folder of MIDI files to play")
        return
    if options.generated is None:
        for name in FOR_MUSIC:
            if getattr(options, name) is not None:
                raise UsageError(f"--{name} goes with --generated, the folder of generated music")
        if options.codec is None:
            raise UsageError("there is nothing to measure: give --codec a folder, or --generated and --reference")
        return
    if options.reference is None:
        raise UsageError("--generated needs --reference, a folder of real pieces to compare with")
    for name in FOR_CODEC:
        if name in options.given:
            raise UsageError(f"--{name} is for trying a codec; leave it out with --generated")
    for name in SIZES:
        if options.codec is None and getattr(options, name) is not None:
            raise UsageError(f"--{name} is a size of a codec, and --codec none does without one: leave it out")


def _check_flags_of(options: EvaluateOptions, own: str, allowed: tuple[str, ...], midi: str) -> None:
    """Raises UsageError unless the flags go with --performer or --composer."""
    for name in ("performer", "composer", "generated", *FOR_MUSIC, *FOR_CODEC, "minutes"):
        if name in options.given and name not in (own, *allowed):
            raise UsageError(f"--{name} does not go with --{own}: leave it out")
    if options.midi_path is None:
        raise UsageError(f"--{own} needs --midi_path, {midi}")
