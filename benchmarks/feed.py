"""How fast a codec's training can be fed: batches of crops alone, without any network.

The figure is seconds of audio per second, for one thread and for more. An accelerator that trains faster than this
waits for its input; the speed of a step is what training shows as `audio_seconds_per_second`.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import yardstick
from tools.common import command

BATCH = 8  # crops, as `train` has it
WARM_UP = 4  # batches before time is taken


def make_stage(folder: Path, cache: Path) -> Any:
    """A codec's training stage on all audio of a folder; only its batches are used."""
    from musika import audio
    from musika.config import CodecConfig, CodecTrainConfig
    from musika.training.pool import Pool
    from musika.training.stages.codec import CodecStage

    config, train = CodecConfig(tuned_bins=0), CodecTrainConfig(bs=BATCH)
    shortest = (train.crop + 1) * config.hop_total
    pool = Pool(folder, audio.find_files(folder), cache, config.sample_rate, shortest)
    return CodecStage(config, train, pool)


def measure_speed(stage: Any, threads: int, batches: int) -> float:
    """Seconds of audio that so many threads prepare in a second."""
    from musika.training.feed import Feeder

    positions = range(0, (WARM_UP + batches) * BATCH, BATCH)
    feeder = Feeder(stage.make_batch, positions, 2 * threads, threads)
    for _ in range(WARM_UP):
        next(feeder)
    start = time.perf_counter()
    for _ in range(batches):
        next(feeder)
    seconds = time.perf_counter() - start
    feeder.close()
    return batches * BATCH * float(stage.sample_seconds) / seconds


def main() -> int:
    parser = yardstick.make_parser("benchmarks.feed", __doc__)
    parser.add_argument("folder", type=Path, metavar="AUDIO_FOLDER", help="folder of audio files")
    parser.add_argument(
        "--batches", type=command.parse_number(int, 1), metavar="N", default=40, help="batches that are timed"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        stage = make_stage(options.folder, Path(cache))
        counts = sorted({1, 2, os.cpu_count() or 1})
        rows = [{"threads": n, "audio seconds a second": measure_speed(stage, n, options.batches)} for n in counts]
    yardstick.report("feeding a codec's training", rows, yardstick.measure(), options.json)
    return 0


if __name__ == "__main__":
    command.run(main)
