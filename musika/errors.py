"""What can go wrong because of a file, a setting or a folder: one line that says what, where, and what to do."""

from __future__ import annotations


class MusikaError(Exception):
    """An error that a person can cause and mend. Its text is one line and needs no traceback.

    Attributes:
        about: the thing that another choice would mend, such as "codec" or "generator". The library knows no flags: the
            command line adds which flag of the verb names that thing (`musika.cli.remedies`).
    """

    def __init__(self, message: str = "", about: str | None = None) -> None:
        super().__init__(message)
        self.about = about


class UsageError(MusikaError):
    """A setting or a combination of settings that cannot be used."""


class ConfigError(MusikaError):
    """A configuration whose values contradict each other or are out of range."""


class AudioError(MusikaError):
    """An audio file that cannot be read or written."""


class LatentsError(MusikaError):
    """Latents, or a folder of them, that do not fit what is asked of them."""


class CheckpointError(MusikaError):
    """A checkpoint folder that is missing, damaged, or does not fit its configuration."""


class ScoreError(MusikaError):
    """A MIDI file that cannot be read, or a score that does not fit what is asked of it."""
