"""Another operator set: by onnx's version converter, and downwards, where that knows no way, by the nodes as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import UnsupportedModelError
from lineside.models.conversion.pruning import raise_format

if TYPE_CHECKING:
    from onnx import ModelProto, OperatorSetIdProto

RECOMMENDED = 18
"""Known to every provider's kernels that YOLOs need, and to quantisers: see the hints on operator sets."""

LEAST, MOST = 7, 23
"""The range that may be asked for: onnx's converter begins at 7."""


def to_opset(model: ModelProto, version: int) -> str:
    """Write a model in another operator set, in place; what its exporter wrote about it stays.

    Args:
        model: The model.
        version: The set.

    Returns:
        How it was done, for the report.

    Raises:
        UnsupportedModelError: There is no way to that set, or a node is none of that set's.
    """
    from onnx import helper, version_converter

    before = _default(model).version
    entries = {entry.key: entry.value for entry in model.metadata_props}
    try:
        converted = version_converter.convert_version(model, version)
    except (RuntimeError, ValueError) as fault:  # the converter's own exceptions are RuntimeErrors of C++
        if version > before:
            raise UnsupportedModelError(
                f"onnx knows no way to operator set {version}: {_short(fault)}"
            ) from fault
        return _as_they_are(model, version, fault)
    fields = (
        model.producer_name,
        model.producer_version,
        model.doc_string,
        model.domain,
        model.model_version,
    )
    model.CopyFrom(converted)
    model.producer_name, model.producer_version, model.doc_string, model.domain, model.model_version = fields
    if not model.metadata_props:
        helper.set_model_props(model, entries)
    raise_format(model, helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True))
    return f"operator set {before} became {version}, by onnx's version converter"


def _as_they_are(model: ModelProto, version: int, fault: Exception) -> str:
    """Call the nodes those of an older set, where each is one of it as it stands.

    Raises:
        UnsupportedModelError: One is not.
    """
    import onnx

    other = onnx.ModelProto()
    other.CopyFrom(model)
    before = _default(other).version
    _default(other).version = version
    try:
        onnx.checker.check_model(other)
    except onnx.checker.ValidationError as refusal:
        raise UnsupportedModelError(
            f"no way down to operator set {version}: {_short(fault)}, and as they are the nodes are none of that "
            f"set's: {_short(refusal)}"
        ) from refusal
    model.CopyFrom(other)
    return f"operator set {before} became {version}, with the nodes as they were"


def _default(model: ModelProto) -> OperatorSetIdProto:
    """The entry of ONNX's own operators."""
    entries: list[OperatorSetIdProto] = [o for o in model.opset_import if o.domain in {"", "ai.onnx"}]
    return max(entries, key=lambda entry: int(entry.version))


def _short(fault: BaseException) -> str:
    """The part of a C++ message that a person can read."""
    lines = [line for line in str(fault).splitlines() if line.strip()] or [type(fault).__name__]
    return lines[0].rpartition("failed: ")[2].strip().rstrip(".")[:200]
