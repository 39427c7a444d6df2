"""Sessions of OpenVINO's own runtime, for CPUs that its plug-in for ONNX Runtime refuses, and for its other devices."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import (
    DeviceError,
    DeviceMismatchError,
    ModelOutputError,
    RunCancelledError,
    SettingsError,
    UnsupportedModelError,
    near,
)
from lineside.engine.openvino_runtime import PRECISIONS, core, openvino, translate
from lineside.engine.session import PlacedNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lineside.engine.provider import Provider

_HINT = "INFERENCE_PRECISION_HINT"
_NO_WORK = {"Const", "Constant", "Input", "Output", "Parameter", "Result"}
# Bits of a number's fraction: what a coarser precision than asked loses.
_FRACTION = {"float32": 23, "float16": 10, "bfloat16": 7}


class OpenVinoSession:
    """A model on one device of OpenVINO's own runtime. Any number of bindings may run at a time.

    Args:
        provider: Who knows the texts of its faults.
        model: A path or the bytes of a model.
        device: As OpenVINO names it: `CPU`, `GPU.1`.
        properties: OpenVINO's properties, `INFERENCE_PRECISION_HINT` always among them.

    Raises:
        UnsupportedModelError: OpenVINO lacks an operator of the graph.
        ModelFileError: The file or the bytes are no model.
        SettingsError: The device does not accept a property.
        DeviceMismatchError: The device computes in a coarser precision than asked.
        DeviceError: The model could not be compiled; the subclass says why.
    """

    def __init__(
        self, provider: Provider, model: Path | bytes, *, device: str, properties: Mapping[str, str]
    ) -> None:
        self._provider = provider
        self._model = model
        doing = f"compile the model for {device}"
        try:
            # A file that was compiled before is found in the cache by its name and not read again.
            source = str(model) if isinstance(model, Path) else core().read_model(model)
            self._compiled: Any = core().compile_model(source, device, dict(properties))
            self.precision: str | None = PRECISIONS.get(str(self._compiled.get_property(_HINT).to_string()))
            self.threads: int = _threads(self._compiled, device)
            self.outputs: tuple[str, ...] = tuple(_name(port) for port in self._compiled.outputs)
        except Exception as fault:  # OpenVINO's are RuntimeError, pybind's TypeError and more
            raise translate(fault, provider, doing) from fault
        self._refuse_coarser(device, properties[_HINT])

    def placed_nodes(self) -> tuple[PlacedNode, ...]:
        """Every layer that runs, by OpenVINO's own records; one layer may stand for several nodes of the file."""
        try:
            layers = [
                (node.get_friendly_name(), node.get_rt_info())
                for node in self._running().get_runtime_model().get_ordered_ops()
            ]
            kinds = [
                (name, _text(info, "layerType"), _text(info, "originalLayersNames")) for name, info in layers
            ]
        except Exception as fault:  # as above
            raise translate(fault, self._provider, "list what runs") from fault
        runs_on = self._provider.runtime_name
        return tuple(
            PlacedNode(original or name, kind, runs_on)
            for name, kind, original in kinds
            if kind not in _NO_WORK
        )

    def bind(self, feeds: Mapping[str, NDArray[Any]], *, fixed_shapes: bool) -> OpenVinoBinding:
        """A reusable run over buffers that the caller owns, as `Session.bind` says."""
        compiled = self._running()
        wanted = {_name(port) for port in compiled.inputs}
        for name, array in feeds.items():
            if not array.flags.c_contiguous:
                raise SettingsError(
                    f'input "{name}": expected a contiguous buffer, got strides {array.strides}'
                )
        # Without a tensor OpenVINO computes with whatever lies in its memory, and says nothing.
        if missing := sorted(wanted - feeds.keys()):
            raise UnsupportedModelError(f'the input "{missing[0]}" of the model is not fed')
        if surplus := sorted(feeds.keys() - wanted):
            self._refuse_unknown(surplus)
        used = {name: array for name, array in feeds.items() if name in wanted}
        try:
            request = compiled.create_infer_request()
            return OpenVinoBinding(self._provider, request, used, fixed_shapes=fixed_shapes)
        except Exception as fault:  # as above
            raise translate(fault, self._provider, "take the input") from fault

    def close(self) -> None:
        """Let go of the compiled model; its memory goes with the last binding."""
        self._compiled = None

    def _running(self) -> Any:
        if self._compiled is None:
            raise DeviceError("the session is closed; open another one")
        return self._compiled

    def _refuse_coarser(self, device: str, asked: str) -> None:
        wanted, got = PRECISIONS[asked], self.precision
        if got is None or _FRACTION[got] < _FRACTION[wanted]:
            raise DeviceMismatchError(
                f"openvino:{device}: asked to compute in {wanted}, OpenVINO computes in {got or 'what it likes'} here; "
                f"set precision={'bf16' if got == 'bfloat16' else 'f16'} where that will do, or take another device"
            )

    def _refuse_unknown(self, surplus: list[str]) -> None:
        """Refuse inputs that the file does not declare. One that nothing reads is declared, yet OpenVINO drops it."""
        declared = _declared(self._model)
        for name in surplus:
            if name not in declared:
                raise UnsupportedModelError(f'the model has no input "{name}"{near(name, declared)}')


class OpenVinoBinding:
    """A run of a compiled model over fixed buffers; for one caller at a time.

    Args:
        provider: Who knows the texts of faults.
        request: An `openvino.InferRequest` of its own.
        feeds: The model's inputs.
        fixed_shapes: Whether outputs keep their shapes.
    """

    def __init__(
        self, provider: Provider, request: Any, feeds: Mapping[str, NDArray[Any]], *, fixed_shapes: bool
    ) -> None:
        tensor = openvino().Tensor
        self._provider = provider
        self._request = request
        self._feeds = dict(feeds)  # a tensor over an array's memory does not keep the array
        self._inputs = [tensor(array, shared_memory=True) for array in feeds.values()]
        for name, value in zip(feeds, self._inputs, strict=True):
            request.set_tensor(name, value)
        self._count = len(request.model_outputs)
        self._fixed_shapes = fixed_shapes
        self._buffers: list[NDArray[Any]] | None = None
        self._cancelling = Lock()
        self._under_way = False
        self._cancelled = False

    def run(self) -> list[NDArray[Any]]:
        """The outputs in order, on the host, as `Binding.run` says."""
        with self._cancelling:
            self._under_way, self._cancelled = True, False
        try:
            # Started and awaited, as `infer` cannot be cancelled.
            self._request.start_async()
            self._request.wait()
            tensors = [self._request.get_output_tensor(index) for index in range(self._count)]
            shapes = [tuple(tensor.shape) for tensor in tensors]
        except Exception as fault:  # as above
            if self._cancelled:
                raise RunCancelledError(f"{self._provider.title}: the run was ended from outside") from fault
            if "could set new shape" in str(fault).lower():
                raise ModelOutputError("the model answered in a larger shape than before") from fault
            raise translate(fault, self._provider, "run the model") from fault
        finally:
            with self._cancelling:
                self._under_way = False
        if self._buffers is None:
            return self._first([tensor.data.copy() for tensor in tensors])
        for shape, buffer in zip(shapes, self._buffers, strict=True):
            if shape != buffer.shape:  # it has written into a part of the buffer; the rest is the last run's
                raise ModelOutputError(f"the model answered in shape {shape}, before in {buffer.shape}")
        return self._buffers

    def cancel(self) -> None:
        """End the run under way, before its next layer."""
        with self._cancelling:
            if self._under_way:
                self._cancelled = True
                self._request.cancel()

    def _first(self, answer: list[NDArray[Any]]) -> list[NDArray[Any]]:
        """The answer; with fixed shapes all further runs answer into buffers of its shapes."""
        if self._fixed_shapes:
            buffers = [np.empty_like(array) for array in answer]
            self._outputs = [openvino().Tensor(buffer, shared_memory=True) for buffer in buffers]
            for index, value in enumerate(self._outputs):
                self._request.set_output_tensor(index, value)
            self._buffers = buffers
        return answer


def _threads(compiled: Any, device: str) -> int:
    """Threads of one run on the host."""
    return int(compiled.get_property("INFERENCE_NUM_THREADS")) if device.startswith("CPU") else 1


def _name(port: Any) -> str:
    return str(port.get_any_name())


def _text(info: Any, key: str) -> str:
    return str(info[key].astype(str)) if key in info else ""


def _declared(model: Path | bytes) -> set[str]:
    """Names of the inputs that the file declares."""
    from io import BytesIO

    from openvino.frontend import FrontEndManager  # type: ignore[import-untyped,unused-ignore]

    source = str(model) if isinstance(model, Path) else BytesIO(model)
    loaded = FrontEndManager().load_by_framework("onnx").load(source)
    return {str(name) for place in loaded.get_inputs() for name in place.get_names()}
