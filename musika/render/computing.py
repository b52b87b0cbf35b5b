"""How a model computes where nobody says it: a rule on the processor and on the kind of the networks.

The choice decides the last bits of samples. So it does not depend on the length of a piece, nor on a measurement; it is
recorded in the recipe of each file. The benchmarks back it (docs/design/rendering.md):

- On an accelerator: 16-bit numbers and XLA.
- On a processor that has bfloat16, the decoder's networks compute in it, and all networks of the published sizes. It
  takes 0.7 of the time. Networks that make latents stay in float32: their errors would change the tones that are heard
  in the latents, while those of the decoder lie 34 dB below the music.
- On a processor, networks are not compiled with XLA, which is slower.

Spectra and synthesis always compute in float32, with XLA.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from musika import checkpoint
from musika.checkpoint.published import musika_folder
from musika.config import ANY_PUBLISHED


class Computation(NamedTuple):
    """How networks compute.

    Attributes:
        precision: Keras's dtype policy of all networks.
        xla: whether they are compiled with XLA.
        decoder: policy of the networks of the codec's decoder; "" is that of all.
    """

    precision: str = "float32"
    xla: bool = False
    decoder: str = ""


def choose_computation(folder: Path, mixed_precision: str = "auto", xla: str = "auto") -> Computation:
    """How the networks of a checkpoint compute.

    Args:
        folder: of the checkpoint that renders.
        mixed_precision: "auto", "True" or "False".
        xla: "auto", "True" or "False".
    """
    from musika import backend

    precision = backend.choose_precision(mixed_precision)
    decoder = ""
    if mixed_precision == "auto" and precision == "float32" and backend.has_native_bfloat16():
        if _is_published(folder):
            precision = backend.choose_half_policy()
        else:
            decoder = "bfloat16"
    return Computation(precision, backend.should_use_xla(xla), decoder)


def _is_published(folder: Path) -> bool:
    """Whether a generator is of the published kind, or makes latents for the published codec."""
    if musika_folder.is_musika_folder(folder):
        return True
    return checkpoint.read_config(folder).get("codec_identity") == ANY_PUBLISHED
