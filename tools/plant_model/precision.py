"""Which arithmetic a network is trained in: bf16 where the processor has it, else float32.

oneDNN computes bf16 on a processor without it as well, by converting back and forth: seven times slower than float32.
"""

from __future__ import annotations

import torch

KNOWS_BF16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # noqa: SLF001 # the only names they have


def quickest() -> torch.autocast:
    """A context in which networks compute as this processor does quickest."""
    return torch.autocast("cpu", torch.bfloat16, enabled=KNOWS_BF16)
