"""Which flags each verb has, of three kinds: options of the verb, settings of training, and flags without effect.

Options are declared in options.py, settings in `musika.config`. Standard library only.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Literal

from musika.cli import options
from musika.cli.options import Options, list_fields
from musika.config import (
    CodecTrainConfig,
    ComposerTrainConfig,
    Config,
    EditTrainConfig,
    GanTrainConfig,
    GeneratorConfig,
    PerformerTrainConfig,
)
from musika.config.fields import describe_field, get_fields, get_flag


@dataclasses.dataclass(frozen=True)
class Verb:
    """A verb of the command line."""

    options: type[Options]
    summary: str
    example: str  # flags of the example in --help


VERBS: dict[str, Verb] = {
    "encode": Verb(
        options.EncodeOptions, "Turn audio into latents to train on.", "--files_path my_songs --save_path encoded"
    ),
    "decode": Verb(options.DecodeOptions, "Turn latents back into audio.", "--files_path encoded --save_path decoded"),
    "train": Verb(
        options.TrainOptions,
        "Train a generator, a codec, a performer, an editor or a composer on your music.",
        "--train_path encoded --load_path checkpoints/open",
    ),
    "generate": Verb(options.GenerateOptions, "Make new music, or play MIDI files.", "--num_samples 3 --seconds 60"),
    "play": Verb(options.PlayOptions, "Play a MIDI file with a trained performer.", "song.mid song.wav"),
    "edit": Verb(
        options.EditOptions,
        "Fill gaps of a recording, continue it, vary it, or blend two.",
        "fill song.wav --spans 3.5-7,20-24 --seed 1",
    ),
    "test": Verb(
        options.TestOptions, "Open a page in your browser: listen, make, edit.", "--load_path checkpoints/open"
    ),
    "serve": Verb(
        options.ServeOptions,
        "Play music over HTTP: a radio, streams, files and a page.",
        "--load_path checkpoints/open --port 8000",
    ),
    "verify": Verb(
        options.VerifyOptions, "Check that an audio file is what its recipe says.", "generations/piano-seed-7.flac"
    ),
    "video": Verb(
        options.VideoOptions,
        "Make a video of an audio file, for sharing.",
        'generations/piano-seed-7.flac song.mp4 --title "My song"',
    ),
    "evaluate": Verb(
        options.EvaluateOptions,
        "Measure a codec, a performer, a composer, or generated music.",
        "--codec checkpoints/ae --files_path music",
    ),
    "convert": Verb(
        options.ConvertOptions,
        "Turn a folder of the original Musika (.h5 files) into a checkpoint.",
        "checkpoints/techno my_techno",
    ),
}
SCRIPTS = ("encode", "decode", "train", "generate", "test")  # verbs with a script of their own, musika_VERB.py

# Flags of the original Musika that have nothing to decide here: they are accepted, and a line says so.
MUSIKA_FLAGS: dict[str, type] = {"mel_bins": int, "testing": bool, "base_path": str}
SIZES_OF_GENERATORS: dict[str, type] = {"small": bool, "coorddepth": int, "base_channels": int, "load_path": str}
MUSIKA_FLAGS_OF_VERB: dict[str, dict[str, type]] = {
    "encode": MUSIKA_FLAGS | SIZES_OF_GENERATORS,
    "decode": MUSIKA_FLAGS | SIZES_OF_GENERATORS | {"max_lat_len": int},
    "train": MUSIKA_FLAGS,
    "generate": MUSIKA_FLAGS,
    "test": MUSIKA_FLAGS,
}
LAST_GROUPS = (
    "Machine",
    "Pages",
    "Messages",
    "Sizes of codecs of the original Musika",
    "Flags of the original Musika, without effect",
)


@dataclasses.dataclass(frozen=True)
class Flag:
    """One flag of a verb.

    Attributes:
        name: as it is typed, without dashes.
        hint: type of its value, perhaps `| None`.
        text: what a person reads.
        default: what the help shows as its default.
        group: heading in the help.
        common: whether `--help` shows it, or `--help_all` alone.
        limits: a dataclass field whose metadata has its range; None where there is none.
        target: what becomes of its value: an option, a setting of training by the field's name, or nothing.
        positional: whether it is a positional argument.
        place: what the help writes in the place of its value; None follows the type.
    """

    name: str
    hint: Any
    text: str
    default: str
    group: str
    common: bool = True
    limits: dataclasses.Field[Any] | None = None
    target: Literal["option", "setting", "nothing"] = "option"
    positional: bool = False
    place: str | None = None


def is_required(flag: Flag) -> bool:
    """Whether a positional argument must be given."""
    return flag.limits is None or flag.limits.default is dataclasses.MISSING


def list_flags(verb: str) -> list[Flag]:
    """All flags of a verb, in the order of `--help_all`."""
    kind = VERBS[verb].options
    hints = typing.get_type_hints(kind)
    flags = [_make_option_flag(field, hints[field.name]) for field in list_fields(kind)]
    if verb == "train":
        flags += _list_setting_flags()
    for name, hint in MUSIKA_FLAGS_OF_VERB.get(verb, {}).items():
        flags.append(Flag(name, hint, "has no effect", "none", LAST_GROUPS[-1], False, None, "nothing"))
    return sorted(flags, key=lambda flag: 1 + LAST_GROUPS.index(flag.group) if flag.group in LAST_GROUPS else 0)


def _make_option_flag(field: dataclasses.Field[Any], hint: Any) -> Flag:
    about = field.metadata
    default = about["shown"] or str(field.default)
    more = {"positional": about["positional"], "place": about["place"]}
    return Flag(field.name, hint, about["text"], default, about["group"], about["common"], field, **more)


def _list_setting_flags() -> list[Flag]:
    """Flags for the sizes of generators and for the hyperparameters of all stages."""
    groups: tuple[tuple[str, str, type[Config]], ...] = (
        ("Network", "", GeneratorConfig),
        ("Training", "", GanTrainConfig),
        ("Training of codecs", "codec", CodecTrainConfig),
        ("Training of performers", "performer", PerformerTrainConfig),
        ("Training of editors", "edit", EditTrainConfig),
        ("Training of composers", "composer", ComposerTrainConfig),
    )
    flags: dict[str, Flag] = {}
    for group, stage, config in groups:
        hints = typing.get_type_hints(config)
        for field in get_fields(config).values():
            name = get_flag(field)
            if field.name in ("channels", "critic_fields"):
                continue  # what the latents decide, and what --local_critics says
            if name in flags:  # several stages have it, with defaults of their own
                if (default := str(field.default)) != flags[name].default.split(";")[0]:
                    shown = f"{flags[name].default}; {stage} {default}"
                    flags[name] = dataclasses.replace(flags[name], default=shown)
                continue
            about = field.metadata
            text = describe_field(field)
            hint = hints[field.name]
            default = "none" if field.default == "" else str(field.default)
            flags[name] = Flag(name, hint, text, default, group, about["common"], field, "setting")
    return list(flags.values())
