"""lineside judges products on a production line with YOLO models on ONNX Runtime."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lineside.core.version import VERSION

if TYPE_CHECKING:
    from lineside.core.classification import Classification
    from lineside.core.detections import Detections
    from lineside.core.errors import LinesideError
    from lineside.core.geometry import Size
    from lineside.core.inspection import Inspection, View
    from lineside.core.masks import Masks
    from lineside.core.verdict import Reason, Verdict
    from lineside.detector.detector import Detector
    from lineside.detector.slicing import SlicedDetector
    from lineside.dispatch.engine import Engine
    from lineside.line.line import Line
    from lineside.models.card import ModelCard
    from lineside.models.facts import ModelFacts

__version__ = VERSION

_HOME = {
    "Classification": "lineside.core.classification",
    "Detections": "lineside.core.detections",
    "Detector": "lineside.detector.detector",
    "Engine": "lineside.dispatch.engine",
    "Inspection": "lineside.core.inspection",
    "Line": "lineside.line.line",
    "LinesideError": "lineside.core.errors",
    "Masks": "lineside.core.masks",
    "ModelCard": "lineside.models.card",
    "ModelFacts": "lineside.models.facts",
    "Reason": "lineside.core.verdict",
    "Size": "lineside.core.geometry",
    "SlicedDetector": "lineside.detector.slicing",
    "Verdict": "lineside.core.verdict",
    "View": "lineside.core.inspection",
}

__all__ = [
    "Classification",
    "Detections",
    "Detector",
    "Engine",
    "Inspection",
    "Line",
    "LinesideError",
    "Masks",
    "ModelCard",
    "ModelFacts",
    "Reason",
    "Size",
    "SlicedDetector",
    "Verdict",
    "View",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import a public name's room when it is first used, so that `import lineside` stays quick."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
