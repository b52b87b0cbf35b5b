"""Kinds of audio files that can be written, by their extensions; flags and pages offer these."""

from __future__ import annotations

from typing import Literal

AudioFormat = Literal["wav", "flac", "ogg", "opus", "mp3", "aiff", "aif", "caf", "w64", "rf64"]
Bits = Literal["16", "24", "32f"]
