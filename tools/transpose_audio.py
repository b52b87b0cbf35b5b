"""Play every recording of a folder faster and slower, so that it sounds in other keys.

Every file is written in each key from --semitones below to --semitones above its own, its own key included, as 16-bit
WAV at the rate of the original, in the same sub-folders of TARGET_FOLDER. Peaks above 0.99 of full scale are scaled
down to it. A generator that has only a few hours of music learns them by heart; other keys make them more.
Files that are already there are left alone. Those that cannot be read are listed, and the exit code is 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from musika.errors import AudioError
from tools.common import command, jobs

PEAK = 0.99


class Job(NamedTuple):
    """A file to write: `source`, that many semitones higher."""

    source: Path
    target: Path
    semitones: int


def transpose_file(job: Job) -> str:
    """Writes one file; returns why not, or ""."""
    import soundfile
    import soxr

    from musika import audio

    try:
        waveform, rate = soundfile.read(job.source, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        return str(error)
    if not len(waveform):
        return "is empty"
    if job.semitones:
        waveform = soxr.resample(waveform, rate * 2 ** (job.semitones / 12), rate)
    waveform = waveform * min(1.0, PEAK / max(float(np.abs(waveform).max()), 1e-9))
    try:
        audio.write(job.target, waveform.astype(np.float32), rate)
    except AudioError as error:
        return str(error)
    return ""


def list_jobs(folder: Path, target: Path, semitones: int) -> Iterator[Job]:
    """All files that are not there yet.

    Raises:
        AudioError: there is no audio in the folder.
    """
    from musika import audio

    for source in audio.find_files(folder):
        place = target / source.relative_to(folder).parent
        for key in range(-semitones, semitones + 1):
            path = place / f"{source.name}_{key:+d}.wav"  # with the ending: a.wav and a.mp3 are two pieces
            if not path.exists():
                yield Job(source, path, key)


def transpose_all(files: list[Job]) -> Iterator[tuple[Path, str, str]]:
    """Writes all files on all cores; gives the source, what was done, and why not."""
    if files:
        with ProcessPoolExecutor() as processes:
            for job, reason in zip(files, processes.map(transpose_file, files), strict=True):
                yield job.source, f"{job.source.name} -> {job.target.name}", reason


def main() -> int:
    parser = command.make_parser("tools.transpose_audio", __doc__)
    parser.add_argument("folder", type=Path, metavar="AUDIO_FOLDER", help="folder of recordings")
    parser.add_argument("target", type=Path, metavar="TARGET_FOLDER", help="folder that the files are written to")
    parser.add_argument(
        "--semitones",
        type=command.parse_number(int, 0, 24),
        metavar="N",
        default=3,
        help="keys to either side of the original",
    )
    options = parser.parse_args()
    jobs.check_target(options.folder, options.target)
    return jobs.report_results(transpose_all(list(list_jobs(options.folder, options.target, options.semitones))))


if __name__ == "__main__":
    command.run(main)
