"""Figures about a server, as Prometheus reads them.

Several workers share a folder, so that any of them answers for all; a single one keeps its figures in memory.
"""

from __future__ import annotations

import os

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own variable, read when it is imported
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counters:
    """The figures of one worker."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

        disable_created_metrics()
        self._registry = own = CollectorRegistry()
        self.streams = Gauge(
            "musika_streams", "Listeners with a stream of their own.", registry=own, multiprocess_mode="livesum"
        )
        self.listeners = Gauge(
            "musika_radio_listeners", "Listeners of the radio.", registry=own, multiprocess_mode="livesum"
        )
        self.files = Gauge(
            "musika_files", "Files that are being made or sent.", registry=own, multiprocess_mode="livesum"
        )
        self.scores = Gauge(
            "musika_scores", "Scores that are being written.", registry=own, multiprocess_mode="livesum"
        )
        self.channels = Gauge(
            "musika_radio_channels", "Channels that are being rendered.", registry=own, multiprocess_mode="livesum"
        )
        self.requests = Counter("musika_requests", "Requests.", ["route", "status"], registry=own)
        self.dropped = Counter("musika_dropped", "Listeners that were dropped as too slow.", ["route"], registry=own)
        self.jumps = Counter("musika_radio_jumps", "Times that the radio was late and left music out.", registry=own)
        self.rendered = Counter("musika_rendered_seconds", "Seconds of music that were rendered.", registry=own)
        self.rendering = Histogram(
            "musika_block_seconds",
            "Time that it took to make the next part of a stream.",
            registry=own,
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
        )

    def format_all(self) -> bytes:
        """All figures as text, of all workers together."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        if not os.environ.get(FOLDER):
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
