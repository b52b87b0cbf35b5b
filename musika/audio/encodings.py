"""The kinds of audio files that can be written: which extension, which container, which samples."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from musika.config.formats import Bits
from musika.errors import AudioError
from musika.files import format_path

OPUS_RATE = 48_000  # Hz, the rate of all Opus files
LARGEST = (1 << 32) - (1 << 16)  # bytes of samples that the header of a WAV or AIFF file can state


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How samples are stored.

    Attributes:
        extension: of the file, with its dot.
        container: libsndfile's name of the format.
        codec: libsndfile's name of the samples' encoding.
        media_type: what an HTTP server calls it.
        depths: the kinds of samples that can be chosen, the first one by default; empty for a lossy format.
        bits: the kind that was chosen, "" for a lossy format.
        has_tags: whether the format has room for tags.
    """

    extension: str
    container: str
    codec: str
    media_type: str
    depths: tuple[Bits, ...] = ("16",)
    bits: str = "16"
    has_tags: bool = True

    @property
    def is_lossless(self) -> bool:
        """Whether a reader gets exactly the samples that were written."""
        return bool(self.bits)

    @property
    def most_bytes(self) -> int | None:
        """The most bytes of samples that a file holds; None where there is no such limit."""
        return LARGEST if self.container in ("WAV", "AIFF") else None

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel before compression, as the encoder gets it."""
        return int(self.bits.removesuffix("f") or 32) // 8


FORMATS: dict[str, Encoding] = {
    encoding.extension: encoding
    for encoding in (
        Encoding(".wav", "WAV", "PCM_16", "audio/wav", ("16", "24", "32f")),
        Encoding(".flac", "FLAC", "PCM_16", "audio/flac", ("16", "24")),
        Encoding(".ogg", "OGG", "VORBIS", "audio/ogg", (), ""),
        Encoding(".opus", "OGG", "OPUS", "audio/ogg", (), ""),
        Encoding(".mp3", "MP3", "MPEG_LAYER_III", "audio/mpeg", (), ""),
        Encoding(".aiff", "AIFF", "PCM_16", "audio/aiff"),
        Encoding(".aif", "AIFF", "PCM_16", "audio/aiff"),
        Encoding(".caf", "CAF", "PCM_16", "audio/x-caf"),
        Encoding(".w64", "W64", "PCM_16", "audio/x-w64", has_tags=False),
        Encoding(".rf64", "RF64", "PCM_16", "audio/wav"),
    )
}


def choose_encoding(path: Path, bits: str | None = None) -> Encoding:
    """How the samples of a file are stored, by its extension.

    Args:
        path: of the file.
        bits: "16", "24" or "32f" (floats); None is what the format has by default.

    Raises:
        AudioError: there is no such format, or it does not hold such samples (about "bits").
    """
    encoding = FORMATS.get(path.suffix.lower())
    if encoding is None:
        raise AudioError(f"{format_path(path)} cannot be written: its name must end in {', '.join(FORMATS)}")
    if bits is None or (bits := str(bits)) == encoding.bits:  # 24 means "24"
        return encoding
    if bits not in encoding.depths:
        choices = " or ".join(encoding.depths)
        able = f"holds samples of {choices} bits" if choices else "has no bits to choose: it is lossy"
        raise AudioError(f"{bits} bits cannot be written: {encoding.extension[1:]} {able}", about="bits")
    return dataclasses.replace(encoding, bits=bits, codec="FLOAT" if bits == "32f" else f"PCM_{bits}")
