"""How fast a codec's training can be fed: batches of crops alone, without any network.

    python -m benchmarks.feed FOLDER_OF_AUDIO [--batches 40] [--json FILE]

Seconds of audio a second, for one thread and more. An accelerator that trains faster than this waits for its input; a
step's speed is what training shows as `audio_seconds_per_second`.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import yardstick

BS = 8  # crops in a batch, as the commands have it
WARM = 4  # batches before the clock runs


def stage_of(folder: Path, cache: Path) -> Any:
    """A codec's stage on all audio of a folder, which is only asked for batches."""
    from musika import audio
    from musika.config import CodecConfig, CodecTrainConfig
    from musika.training.pool import Pool
    from musika.training.stages.codec import CodecStage

    config, train = CodecConfig(), CodecTrainConfig(bs=BS)
    shortest = (train.crop + 1) * config.hop_total
    pool = Pool(folder, audio.find(folder), cache, config.sample_rate, shortest)
    return CodecStage(config, train, pool)


def speed(stage: Any, threads: int, batches: int) -> float:
    """Seconds of audio that that many threads prepare in a second."""
    from musika.training.feed import Feeder

    positions = range(0, (WARM + batches) * BS, BS)
    feeder = Feeder(stage.batch, positions, 2 * threads, threads)
    for _ in range(WARM):
        next(feeder)
    begun = time.perf_counter()
    for _ in range(batches):
        next(feeder)
    seconds = time.perf_counter() - begun
    feeder.close()
    return batches * BS * float(stage.sample_seconds) / seconds


def main() -> None:
    parser = yardstick.parser(__doc__ or "")
    parser.add_argument("folder", type=Path, help="folder of audio files")
    parser.add_argument("--batches", type=int, default=40, help="batches that are timed (default: 40)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        stage = stage_of(options.folder, Path(cache))
        counts = sorted({1, 2, os.cpu_count() or 1})
        rows = [{"threads": n, "audio seconds a second": speed(stage, n, options.batches)} for n in counts]
    yardstick.report("feeding a codec's training", rows, yardstick.measure(), options.json)


if __name__ == "__main__":
    main()
