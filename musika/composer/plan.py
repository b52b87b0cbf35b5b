"""The plan of a piece: what each section is, as a function of (seed, settings, number of the section).

A piece has one metre, one tempo and sections of one length, so the section at any second is found by a division. Eight
sections form a group. The letters of a group say which theme each section has; they return after 2, 4 and 8 sections.
Theme A is that of eight groups, B of two, C and D of one. A theme has a key of its own relative to the piece, and a
character: density, register, dynamics. A section is the theme itself or a variation: some bars are kept, the others are
written anew.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from fractions import Fraction

import numpy as np

from musika import draws
from musika.composer import harmony
from musika.composer import vocabulary as v
from musika.composer.clock import Clock
from musika.composer.progressions import draw_progression
from musika.composer.sections import encode_chord, encode_conditions
from musika.config.musical import Chord, MusicalSettings
from musika.config.musical.keys import get_pitch_class
from musika.config.musical.levels import get_notes_per_beat
from musika.errors import UsageError

GROUP = 8  # sections
FORMS = ("ABACABAD", "AABACCBA", "ABCADBCA", "AABBCABA")
BARS = 8  # of a section; 16 where bars are short
SHORTEST, LONGEST = 7.0, 30.0  # seconds of a section
TEMPI = (58.0, 132.0)  # quarter notes a minute that are drawn from
NOTES_PER_SECOND = (3.5, 9.0)
REGISTERS = (54.0, 64.0)  # mean MIDI keys that are drawn from
LEVELS = (2.1, 4.6)  # mean velocity levels of a piece that are drawn from
METRE_SHARES = {"4/4": 0.5, "3/4": 0.25, "2/4": 0.1, "6/8": 0.15}
# keys of themes B, C and D: semitones above the home key, and whether the mode changes
MAJOR_KEYS = ((7, False), (5, False), (9, True), (2, True), (0, True))
MINOR_KEYS = ((3, True), (5, False), (8, True), (7, False), (0, True))
DENSITY_CENTRES = (0.7, 1.15, 1.7, 2.35, 3.1, 4.0, 5.4, 7.0)  # notes a quarter note, of each level
ARC = 1.2  # levels of velocity between the softest and the loudest sections, beside what is drawn
# how a section follows its theme: cumulative probabilities of keeping all bars, the first half, every other pair
KEEP_ALL, KEEP_HALF = 0.3, 0.75


@dataclasses.dataclass(frozen=True)
class PieceFrame:
    """What holds for a whole piece.

    Attributes:
        metre: name in METRES.
        bars: of a section.
        section_latents: length of a section.
        section_seconds: the same in seconds; where the settings name a tempo, exactly what its beginning asks for.
        tonic: of the home key, 0 to 11.
        mode: 0 major, 1 minor.
        density: notes a quarter note.
        register: mean MIDI key.
        dynamics: mean velocity level, 0 to 7.
        pedal: whether the sustain pedal is used.
    """

    metre: str
    bars: int
    section_latents: int
    section_seconds: float
    tonic: int
    mode: int
    density: float
    register: float
    dynamics: float
    pedal: bool

    @property
    def bar_length(self) -> int:
        """Units."""
        return v.METRES[self.metre]

    @property
    def beats(self) -> float:
        """Quarter notes in a section."""
        return self.bars * self.bar_length / v.UNITS_PER_BEAT

    @property
    def tempo(self) -> float:
        """Quarter notes a minute."""
        return 60.0 * self.beats / self.section_seconds


@dataclasses.dataclass(frozen=True)
class ThemePlan:
    """A theme, relative to what holds for the whole piece.

    Attributes:
        number: of the theme, from 0 on; its random numbers follow from it.
        shift: semitones from the home key to its own.
        mode: 0 major, 1 minor.
        density: added to the level of the piece's density.
        register: added to the piece's mean MIDI key, semitones.
        dynamics: added to the piece's mean velocity level.
    """

    number: int
    shift: int
    mode: int
    density: int
    register: float
    dynamics: float


@dataclasses.dataclass(frozen=True)
class SectionPlan:
    """A section, and how it differs from its theme.

    Attributes:
        number: of the section, from 0 on.
        letter: of its theme.
        theme: plan of its theme.
        is_theme: whether it is the theme itself, unchanged but for key and dynamics.
        kept: for each bar, whether it is that of the theme.
        shift: semitones from the theme's key to its own.
        dynamics: added to the theme's mean velocity level.
        closes: whether it ends on the tonic; else on the dominant.
    """

    number: int
    letter: str
    theme: ThemePlan
    is_theme: bool
    kept: tuple[bool, ...]
    shift: int
    dynamics: float
    closes: bool


class Plan:
    """The plan of a piece.

    Args:
        seed: of the piece.
        settings: what is asked for; the rest is drawn.
        seconds_per_latent: of the codec that the piece is played through.
        variation: 1: themes are varied, and new ones come; 0: the same ones return, unvaried but for key and dynamics.
        turn: seconds after which the piece begins again; 0 is never. It has the nearest number of whole sections.

    Raises:
        UsageError: a metre that the composer does not know.
    """

    def __init__(
        self,
        seed: int,
        settings: MusicalSettings,
        seconds_per_latent: float,
        variation: float = 1.0,
        turn: float = 0.0,
    ) -> None:
        self.seed, self.settings, self.variation = seed, settings, variation
        self.frame = _draw_frame(seed, settings, seconds_per_latent)
        self.clock = Clock(self.frame.beats, self.frame.section_seconds, settings.tempo_value)
        self.turn = turn
        self.sections = self.clock.count_sections(turn) if turn else 0  # in one turn; 0 is without end

    def find_section(self, seconds: float) -> int:
        """The number of the section at a second."""
        return self.clock.find_section(seconds)

    def get_start(self, section: int) -> float:
        """Seconds at which a section begins."""
        return self.clock.get_start(section)

    def plan_theme(self, number: int) -> ThemePlan:
        """A theme by its number; numbers that 4 divides, and those of a form that is asked for, stay in the home key
        or, where the settings name a key, in that."""
        return _draw_theme(self.seed, number, self.frame, self._is_home(number))

    def _is_home(self, number: int) -> bool:
        given = self.settings
        return number % 4 == 0 or bool(given.key or given.mode or given.chords)

    def plan_section(self, number: int) -> SectionPlan:
        """A section by its number, from 0 on."""
        chances = draws.uniform(self.seed, "composer/section plan", number, (8,)).tolist()
        letter, theme_number = self._find_theme(number)
        theme = self.plan_theme(theme_number)
        bars = self.frame.bars
        change = chances[0] * self.variation
        if number == 0 or change < KEEP_ALL:
            kept = [True] * bars
        elif change < KEEP_HALF:
            kept = [bar < bars // 2 for bar in range(bars)]
        else:
            kept = [bar % 4 < 2 for bar in range(bars)]
        if kept[-1] and number > 0 and chances[1] < 0.6 * self.variation:
            kept[-1] = False  # another close
        is_last = number % GROUP == GROUP - 1
        shift = 0
        if letter == "B" and number % GROUP > GROUP // 2 and chances[2] < 0.5 and theme.mode == self.frame.mode:
            shift = -_wrap_interval(theme.shift)  # the second theme returns at home
        shift += self._find_key_shift(number)
        closes = (is_last or chances[3] < 0.6) and number != self.sections - 1  # the last one leads to the first
        dynamics = self._find_arc(number) - 0.5 + 0.8 * (chances[4] - 0.5)
        return SectionPlan(number, letter, theme, number == 0, tuple(kept), shift, dynamics, closes)

    def _find_arc(self, number: int) -> float:
        """How much louder a section is than the softest ones, in levels of velocity: it swells and fades by turns.

        In a loop it goes around, so that the step from the last section to the first is one like the others.
        """
        if not self.sections:
            return ARC * math.sin(math.pi * (number % GROUP) / (GROUP - 1))
        arcs = max(1, round(self.sections / GROUP))
        return ARC * min(1.0, self.sections / GROUP) * math.sin(math.pi * (number * arcs / self.sections % 1.0))

    def _find_theme(self, number: int) -> tuple[str, int]:
        """Letter and theme of a section."""
        if self.settings.form:
            letters = self.settings.form
            letter = letters[number % len(letters)]
            return letter, ord(letter.upper()) - ord("A")
        group = number // GROUP
        form = FORMS[int(draws.integers(self.seed, "composer/form", group, 1)[0] % np.uint64(len(FORMS)))]
        letter = form[number % GROUP]
        age = int(group * self.variation)  # of the themes, in groups
        themes = {"A": 4 * (age // 8), "B": 4 * (age // 2) + 1, "C": 4 * age + 2, "D": 4 * age + 3}
        return letter, themes[letter]

    def _find_key_shift(self, number: int) -> int:
        """Semitones from the home key to the key that the settings name at the beginning of a section."""
        if self.settings.key_value is None:
            return 0
        key = self.settings.key_value.get_value(self.get_start(number))
        return _wrap_interval(key.pitch_class - self.frame.tonic)

    def get_velocity(self, number: int) -> float:
        """The mean MIDI velocity that a section is to have, by its number."""
        plan = self.plan_section(number)
        level = self._get_level(plan.theme, plan.dynamics, self.get_start(number))
        return (min(max(level, 0.0), v.VELOCITIES - 1.0) + 0.5) * 128 / v.VELOCITIES

    def _get_level(self, theme: ThemePlan, dynamics: float, seconds: float) -> float:
        """The mean velocity level, 0 to 7, of a theme that is `dynamics` louder: what is asked for, or the plan's."""
        asked = self.settings.dynamics_value
        if asked is not None:
            return asked.get_middle(seconds) * 127 * v.VELOCITIES / 128 - 0.5
        return self.frame.dynamics + theme.dynamics + dynamics

    def describe_theme(self, theme: ThemePlan) -> np.ndarray:
        """Conditions of a theme in its own key."""
        return self._encode(theme, (self.frame.tonic + theme.shift) % 12, theme.mode, 0.0, "theme", 0)

    def describe_section(self, plan: SectionPlan, relation: int) -> np.ndarray:
        """Conditions of a section; `relation` to its theme as in training."""
        tonic = (self.frame.tonic + plan.theme.shift + plan.shift) % 12
        return self._encode(plan.theme, tonic, plan.theme.mode, plan.dynamics, plan.number, relation)

    def _encode(
        self, theme: ThemePlan, tonic: int, mode: int, dynamics: float, number: int | str, relation: int
    ) -> np.ndarray:
        frame, given = self.frame, self.settings
        seconds = self.get_start(number) if isinstance(number, int) else 0.0
        density = v.quantise_density(frame.density) + theme.density
        if given.density_value is not None:
            density = v.quantise_density(get_notes_per_beat(given.density_value.get_value(seconds)))
        register = frame.register + theme.register
        if given.register_value is not None:
            register = given.register_value.get_middle(seconds)
        level = self._get_level(theme, dynamics, seconds)
        return encode_conditions(
            {
                "key": 1 + tonic,
                "mode": 1 + mode,
                "metre": 1 + v.METRE_NAMES.index(frame.metre),
                "tempo": v.quantise_tempo(
                    frame.tempo if given.tempo_value is None else given.tempo_value.get_value(seconds)
                ),
                "density": int(np.clip(density, 1, 8)),
                "dynamics": 1 + int(np.clip(round(level), 0, v.VELOCITIES - 1)),
                "register": v.quantise_register(register),
                "place": v.OPENING if number == 0 else v.MIDDLE,
                "relation": relation,
                "bars": 1 + v.SECTION_BARS.index(frame.bars),
            }
        )

    def list_chords(self, theme: ThemePlan, shift: int, closes: bool, section: int | None = None) -> np.ndarray:
        """The chord of each half bar and the one after, as `encode_chord` gives them.

        Without chords in the settings, they are those of the theme: functional harmony in its key.

        Args:
            section: its number; chords of the settings go on from section to section. None is a theme.
        """
        frame = self.frame
        chords: list[int | None] = [None] * (2 * frame.bars + 1)
        progression = self.settings.chords_value
        if progression is not None:
            bar = Fraction(frame.bar_length, v.UNITS_PER_BEAT)
            first = (section or 0) * frame.bars * bar
            for half in range(len(chords)):
                chords[half] = _match_chord(progression.get_chord(first + half * bar / 2, bar))
        else:
            tonic = (frame.tonic + theme.shift + shift) % 12
            chances = draws.uniform(self.seed, "composer/progression", theme.number, (3 * frame.bars,))
            chords[:-1] = draw_progression(frame.bars, tonic, theme.mode, closes, chances).tolist()
        return np.array([encode_chord(chord) for chord in chords])


def _draw_frame(seed: int, settings: MusicalSettings, seconds_per_latent: float) -> PieceFrame:
    """What holds for the whole piece: what the settings say, else what is drawn."""
    chances = draws.uniform(seed, "composer/frame", 0, (10,)).tolist()
    metre = _choose_metre(settings, chances[0])
    low, high = TEMPI
    tempo = low * (high / low) ** chances[1] if settings.tempo_value is None else settings.tempo_value.get_value(0.0)
    bars, latents = _choose_length(metre, tempo, seconds_per_latent)
    seconds = latents * seconds_per_latent
    if settings.tempo_value is not None:  # exact; else the tempo gives way, so that a section is whole latents
        seconds = bars * v.METRES[metre] / v.UNITS_PER_BEAT * 60.0 / tempo
    tonic, mode = _choose_key(settings, chances[2], chances[3])
    low, high = NOTES_PER_SECOND
    density = (low + (high - low) * chances[4]) * 60.0 / tempo
    return PieceFrame(
        metre=metre,
        bars=bars,
        section_latents=latents,
        section_seconds=seconds,
        tonic=tonic,
        mode=mode,
        density=min(max(density, DENSITY_CENTRES[0]), DENSITY_CENTRES[6]),
        register=REGISTERS[0] + (REGISTERS[1] - REGISTERS[0]) * chances[5],
        dynamics=LEVELS[0] + (LEVELS[1] - LEVELS[0]) * chances[6],
        pedal=chances[7] < 0.8,
    )


def _choose_metre(settings: MusicalSettings, chance: float) -> str:
    if settings.metre_value is not None:
        name = str(settings.metre_value)
        if name not in v.METRES:
            raise UsageError(f"metre {name}: the composer writes in {', '.join(v.METRES)}", about="metre")
        return name
    total = 0.0
    for name, share in METRE_SHARES.items():
        total += share
        if chance < total:
            return name
    return "4/4"


def _choose_length(metre: str, tempo: float, seconds_per_latent: float) -> tuple[int, int]:
    """Bars and latents of a section: 8 bars, unless that is very short or long."""
    bar_seconds = v.METRES[metre] / v.UNITS_PER_BEAT * 60.0 / tempo
    bars = BARS
    if bars * bar_seconds < SHORTEST:
        bars = 2 * BARS
    elif bars * bar_seconds > LONGEST:
        bars = BARS // 2
    return bars, max(1, round(bars * bar_seconds / seconds_per_latent))


def _choose_key(settings: MusicalSettings, tonic_chance: float, mode_chance: float) -> tuple[int, int]:
    tonic, mode = int(12 * tonic_chance), int(mode_chance < 0.4)
    if settings.key_value is not None:
        key = settings.key_value.get_value(0.0)
        return key.pitch_class, v.MODES.index(key.mode)
    if settings.mode:
        mode = v.MODES.index(settings.mode)
    if settings.chords_value is not None:
        profile = np.zeros(12)
        for chord in settings.chords_value.chords:
            profile[list(chord.pitch_classes)] += 1
        tonic, mode = harmony.estimate_key(profile)
    return tonic, mode


@functools.lru_cache(maxsize=256)
def _draw_theme(seed: int, number: int, frame: PieceFrame, is_home: bool) -> ThemePlan:
    chances = draws.uniform(seed, "composer/theme plan", number, (6,)).tolist()
    keys = MINOR_KEYS if frame.mode else MAJOR_KEYS
    shift, changes = (0, False) if is_home else keys[int(chances[0] * len(keys))]
    return ThemePlan(
        number=number,
        shift=_wrap_interval(shift),
        mode=1 - frame.mode if changes else frame.mode,
        density=(-1, 0, 0, 1)[int(4 * chances[1])],
        register=8.0 * (chances[2] - 0.5),
        dynamics=1.6 * (chances[3] - 0.5),
    )


def _wrap_interval(semitones: int) -> int:
    """The smallest interval to the same pitch class: -5 to 6 semitones."""
    return (semitones + 5) % 12 - 5


def _match_chord(chord: Chord) -> int:
    """A chord of the settings as the composer knows chords: the kind that shares most notes on the same root."""
    if not chord.root:
        return -1
    root = get_pitch_class(chord.root)
    notes = chord.pitch_classes

    def rate_kind(kind: int) -> tuple[int, int]:
        own = {(root + step) % 12 for step in harmony.CHORD_KINDS[harmony.KIND_NAMES[kind]]}
        return len(own & notes) - len(own - notes), -kind

    return 12 * max(range(len(harmony.KIND_NAMES)), key=rate_kind) + root
