"""Music of a generator without notes: coordinates and noise of a seed to latents, and the codec that decodes them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from musika.config import Config, GeneratorConfig, GeneratorSettings
from musika.errors import UsageError
from musika.files import format_path
from musika.gan import load as gan_load
from musika.gan.rendering_coordinates import RenderingCoordinates
from musika.render.computing import Computation
from musika.render.decoding import count_block_latents
from musika.render.latents import CoordinateLatents, Generate
from musika.render.levels import parse_output_gain
from musika.render.matching import load_fitting_codec
from musika.render.piece import Model, Piece

# names of sizes that may be asked for, and the configuration's names for them
GENERATOR_SIZES = {"small": "small", "base_channels": "base_channels", "coorddepth": "coordinate_depth"}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class GeneratorModel(Model):
    """A generator and its codec.

    Attributes:
        config: the generator's sizes.
        generate: coordinates `[GROUP, L/2, 2D]` and noise `[GROUP, t, 1]` a layer to latents `[GROUP, L/2, C]`.
        network: the generator itself, for gradients by its coordinates; None where these are not needed.
    """

    config: GeneratorConfig
    generate: Generate
    network: Any = None

    settings_kind: ClassVar[type[Config]] = GeneratorSettings

    def make_latents(self, piece: Piece) -> CoordinateLatents:
        seconds_per_latent = self.codec.hop_total / self.codec.sample_rate
        coordinates = RenderingCoordinates(
            self.config, piece.seed, piece.settings, seconds_per_latent, piece.loop, self.loop_offset
        )
        return CoordinateLatents(self.config, self.generate, coordinates, count_block_latents(self.codec))

    @property
    def loop_step(self) -> int:
        """Latents that a loop's length is a multiple of: half-windows, whose borders are all alike."""
        return math.lcm(self.config.half_window, self.codec.block)

    @property
    def loop_offset(self) -> int:
        """The middle of a half-window, so that the seam does not lie on a border of two."""
        return self.config.half_window // 2


def load_generator_model(
    folder: Path, dec_path: Path | None, sizes: Mapping[str, Any], how: Computation
) -> GeneratorModel:
    """The model of a generator's checkpoint; arguments and errors are those of `load.load_model`."""
    info = gan_load.read_info(folder)
    _check_sizes(folder, info.get("config"), sizes)
    loaded = gan_load.load_generator(folder, dtype=how.precision)
    codec = load_fitting_codec(folder, dec_path, loaded.codec_identity, loaded.config.channels, sizes, how)
    return GeneratorModel(
        config=loaded.config,
        generate=compile_generator(loaded.generator, how.xla),
        network=loaded.generator,
        codec=codec,
        name=name_checkpoint(folder.resolve()),
        output_gain=parse_output_gain(folder, info),
    )


def compile_generator(generator: Any, xla: bool = False) -> Generate:
    """A generator layer as a function of NumPy arrays, compiled at its first call."""
    from musika import backend

    call = backend.compile(lambda coordinates, noise: generator(coordinates, noise), xla)
    return lambda coordinates, noise: backend.to_numpy(call(coordinates, list(noise)))


def name_checkpoint(folder: Path) -> str:
    """Name of a checkpoint's folder, after the name of its run where it is only a number."""
    return f"{folder.parent.name}-{folder.name}" if folder.name.isdecimal() else folder.name


def _check_sizes(folder: Path, config: Any, sizes: Mapping[str, Any]) -> None:
    """Raises UsageError if sizes that are asked for contradict a generator's configuration."""
    for name, field in GENERATOR_SIZES.items():
        value, own = sizes.get(name), config.get(field) if isinstance(config, dict) else None
        if value is not None and own is not None and value != own:
            raise UsageError(f"{name} {value} contradicts {format_path(folder)}, which has {own}: leave it out")
