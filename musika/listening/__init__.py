"""Recordings that music is to follow: what they sound like, their chords and beats, their melody."""

from musika.listening.description import describe_recording
from musika.listening.harmony import follow_harmony
from musika.listening.melody import describe_melody, read_melody

__all__ = ["describe_melody", "describe_recording", "follow_harmony", "read_melody"]
