"""The decoder of the `stereo` codec: latents in, magnitudes and phases of every bin out.

The encoder's rates upwards: a dense layer makes two steps of one, residual blocks follow. The head, a dense layer,
gives six numbers for every bin of every frame, which are called planes:

    log magnitude left, log magnitude right,
    common phase (cos, sin): of both channels, relative to a carrier (see `synthesis.py`),
    channel phase (cos, sin): how far the right channel's phase is ahead of the left one's.

Where the lowest R bins are tuned, each of them has one plane more, the strength of its tone's phase beside the common
phase. How far the tone is away is told by a small network of its own (`tuner.py`). With fixed carriers that distance
is one plane more; where phases add up, they need the tuner's answer for more latents than the decoder's.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from musika import spectrum
from musika.codec.features import LOG_DEVIATION, LOG_MEAN
from musika.codec.layers import LayerStack
from musika.codec.tuner import Tuner
from musika.config import CodecConfig

Tensor = Any
Pair = tuple[Tensor, Tensor]  # cosine and sine

HEAD_PLANES = 6
LOG_MAGNITUDE_RANGE = (-9.0, 8.0)  # silence to 15 dB above a full-scale sine


class Decoder(LayerStack):
    """Latents `[B, T, C]` to planes `[B, T frames, 6 K + 2 R]`: six of K bins, two of R tuned bins.

    Where phases add up there is only one plane of R bins, and `tuner` is called on its own.
    """

    def __init__(self, config: CodecConfig, **options: Any) -> None:
        super().__init__(config, **options)
        channels, lowest_rate = config.channels, len(config.decoder_widths) - 1
        for rate in range(lowest_rate, -1, -1):
            width = config.decoder_widths[rate]
            if rate == lowest_rate:
                self._add_dense("first", width, channels)
            else:
                self._add_dense(f"up_{rate}", 2 * width, channels)
            self._add_residual_blocks(rate, config.decoder_blocks[rate], width)
            channels = width
        self._add_dense("head", HEAD_PLANES * config.bins, width)
        if config.tuned_bins:
            self._add_dense("strength", config.tuned_bins, width)
            # phases that add up over seconds would drift apart with 16-bit frequencies
            self.tuner = Tuner(config, name="tuner", dtype="float32" if config.phase_cell else self.dtype_policy)

    def build(self, shape: tuple[int | None, ...] | None = None) -> None:
        super().build(shape)
        if self.config.tuned_bins:
            self.tuner.build((None, None, self.config.channels))

    def call(self, latents: Tensor) -> Tensor:
        """All planes in one tensor."""
        return ops.concatenate(self.compute_planes(latents), axis=-1)

    def compute_planes(self, latents: Tensor, trim: int = 0) -> tuple[Tensor, Tensor]:
        """The planes of all bins and those of the tuned bins, each `[B, T frames - 2 trim, ..]`.

        Frames can only be left out where phases add up: fixed carriers are those of whole latents.

        Args:
            trim: frames at either end that nobody hears. No rate computes what only they depend on.
        """
        x, planes, rate = latents, [], len(self.config.decoder_widths) - 1
        left_out = 0  # steps at either end of the rate
        for layer, _ in self.stack:
            if layer.name in ("head", "strength"):
                planes.append(layer(x[:, trim - left_out : x.shape[1] - (trim - left_out)]))
                continue
            x = layer(x)
            if layer.name.startswith("up"):  # [B, t, 2 width] to [B, 2 t, width]
                x, rate = ops.reshape(x, (-1, 2 * x.shape[1], x.shape[2] // 2)), rate - 1
                unneeded = self._count_unneeded_steps(rate, trim)
                x = x[:, unneeded - 2 * left_out : x.shape[1] - (unneeded - 2 * left_out)]
                left_out = unneeded
        if self.config.tuned_bins and not self.config.phase_cell:
            planes.append(ops.repeat(self.tuner(latents), self.config.frames, axis=1))  # [B, T frames, R]
        return planes[0], ops.concatenate(planes[1:], axis=-1) if planes[1:] else planes[0][..., :0]

    def _count_unneeded_steps(self, rate: int, trim: int) -> int:
        """Steps at either end of a rate that only the outermost `trim` frames depend on."""
        blocks = self.config.decoder_blocks[: rate + 1]  # each reaches one step of its rate
        reach = sum(count * 2**number for number, count in enumerate(blocks))  # frames
        return max(0, trim - reach) // 2**rate


def split_planes(config: CodecConfig, planes: Tensor) -> tuple[Tensor, Tensor]:
    """All planes `[B, frames, ..]` to those of all bins and those of the tuned bins."""
    return planes[..., : HEAD_PLANES * config.bins], planes[..., HEAD_PLANES * config.bins :]


def split_head(config: CodecConfig, planes: Tensor) -> tuple[Tensor, Pair, Pair]:
    """Planes of all bins `[B, frames, 6 K]` to (magnitudes, common phase, channel phase).

    Magnitudes are `[B, 2, frames, K]`, of left and right; each part of a phase is `[B, frames, K]`. The channel phase
    has length 1. The length of the common phase says how much it counts beside a tone's carrier.
    """
    planes = ops.cast(planes, "float32")
    planes = ops.transpose(ops.reshape(planes, (*planes.shape[:2], HEAD_PLANES, config.bins)), (0, 2, 1, 3))
    log_magnitude = planes[:, :2] * (LOG_DEVIATION / 2) + LOG_MEAN / 2
    magnitudes = ops.exp(ops.clip(log_magnitude, *LOG_MAGNITUDE_RANGE))
    return magnitudes, (planes[:, 2], planes[:, 3]), spectrum.normalise(planes[:, 4], planes[:, 5])


def split_tuning(config: CodecConfig, planes: Tensor) -> tuple[Tensor, Tensor]:
    """Planes of the tuned bins to (strength of the tone's phase, bins up to the tone), each `[B, frames, R]`.

    Where phases add up, the second has no bins: the tuner is asked on its own.
    """
    planes = ops.cast(planes, "float32")
    return planes[..., : config.tuned_bins], planes[..., config.tuned_bins :]


def compute_head_powers(config: CodecConfig, planes: Tensor) -> Tensor:
    """Powers of left, right, mid and side `[B, 4, frames, K]` that all planes stand for, before any synthesis."""
    magnitudes, _, (cosine, _) = split_head(config, split_planes(config, planes)[0])
    powers = ops.square(magnitudes)
    half_sum = 0.5 * ops.sum(powers, axis=1, keepdims=True)
    cross = (magnitudes[:, 0] * magnitudes[:, 1] * cosine)[:, None]
    mid, side = ops.maximum(half_sum + cross, 0.0), ops.maximum(half_sum - cross, 0.0)  # rounding may pass 0
    return ops.concatenate([powers, mid, side], axis=1)
