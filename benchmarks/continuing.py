"""How continued recordings hold: whether they collapse with time, and how near they stay to the recording.

Of each recording, the first --known seconds are given, and an editor goes on for 60 seconds. What it made is looked at
in stretches of five seconds that end at 5, 15 and 60 s:

    level dB     energy of the stretch, less that of what was given
    flatness     spectral flatness (geometric over arithmetic mean of the power spectrum), over that of what was given
    density      onsets a second, over those of what was given
    frechet      Fréchet distance of all recordings' latents together to those of their later parts; the last row has
                 that of what was given

A continuation that collapses becomes quiet, noisy or empty. "to 5 s" is the figure at 60 s over that at 5 s.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import yardstick
from musika import audio
from musika.config import SAMPLE_RATE
from tools.common import command

MADE = 60.0  # seconds
STRETCH = 5.0  # seconds
ENDS = (5.0, 15.0, 60.0)  # seconds
FRAME = 2048  # samples of a spectrum
COMPONENTS = 32  # that Fréchet distances are measured in: there are few latents


def main() -> int:
    parser = yardstick.make_parser("benchmarks.continuing", __doc__)
    parser.add_argument("--files_path", type=Path, metavar="FOLDER", required=True, help="recordings to continue")
    parser.add_argument("--load_path", type=Path, metavar="FOLDER", default=Path("checkpoints/edit"), help="editor")
    parser.add_argument(
        "--known", type=command.parse_number(float, 10), default=20.0, metavar="X", help="seconds that are given"
    )
    options = parser.parse_args()

    import musika
    from musika import edit

    editor = musika.load(options.load_path)
    before = yardstick.measure()
    found: dict[float, list[dict[str, float]]] = {end: [] for end in ENDS}
    latents: dict[str, list[np.ndarray]] = {"given": [], "later": [], **{str(end): [] for end in ENDS}}
    seconds = 0.0
    for number, path in enumerate(audio.find_files(options.files_path)):
        waveform = audio.read(path)
        known, later = waveform[: round(options.known * SAMPLE_RATE)], waveform[round(options.known * SAMPLE_RATE) :]
        begin = time.perf_counter()
        made = edit.continue_(editor, known, MADE, seed=number)[len(known) :]
        seconds += time.perf_counter() - begin
        latents["given"].append(editor.codec.encode(known))
        usual = describe_sound(editor.codec.decode(latents["given"][-1]))  # so that the codec's own noise is in both
        latents["later"].append(editor.codec.encode(later))
        for end in ENDS:
            part = made[round((end - STRETCH) * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
            found[end].append(compare(describe_sound(part), usual))
            latents[str(end)].append(editor.codec.encode(part))
    count = len(latents["given"])
    rows = [summarise(f"{end:g} s", found[end], latents[str(end)], latents["later"]) for end in ENDS]
    rows.append(summarise("given", [compare(usual, usual)], latents["given"], latents["later"]))
    rows.append(compare_times(rows[len(ENDS) - 1], rows[0]))
    speeds = yardstick.pick_faster(before, yardstick.measure())
    speed = count * MADE / seconds
    title = f"continued recordings; {speed:.1f} x real time, {speed / speeds['float32']:.3f} x per GFLOP/s"
    yardstick.report(title, rows, speeds, options.json)
    return 0


def describe_sound(waveform: np.ndarray) -> dict[str, float]:
    """Level, flatness and density of a waveform `[N, 2]`."""
    import librosa

    mono = waveform.mean(axis=1)
    flatness = librosa.feature.spectral_flatness(y=mono, n_fft=FRAME, hop_length=FRAME // 2)
    onsets = librosa.onset.onset_detect(y=mono, sr=SAMPLE_RATE)
    return {
        "level dB": float(10 * np.log10(np.mean(np.square(waveform, dtype=np.float64)) + 1e-10)),
        "flatness": float(np.exp(np.log(flatness + 1e-10).mean())),
        "density": len(onsets) / len(mono) * SAMPLE_RATE,
    }


def compare(sound: dict[str, float], usual: dict[str, float]) -> dict[str, float]:
    """The difference of levels, and the logarithms of the other figures' ratios."""
    return {
        "level dB": sound["level dB"] - usual["level dB"],
        "flatness": float(np.log(sound["flatness"] / usual["flatness"])),
        "density": float(np.log((sound["density"] + 0.2) / (usual["density"] + 0.2))),
    }


def summarise(
    name: str, figures: list[dict[str, float]], latents: list[np.ndarray], later: list[np.ndarray]
) -> dict[str, Any]:
    """A row of the table: the mean of levels, and geometric means of ratios."""
    from musika.metrics.sets import frechet

    means = {key: float(np.mean([each[key] for each in figures])) for key in figures[0]}
    distance = frechet.evaluate(np.concatenate(latents), np.concatenate(later), COMPONENTS)["frechet"]
    ratios = {key: float(np.exp(means[key])) for key in ("flatness", "density")}
    return {"at": name, "level dB": means["level dB"], **ratios, "frechet": distance}


def compare_times(late: dict[str, Any], early: dict[str, Any]) -> dict[str, Any]:
    """The row that says what has become of the sound."""
    ratios = {key: late[key] / early[key] for key in ("flatness", "density", "frechet")}
    return {"at": "60 s to 5 s", "level dB": late["level dB"] - early["level dB"], **ratios}


if __name__ == "__main__":
    command.run(main)
