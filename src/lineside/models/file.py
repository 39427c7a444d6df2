"""An .onnx file read from disk: every way it can be bad has its own sentence."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from lineside.core.errors import ModelFileError, near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import GraphProto, ModelProto, TensorProto

LIMIT_BYTES = 2_000_000_000
"""The size of a protobuf message is limited to 2 GiB, and the graph is handed on as one."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The bytes of a model file and what identifies them.

    Attributes:
        path: Where it was read.
        data: The file's content, without external data.
        sha256: Hex digest of the content.
    """

    path: Path
    data: bytes
    sha256: str

    @classmethod
    def read(cls, path: str | Path) -> ModelFile:
        """The file's bytes.

        Raises:
            ModelFileError: It is missing, a folder, unreadable, empty or larger than `LIMIT_BYTES`.
        """
        path = Path(path)
        if path.is_dir():
            raise ModelFileError(f"{path}: expected an .onnx file, this is a folder")
        if not path.exists():
            folder = path.parent
            known = [p.name for p in sorted(folder.glob("*.onnx"))] if folder.is_dir() else []
            raise ModelFileError(f"{path}: no such model file{near(path.name, known)}")
        size_bytes = path.stat().st_size
        if size_bytes == 0:
            raise ModelFileError(f"{path}: the file is empty; copy or export it again")
        if size_bytes > LIMIT_BYTES:
            raise ModelFileError(
                f"{path}: {size_bytes} bytes; an ONNX file holds at most {LIMIT_BYTES}, "
                "larger weights lie in external data"
            )
        try:
            data = path.read_bytes()
        except OSError as fault:
            raise ModelFileError(f"{path}: cannot be read: {fault.strerror}") from fault
        return cls(path, data, hashlib.sha256(data).hexdigest())

    def parse(self) -> ModelProto:
        """The model with its external data loaded into it.

        Raises:
            ModelFileError: The bytes are no ONNX model, the file is truncated, or external data is missing,
                too short or outside the model's folder.
        """
        import onnx
        from google.protobuf.message import DecodeError

        try:
            model = onnx.load_model_from_string(self.data)
        except DecodeError as fault:
            raise ModelFileError(
                f"{self.path}: not an ONNX model, or one whose copy was cut short "
                f"({len(self.data)} bytes read); copy or export it again"
            ) from fault
        if not model.graph.node or not model.graph.output or not model.opset_import:
            raise ModelFileError(
                f"{self.path}: no ONNX model: it holds {len(model.graph.node)} nodes and "
                f"{len(model.graph.output)} outputs. Is it another format, or a truncated file?"
            )
        self._load_external(model)
        return model

    def _load_external(self, model: ModelProto) -> None:
        from onnx.external_data_helper import load_external_data_for_tensor

        tensors = [t for t in _tensors(model.graph) if t.data_location == t.EXTERNAL]
        sizes: dict[Path, int] = {}
        for tensor in tensors:
            file = self._external_file(tensor)
            sizes.setdefault(file, file.stat().st_size)
        if sum(sizes.values()) + len(self.data) > LIMIT_BYTES:
            raise ModelFileError(
                f"{self.path}: with its external data it holds {sum(sizes.values())} bytes, "
                f"more than the {LIMIT_BYTES} that one graph may have"
            )
        for tensor in tensors:
            load_external_data_for_tensor(tensor, str(self.path.parent))
            tensor.data_location = tensor.DEFAULT
            del tensor.external_data[:]

    def _external_file(self, tensor: TensorProto) -> Path:
        """The file that holds a tensor's data, proven to lie in the model's folder and to be long enough."""
        import onnx

        facts = {entry.key: entry.value for entry in tensor.external_data}
        location = facts.get("location", "")
        folder = self.path.parent.resolve()
        file = (folder / location).resolve()
        if (
            not location
            or PurePosixPath(location).is_absolute()
            or PureWindowsPath(location).is_absolute()
            or not file.is_relative_to(folder)
        ):
            raise ModelFileError(
                f'{self.path}: tensor "{tensor.name}" keeps its data in "{location}", outside the model\'s '
                "folder; only files beside the model are read"
            )
        if not file.is_file():
            raise ModelFileError(
                f'{self.path}: the external data file "{location}" is missing; copy it beside the model'
            )
        items = 1
        for dim in tensor.dims:
            items *= dim
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        bits = 4 if tensor.data_type in {onnx.TensorProto.INT4, onnx.TensorProto.UINT4} else dtype.itemsize * 8
        try:
            needed = int(facts.get("offset", "0")) + (items * bits + 7) // 8
        except ValueError as fault:
            raise ModelFileError(f'{self.path}: tensor "{tensor.name}" has a bad data offset') from fault
        if file.stat().st_size < needed:
            raise ModelFileError(
                f'{self.path}: the external data file "{location}" has {file.stat().st_size} bytes, tensor '
                f'"{tensor.name}" needs {needed}; the copy was cut short'
            )
        return file


def external_digest(file: ModelFile) -> str:
    """A digest of the external data files that a model names, or an empty string where it names none.

    Cheap on purpose: the place, size and time of each, read from the bytes without parsing them, so that a
    start with a prepared model need not parse the original.
    """
    digest = hashlib.sha256()
    places = {match.group(1) for match in _LOCATION.finditer(file.data)}
    for place in sorted(places):
        neighbour = file.path.parent / os.fsdecode(place)
        facts = neighbour.stat() if neighbour.is_file() else None
        digest.update(f"{place!r}:{facts and (facts.st_size, facts.st_mtime_ns)};".encode())
    return digest.hexdigest() if places else ""


# The entry "location" of a tensor's external data as it stands in the serialised model: key and value are
# length-delimited fields, and a path is shorter than 128 bytes in all files seen.
_LOCATION = re.compile(rb"\n\x08location\x12[\x01-\xff]+?([\x20-\xff]+)")


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Every constant of a graph and of the graphs inside it."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
            for inner in attribute.graphs:
                yield from _tensors(inner)
