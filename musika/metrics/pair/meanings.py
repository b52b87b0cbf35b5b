"""What the figures of a pair mean, one plain sentence each, for people who do not read formulas."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Meaning:
    """What a figure says.

    Attributes:
        title: what is measured.
        unit: of the figure; "" for none.
        sentence: what it means, and which value is good.
    """

    title: str
    unit: str
    sentence: str


MEANINGS = {
    "log_mel": Meaning(
        "Spectrogram distance",
        "",
        "How much the two spectrograms differ, roughly as the ear hears it. 0.1 is 1 dB; smaller is better.",
    ),
    "log_spectral": Meaning(
        "Spectral distance",
        "dB",
        "How much single frequencies differ. Two noises of the same colour have about 8 dB; smaller is better.",
    ),
    "band_bias": Meaning(
        "Band bias", "dB", "How much the worst of five ranges of pitch is too loud or too quiet. Under 2 is good."
    ),
    "level": Meaning("Level", "dB", "Whether it is too loud (above 0) or too quiet (below 0). Within 1 is good."),
    "loudness_error": Meaning("Loudness", "LU", "How much louder or softer it sounds. Within 1 is good."),
    "si_sdr": Meaning(
        "Waveform match",
        "dB",
        "Whether the waveforms are alike. It is low for a codec that invents phases, which can still sound good.",
    ),
    "correlation_error": Meaning(
        "Stereo correlation", "", "How much the similarity of left and right has changed. Under 0.1 is good."
    ),
    "width_error": Meaning("Stereo width", "", "How much wider or narrower it has become. Under 0.1 is good."),
    "onset_f1": Meaning(
        "Onsets",
        "",
        "Whether beats and notes begin at the same times: 1 is all of them and no others. Over 0.85 is good.",
    ),
    "false_onsets": Meaning("New onsets", "a second", "How many beats or notes are heard that were not there."),
    "missed_onsets": Meaning("Lost onsets", "a second", "How many beats or notes are no longer heard."),
    "flatness_ratio": Meaning(
        "Noise between tones", "", "Whether tones stay tones: 1 is right, above 1 there is noise between them."
    ),
    "tuning_error": Meaning(
        "Tuning", "cents", "How far strong tones are from where they were. Over 10 sounds out of tune or rough."
    ),
    "phase_drift": Meaning(
        "Phase drift", "turns", "How far the phase of steady tones drifts within a second. Over 1 sounds rough."
    ),
    "clicks": Meaning(
        "Jumps between blocks",
        "dB",
        "Jumps of the waveform where blocks of the codec meet. Within 1 of the next figure, none can be heard.",
    ),
    "clicks_inside": Meaning("Jumps inside blocks", "dB", "The same inside of blocks, where nothing meets."),
    "clicks_original": Meaning("Jumps of the original", "dB", "The same in the recording itself, at the same places."),
}
