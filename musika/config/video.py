"""What a person chooses about a video of a piece: title, colour, shape."""

from __future__ import annotations

import dataclasses
import re

from musika.config.fields import Config, require, setting

COLOUR = re.compile(r"#[0-9a-f]{6}")
# width and height in pixels, by the name of the shape
SHAPES = {"wide": (1280, 720), "square": (1080, 1080), "tall": (720, 1280)}
LONGEST_TITLE = 200  # characters


@dataclasses.dataclass(frozen=True)
class VideoSettings(Config):
    """Settings of a video."""

    title: str = setting("", "title that the video shows; empty: that of the sound", common=True)
    colour: str = setting("#26323f", "colour behind the waveform, such as #334455", common=True)
    shape: str = setting("wide", f"shape of the video: {', '.join(SHAPES)}", common=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", " ".join(self.title.split()))
        object.__setattr__(self, "colour", self.colour.strip().lower())
        super().__post_init__()

    def check(self) -> None:
        require(bool(COLOUR.fullmatch(self.colour)), f"colour {self.colour[:20]!r}: write it as #334455")
        require(self.shape in SHAPES, f"shape {self.shape[:20]!r}: choose {', '.join(SHAPES)}")
        length = len(self.title)
        require(length <= LONGEST_TITLE, f"the title has {length:,} characters: at most {LONGEST_TITLE}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return SHAPES[self.shape]

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour, 0 to 255 each."""
        red, green, blue = (int(self.colour[place : place + 2], 16) for place in (1, 3, 5))
        return red, green, blue
