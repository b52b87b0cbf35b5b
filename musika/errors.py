"""What can go wrong because of a file, a flag or a folder: one line that says what, where, and what to do."""

from __future__ import annotations


class MusikaError(Exception):
    """An error that a person can cause and mend. Its text is one line and needs no traceback."""


class UsageError(MusikaError):
    """A flag or a combination of flags that cannot be carried out."""


class ConfigError(MusikaError):
    """A configuration whose values contradict each other or leave their range."""


class AudioError(MusikaError):
    """An audio file that cannot be read or written."""


class LatentsError(MusikaError):
    """Latents, or a folder of them, that do not fit what is asked of them."""


class CheckpointError(MusikaError):
    """A checkpoint folder that is missing, torn, or does not fit its configuration."""
