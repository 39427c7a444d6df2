"""One model on one device, and runs of it that allocate nothing."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import OutputError, SettingsError
from lineside.engine.providers import cpu
from lineside.engine.runtime import onnxruntime, quiet_options, translate_load, translate_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lineside.models.spec import Feeds

_log = logging.getLogger(__name__)


class Session:
    """A model on the CPU provider. Safe from several threads; each run needs a binding of its own.

    Args:
        model: A path or the bytes of a model.
        threads: Threads of one run, or `None` for one a usable core.
        optimised: Whether `model` was written by `optimise` on this machine.

    Raises:
        MissingRuntimeError: No onnxruntime wheel is installed.
        UnsupportedModelError: The runtime does not know an operator or the opset.
        ModelFileError: The bytes are no model.
        DeviceError: The session could not be made.
    """

    def __init__(self, model: Path | bytes, *, threads: int | None = None, optimised: bool = False) -> None:
        options = cpu.session_options(threads, optimised=optimised)
        self.threads = int(options.intra_op_num_threads)
        self._session = _open(model if isinstance(model, bytes) else str(model), options)
        self.outputs = tuple(o.name for o in self._session.get_outputs())

    def bind(self, feeds: Mapping[str, NDArray[Any]], *, fixed_shapes: bool) -> Binding:
        """A reusable run over buffers that the caller owns.

        Args:
            feeds: Input buffers by name; each run reads what they hold then.
            fixed_shapes: Whether the outputs keep their shapes. Then their buffers are made once, and each
                run overwrites the last one's.

        Raises:
            SettingsError: A buffer is not contiguous: the runtime would read a copy of it, for ever the same.
            UnsupportedModelError: The model has no such input.
        """
        return Binding(self._session, feeds, self.outputs, fixed_shapes=fixed_shapes)


class Binding:
    """A run of a session over fixed buffers; for one caller at a time."""

    def __init__(
        self, session: Any, feeds: Mapping[str, NDArray[Any]], outputs: tuple[str, ...], *, fixed_shapes: bool
    ) -> None:
        ort = onnxruntime()
        for name, array in feeds.items():
            if not array.flags.c_contiguous:
                raise SettingsError(
                    f'input "{name}": expected a contiguous buffer, got strides {array.strides}'
                )
        self._session = session
        self._binding = session.io_binding()
        self._inputs = [ort.OrtValue.ortvalue_from_numpy(array) for array in feeds.values()]
        try:
            for name, value in zip(feeds, self._inputs, strict=True):
                self._binding.bind_ortvalue_input(name, value)
        except Exception as fault:  # onnxruntime's exceptions have no common base
            raise translate_run(fault) from fault
        self._outputs = outputs
        self._fixed_shapes = fixed_shapes
        self._buffers: list[NDArray[Any]] | None = None

    def run(self) -> list[NDArray[Any]]:
        """The outputs in order. With fixed shapes they are buffers that the next run overwrites.

        Raises:
            UnsupportedModelError: The model refuses the shape or type of an input.
            ModelOutputError: With fixed shapes, an output has another shape than before.
            DeviceMemoryError: Not enough memory.
            DeviceError: The run failed.
        """
        if self._buffers is None:
            # The runtime would answer into the last run's tensors again, which are the caller's by now.
            self._binding.clear_binding_outputs()
            for name in self._outputs:
                self._binding.bind_output(name, "cpu")
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as fault:  # onnxruntime's exceptions have no common base
            raise translate_run(fault) from fault
        if self._buffers is not None:
            return self._buffers
        answer = [value.numpy() for value in self._binding.get_outputs()]
        if self._fixed_shapes:
            self._keep(answer)
        return answer

    def _keep(self, answer: list[NDArray[Any]]) -> None:
        """Let all further runs answer into buffers of the shapes that the first one had."""
        ort = onnxruntime()
        self._buffers = [np.empty_like(array) for array in answer]
        self._values = [ort.OrtValue.ortvalue_from_numpy(buffer) for buffer in self._buffers]
        self._binding.clear_binding_outputs()
        for name, value in zip(self._outputs, self._values, strict=True):
            self._binding.bind_ortvalue_output(name, value)


def run_once(model: bytes, feeds: Feeds) -> list[NDArray[Any]]:
    """The outputs of one run of a graph on the CPU, in order: what probes and checks use.

    Args:
        model: A serialised model.
        feeds: Inputs by name.

    Raises:
        UnsupportedModelError, ModelFileError, DeviceError: As for `Session`.
    """
    session = _open(model, cpu.session_options(None))
    try:
        return list(session.run(None, dict(feeds)))
    except Exception as fault:  # onnxruntime's exceptions have no common base
        raise translate_run(fault) from fault


def _open(model: bytes | str, options: Any) -> Any:
    """An onnxruntime session on the CPU provider, its faults translated."""
    ort = onnxruntime()
    try:
        # enable_fallback would rebuild the session on another provider inside a frame's run.
        return ort.InferenceSession(model, options, providers=[cpu.NAME], enable_fallback=0)
    except Exception as fault:  # onnxruntime's exceptions have no common base
        raise translate_load(fault) from fault


def optimise(model: bytes) -> bytes | None:
    """The model after onnxruntime's graph optimisation for this very machine and version.

    Loading it again takes half the time and memory. It is of no use on another CPU.

    Returns:
        The optimised model, or `None` where the system has no place for a temporary file: a start without it is
        slower, not wrong.

    Raises:
        UnsupportedModelError, ModelFileError, DeviceError: As for `Session`.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="lineside-") as folder:
            path = Path(folder) / "optimised.onnx"
            _write_optimised(model, path)
            return path.read_bytes()
    except OSError as fault:
        _log.warning("the optimised model cannot be written (%s); the next start is slower", fault)
        return None


def simplify(model: bytes) -> bytes:
    """The model with its constants folded and its normalisations joined to the layers before them.

    It stays of standard operators, runs on every machine, and is what a quantiser wants to be given.

    Raises:
        UnsupportedModelError, ModelFileError, DeviceError: As for `Session`.
        OutputError: There is no place for a temporary file.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="lineside-") as folder:
            path = Path(folder) / "simplified.onnx"
            _write_optimised(model, path, level="ORT_ENABLE_BASIC")
            return path.read_bytes()
    except OSError as fault:
        raise OutputError(f"no temporary file can be written: {fault}. Free space, or set TMPDIR") from fault


def _write_optimised(model: bytes, path: Path, *, level: str = "ORT_ENABLE_ALL") -> None:
    options = quiet_options()
    options.graph_optimization_level = getattr(onnxruntime().GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(path)
    _open(model, options)
