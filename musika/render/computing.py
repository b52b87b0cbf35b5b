"""How a model computes where nobody says it: a rule on the processor and on the kind of the networks.

The choice decides the last bits of samples. So it does not depend on the length of a piece, nor on a measurement; it is
recorded in the recipe of each file. The benchmarks back it (docs/design/rendering.md):

- On an accelerator: 16-bit numbers and XLA.
- On a processor, networks of the published sizes compute in bfloat16 where the processor has it, 1.6 times as fast.
  Other networks compute in float32: in bfloat16 they gain less than their conversions cost.
- On a processor without XLA: compiling takes longer than it saves within the first quarter of an hour.

Spectra and synthesis always compute in float32.
"""

from __future__ import annotations

from pathlib import Path

from musika import checkpoint
from musika.checkpoint.published import musika_folder
from musika.config import ANY_PUBLISHED


def choose_computation(folder: Path, mixed_precision: str = "auto", xla: str = "auto") -> tuple[str, bool]:
    """Keras's dtype policy of the networks, and whether they are compiled with XLA.

    Args:
        folder: of the checkpoint that renders.
        mixed_precision: "auto", "True" or "False".
        xla: "auto", "True" or "False".
    """
    from musika import backend

    precision = backend.choose_precision(mixed_precision)
    if mixed_precision == "auto" and _is_published(folder) and backend.has_native_bfloat16():
        precision = backend.choose_half_policy()
    return precision, backend.should_use_xla(xla)


def _is_published(folder: Path) -> bool:
    """Whether a generator is of the published kind, or makes latents for the published codec."""
    if musika_folder.is_musika_folder(folder):
        return True
    return checkpoint.read_config(folder).get("codec_identity") == ANY_PUBLISHED
