"""The data of a tensor: in a file beside the model, or in the model itself; each as long as its shape says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from lineside.core.errors import ModelFileError

if TYPE_CHECKING:
    from onnx import TensorProto


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Where a tensor keeps its data: proven to lie in the model's folder and to be long enough.

    Attributes:
        file: The file.
        offset: Where the data starts, in bytes.
        length: How many bytes.
    """

    file: Path
    offset: int
    length: int

    @classmethod
    def of(cls, tensor: TensorProto, model: Path) -> ExternalData:
        """The place that a tensor of the file `model` names.

        Raises:
            ModelFileError: It is missing, too short, outside the model's folder, or malformed.
        """
        entries = {entry.key: entry.value for entry in tensor.external_data}
        file = _inside(entries.get("location", ""), tensor.name, model)
        needed = _bytes_of(tensor, model)
        try:
            offset = int(entries.get("offset") or 0)
            length = int(entries.get("length") or needed)
        except ValueError as fault:
            raise ModelFileError(
                f'{model}: tensor "{tensor.name}": offset and length of its external data are no numbers'
            ) from fault
        if offset < 0 or length != needed:
            raise ModelFileError(
                f'{model}: tensor "{tensor.name}" names {length} bytes from {offset}; its shape takes {needed}'
            )
        size_bytes = file.stat().st_size
        if size_bytes < offset + needed:
            raise ModelFileError(
                f'{model}: the external data file "{file.name}" has {size_bytes} bytes, tensor '
                f'"{tensor.name}" needs {offset + needed}; the copy was cut short'
            )
        return cls(file, offset, needed)

    def read(self, model: Path) -> bytes:
        """The bytes.

        Raises:
            ModelFileError: They cannot be read.
        """
        try:
            with self.file.open("rb") as stream:
                stream.seek(self.offset)
                data = stream.read(self.length)
        except OSError as fault:
            raise ModelFileError(f"{model}: {self.file} cannot be read: {fault.strerror}") from fault
        if len(data) != self.length:
            raise ModelFileError(f"{model}: {self.file} became shorter while it was read; copy it again")
        return data


def _inside(location: str, tensor: str, model: Path) -> Path:
    """The file of a location, if it lies in the model's folder once all links are followed."""
    foreign = PurePosixPath(location).is_absolute() or PureWindowsPath(location).is_absolute()
    folder = model.parent.resolve()
    try:
        file = (folder / location).resolve()
        outside = not location or foreign or not file.is_relative_to(folder)
        exists = file.is_file()
    except (OSError, ValueError) as fault:  # no path of this system
        raise ModelFileError(
            f'{model}: tensor "{tensor}" keeps its data in {location[:200]!r}, which is no path here: {fault}'
        ) from fault
    if outside:
        raise ModelFileError(
            f'{model}: tensor "{tensor}" keeps its data in "{location}", outside the model\'s folder; only files '
            "beside the model are read"
        )
    if not exists:
        raise ModelFileError(
            f'{model}: the external data file "{location}" is missing; copy it beside the model'
        )
    return file


def _bytes_of(tensor: TensorProto, model: Path) -> int:
    """How many bytes a tensor's shape and type take.

    Raises:
        ModelFileError: A dimension is negative, or the type unknown.
    """
    bits = _BITS.get(tensor.data_type)
    if bits is None or any(dim < 0 for dim in tensor.dims):
        raise ModelFileError(
            f'{model}: tensor "{tensor.name}" has shape {list(tensor.dims)} and element type {tensor.data_type}, '
            "which are not known; is the file damaged?"
        )
    return (int(math.prod(tensor.dims)) * bits + 7) // 8


def refuse_wrong_length(tensor: TensorProto, model: Path) -> None:
    """Refuse a tensor whose data are not as long as its shape says.

    Raises:
        ModelFileError: They are shorter or longer.
    """
    if not tensor.raw_data and tensor.data_type in _STORED_ONE_BY_ONE:
        found, needed, unit = (
            len(getattr(tensor, _STORED_ONE_BY_ONE[tensor.data_type])),
            math.prod(tensor.dims),
            "values",
        )
    elif not tensor.raw_data:
        return  # text, or several values a word: the runtime judges those
    else:
        found, needed, unit = len(tensor.raw_data), _bytes_of(tensor, model), "bytes"
    if found != needed:
        raise ModelFileError(
            f'{model}: tensor "{tensor.name}" holds {found} {unit}, its shape takes {needed}; the file is damaged, '
            "copy or export it again"
        )


# Bits of one element, by the number of its type in the ONNX format.
_BITS = {
    1: 32,
    2: 8,
    3: 8,
    4: 16,
    5: 16,
    6: 32,
    7: 64,
    9: 8,
    10: 16,
    11: 64,
    12: 32,
    13: 64,
    14: 64,
    15: 128,
    16: 16,
}
_BITS |= dict.fromkeys((17, 18, 19, 20, 24), 8) | dict.fromkeys((21, 22, 23), 4) | dict.fromkeys((25, 26), 2)
# Where a type's values stand one by one, if not as raw bytes.
_STORED_ONE_BY_ONE = {
    1: "float_data",
    7: "int64_data",
    11: "double_data",
    12: "uint64_data",
    13: "uint64_data",
}
_STORED_ONE_BY_ONE |= dict.fromkeys((2, 3, 4, 5, 6, 9, 10, 16), "int32_data")
