"""Names that a training run writes, and that others read: its record, and what its log calls things."""

RUN_FILE = "run.json"  # in a run's folder: how the run was started
THROUGHPUT = "audio_seconds_per_second"  # in its log
FIGURE = "validation/"  # in its log, before the name of a checkpoint's figure
