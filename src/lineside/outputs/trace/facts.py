"""What a record holds beside the verdict: the picture's hash, and the versions of what judged it."""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING

from lineside.core.version import VERSION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def pixels(image: NDArray[np.uint8]) -> str:
    """The hash of a picture itself, whatever file it comes from: SHA-256 of its bytes row by row, hexadecimal."""
    import numpy as np

    return hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()


def versions() -> dict[str, str]:
    """Of lineside, Python, and what judges pictures."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"lineside": VERSION, "python": platform.python_version()}
    for package in ("numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "openvino"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
