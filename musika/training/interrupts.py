"""Interrupts of a training: the checkpoint is saved before the program ends."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import Any


class Interrupts:
    """The first Ctrl-C, SIGTERM or SIGHUP asks the loop to save and end, the second one interrupts at once.

    Args:
        patient: False lets the first one interrupt at once, too, for the time before there is anything to save.

    Attributes:
        requested: whether the loop is to save and end.
    """

    def __init__(self, patient: bool = True) -> None:
        self.requested = False
        self.patient = patient
        self._before: dict[int, Any] = {}
        self._terminals: list[int] = []

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]
            for number in _list_signals():
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: object) -> None:
        del number, frame
        self._drop_lost_terminals()
        if self.requested or not self.patient:
            raise KeyboardInterrupt
        self.requested = True
        # print may be what was interrupted, and must not be entered twice
        with contextlib.suppress(OSError):
            os.write(2, b"\nfinishing this step, then saving (once more: end at once)\n")

    def _drop_lost_terminals(self) -> None:
        """Sends lines for a terminal that was closed nowhere, so that none of them fails before all is saved."""
        for descriptor in self._terminals:
            if not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
        self._terminals = [descriptor for descriptor in self._terminals if os.isatty(descriptor)]


def _list_signals() -> list[int]:
    """Signals that ask a training to end; a hang-up only where nobody (such as `nohup`) has set it to be ignored."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # Windows has none
        numbers.append(signal.SIGHUP)
    return numbers
