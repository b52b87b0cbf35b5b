"""Music without end, from a model that a musician can train."""

__version__ = "0.1.0"
