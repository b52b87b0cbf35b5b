"""TensorBoard's log of a run, written without TensorFlow: scalars, spectrograms, audio."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musika import audio, console


class BoardLog:
    """What the training loop reports, as a TensorBoard event file. A failure is one warning and stops nothing.

    Args:
        folder: of the run's log; it is made if needed.
    """

    def __init__(self, folder: Path) -> None:
        self._file: Any = None
        self._writer: Any = None
        try:
            from tensorboard.summary.writer.record_writer import RecordWriter

            folder.mkdir(parents=True, exist_ok=True)
            name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
            self._file = open(folder / name, "ab")  # noqa: SIM115 - it stays open for the whole run
            self._writer = RecordWriter(self._file)
        except Exception as error:  # of a disk, or of TensorBoard's own requirements
            console.warn(f"no log for TensorBoard in {folder}: {error}")
            return
        self._write_event(None, file_version="brain.Event:2")

    def write_scalars(self, position: int, values: Mapping[str, float]) -> None:
        """Numbers after `position` samples."""
        self._write_summary(position, [{"tag": name, "simple_value": value} for name, value in values.items()])

    def write_sample(self, position: int, name: str, waveform: np.ndarray, rate: int, picture: bytes | None) -> None:
        """A waveform `[N, 2]` at `rate` Hz and its PNG picture."""
        sound = {
            "sample_rate": rate,
            "num_channels": 2,
            "length_frames": len(waveform),
            "encoded_audio_string": audio.encode(waveform, rate, ".wav"),
            "content_type": "audio/wav",
        }
        values: list[dict[str, Any]] = [{"tag": f"audio/{name}", "audio": sound}]
        if picture is not None:
            # a PNG file has its width and height, four bytes each, after 16 bytes
            width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
            image = {"width": width, "height": height, "colorspace": 3, "encoded_image_string": picture}
            values.append({"tag": f"spectrogram/{name}", "image": image})
        self._write_summary(position, values)

    def flush(self) -> None:
        """Writes everything to the disk."""
        self._run_safely(lambda: self._file.flush())

    def close(self) -> None:
        """Closes the file."""
        self._run_safely(lambda: self._file.close())
        self._writer = None

    def _write_summary(self, position: int, values: list[dict[str, Any]]) -> None:
        self._write_event(position, summary={"value": values})

    def _write_event(self, position: int | None, **fields: Any) -> None:
        def action() -> None:
            from tensorboard.compat.proto.event_pb2 import Event

            event = Event(wall_time=time.time(), step=position or 0, **fields)
            self._writer.write(event.SerializeToString())

        self._run_safely(action)

    def _run_safely(self, action: Any) -> None:
        """Does what may fail; the first failure is a warning and ends the log."""
        if self._writer is None:
            return
        try:
            action()
        except Exception as error:
            self._writer = None
            console.warn(f"the log for TensorBoard ends here: {error}")
