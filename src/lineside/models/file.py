"""An .onnx file read from disk: every way it can be bad has its own sentence."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import ModelFileError, near
from lineside.models import shipped
from lineside.models.external import ExternalData, refuse_wrong_length

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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

        Args:
            path: A file, or `shipped:NAME` for a model that comes with lineside.

        Raises:
            ModelFileError: It is missing, a folder, unreadable, empty or larger than `LIMIT_BYTES`; or no
                model of that name is shipped.
        """
        path = shipped.resolve(path)
        try:
            return cls._read(path)
        except OSError as fault:
            raise ModelFileError(f"{path}: cannot be read: {fault.strerror}") from fault

    @classmethod
    def _read(cls, path: Path) -> ModelFile:
        if path.is_dir():
            raise ModelFileError(f"{path}: expected an .onnx file, this is a folder")
        if not path.exists():
            folder = path.parent
            known = [p.name for p in sorted(folder.glob("*.onnx"))] if folder.is_dir() else []
            raise ModelFileError(f"{path}: no such model file{near(path.name, known)}")
        if not path.is_file():
            raise ModelFileError(f"{path}: expected an .onnx file, this is a device or a pipe")
        size_bytes = path.stat().st_size
        if size_bytes == 0:
            raise ModelFileError(f"{path}: the file is empty; copy or export it again")
        if size_bytes > LIMIT_BYTES:
            raise ModelFileError(
                f"{path}: {size_bytes} bytes; an ONNX file holds at most {LIMIT_BYTES}, "
                "larger weights lie in external data"
            )
        data = path.read_bytes()
        return cls(path, data, hashlib.sha256(data).hexdigest())

    def parse(self) -> ModelProto:
        """The model with its external data loaded into it.

        Raises:
            ModelFileError: The bytes are no ONNX model, the file is truncated, or external data is missing,
                too short or outside the model's folder.
        """
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # it ships no types

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
        _refuse_starved_nodes(model, self.path)
        _refuse_circles(model.graph, self.path)
        self._load_external(model)
        for tensor in _tensors(model.graph):
            refuse_wrong_length(tensor, self.path)
        return model

    def _load_external(self, model: ModelProto) -> None:
        tensors = [t for t in _tensors(model.graph) if t.data_location == t.EXTERNAL]
        places = [ExternalData.of(tensor, self.path) for tensor in tensors]
        total = sum({place.file: place.file.stat().st_size for place in places}.values())
        if total + len(self.data) > LIMIT_BYTES:
            raise ModelFileError(
                f"{self.path}: with its external data it holds {total} bytes, "
                f"more than the {LIMIT_BYTES} that one graph may have"
            )
        for tensor, place in zip(tensors, places, strict=True):
            tensor.raw_data = place.read(self.path)
            tensor.data_location = tensor.DEFAULT
            del tensor.external_data[:]


def external_digest(file: ModelFile) -> str:
    """A digest of the external data files that a model names, or an empty string where it names none.

    Cheap on purpose: the place, size and time of each, read from the bytes without parsing them, so that a
    start with a prepared model need not parse the original.
    """
    digest = hashlib.sha256()
    places = {_text_at(file.data, match.end()) for match in _LOCATION.finditer(file.data)}
    for place in sorted(places):
        try:
            facts = (file.path.parent / os.fsdecode(place)).stat()
        except (OSError, ValueError):  # reading the model says what is wrong with it
            digest.update(place)
        else:
            digest.update(f"{place!r}:{facts.st_size}:{facts.st_mtime_ns};".encode())
    return digest.hexdigest() if places else ""


# The entry "location" of a tensor's external data as it stands in the serialised model, before its value.
_LOCATION = re.compile(rb"\n\x08location\x12")


def _text_at(data: bytes, at: int) -> bytes:
    """The length-delimited protobuf field that starts at `at`."""
    length = shift = 0
    while at < len(data):
        byte = data[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    return data[at : at + min(length, 4096)]


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Every constant of a graph and of the graphs inside it."""
    from lineside.models.graph import inner_graphs  # a start with a prepared model looks at no graph

    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for inner in inner_graphs(node):
            yield from _tensors(inner)


def _refuse_starved_nodes(model: ModelProto, path: Path) -> None:
    """Refuse a node that is given less than its operator needs: whoever reads the graph may count on it."""
    from onnx import defs

    opset = next((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), 0)
    needed: dict[str, int] = {}
    for node in model.graph.node:
        kind = node.op_type
        if node.domain not in {"", "ai.onnx"}:
            continue
        if kind not in needed:
            try:
                needed[kind] = int(defs.get_schema(kind, max_inclusive_version=opset).min_input)
            except (defs.SchemaError, TypeError):
                # An operator of another version, or no name at all: the runtime says so.
                needed[kind] = 0
        if len(node.input) < needed[kind]:
            raise ModelFileError(
                f'{path}: its node "{node.name}" ({kind}) has {len(node.input)} inputs, expected at least '
                f"{needed[kind]}; the file is damaged, export it again"
            )


def _refuse_circles(graph: GraphProto, path: Path) -> None:
    """Refuse a graph whose nodes feed each other in a circle: it could not be followed to an end."""
    makers = {output: number for number, node in enumerate(graph.node) for output in node.output if output}
    waiting = [{makers[name] for name in node.input if name in makers} for node in graph.node]
    readers: dict[int, list[int]] = {}
    for number, needed in enumerate(waiting):
        for maker in needed:
            readers.setdefault(maker, []).append(number)
    ready = [number for number, needed in enumerate(waiting) if not needed]
    done = 0
    while ready:
        number = ready.pop()
        done += 1
        for reader in readers.get(number, []):
            waiting[reader].discard(number)
            if not waiting[reader]:
                ready.append(reader)
    if done < len(graph.node):
        raise ModelFileError(
            f"{path}: its nodes feed each other in a circle; the file is damaged, export it again"
        )
