"""Videos of sound for sharing: a picture or a colour, a title, the moving waveform, and a line about the piece."""

from musika.video.make import VideoError, WrittenVideo, has_ffmpeg, write_video

__all__ = ["VideoError", "WrittenVideo", "has_ffmpeg", "write_video"]
