"""Sessions of ONNX Runtime, on any of its providers."""

from __future__ import annotations

import logging
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import DeviceError, OutputError, SettingsError
from lineside.engine.ort_options import provider_options, session_options
from lineside.engine.provider import Callers
from lineside.engine.providers import cpu
from lineside.engine.runtime import onnxruntime, translate_load, translate_run
from lineside.engine.session import PlacedNode, SessionRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from lineside.engine.provider import Provider
    from lineside.models.spec import Feeds

_log = logging.getLogger(__name__)


class OrtSession:
    """A model on one provider of ONNX Runtime, with no fallback.

    Args:
        provider: Which one.
        request: The model, and how it shall run.

    Raises:
        MissingRuntimeError: No onnxruntime wheel is installed.
        UnsupportedModelError: The runtime does not know an operator or the opset.
        ModelFileError: The bytes are no model.
        DeviceError: The session could not be made; the subclass says why.
    """

    def __init__(self, provider: Provider, request: SessionRequest) -> None:
        options = session_options(provider, request)
        self.threads: int = int(options.intra_op_num_threads)
        self.precision: str | None = None
        self._provider = provider
        plugin = _plugin(provider, request)
        self._turn = _turn(provider, plugin)
        with self._turn:
            self._session: Any = _open(provider, request, options, plugin)
        self.outputs: tuple[str, ...] = tuple(o.name for o in self._session.get_outputs())

    def placed_nodes(self) -> tuple[PlacedNode, ...]:
        """Every node and the provider that it was given to, as the session has recorded it."""
        groups = self._open_session().get_provider_graph_assignment_info()
        return tuple(
            PlacedNode(node.name, node.op_type, group.ep_name)
            for group in groups
            for node in group.get_nodes()
        )

    def bind(self, feeds: Mapping[str, NDArray[Any]], *, fixed_shapes: bool) -> OrtBinding:
        """A reusable run over buffers that the caller owns, as `Session.bind` says."""
        return OrtBinding(
            self._open_session(),
            feeds,
            self.outputs,
            provider=self._provider,
            turn=self._turn,
            fixed_shapes=fixed_shapes,
        )

    def close(self) -> None:
        """Let go of the runtime's session; its memory goes with the last binding."""
        self._session = None

    def _open_session(self) -> Any:
        if self._session is None:
            raise DeviceError("the session is closed; open another one")
        return self._session


class OrtBinding:
    """A run of a session over fixed buffers; for one caller at a time."""

    def __init__(
        self,
        session: Any,
        feeds: Mapping[str, NDArray[Any]],
        outputs: tuple[str, ...],
        *,
        provider: Provider,
        turn: AbstractContextManager[object],
        fixed_shapes: bool,
    ) -> None:
        ort = onnxruntime()
        for name, array in feeds.items():
            if not array.flags.c_contiguous:
                raise SettingsError(
                    f'input "{name}": expected a contiguous buffer, got strides {array.strides}'
                )
        self._provider = provider
        self._turn = turn
        self._session = session
        self._binding = session.io_binding()
        self._inputs = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in feeds.items()}
        # A device with memory of its own gets a copy of a buffer when that is bound, and would see it for ever.
        self._copied = provider.name != cpu.PROVIDER.name
        try:
            with turn:
                self._bind_inputs()
        except Exception as fault:  # onnxruntime's exceptions have no common base
            raise translate_run(fault, provider) from fault
        self._outputs = outputs
        self._fixed_shapes = fixed_shapes
        self._buffers: list[NDArray[Any]] | None = None
        self._under_way: Any = None

    def run(self) -> list[NDArray[Any]]:
        """The outputs in order, on the host, as `Binding.run` says."""
        if self._buffers is None:
            # The runtime would answer into the last run's tensors again, which are the caller's by now.
            self._binding.clear_binding_outputs()
            for name in self._outputs:
                self._binding.bind_output(name, "cpu")
        # Fresh for each run, so that a cancellation that comes late cannot end the next one. Costs a microsecond.
        self._under_way = options = onnxruntime().RunOptions()
        try:
            with self._turn:
                if self._copied:
                    self._bind_inputs()
                self._session.run_with_iobinding(self._binding, options)
        except Exception as fault:  # onnxruntime's exceptions have no common base
            raise translate_run(fault, self._provider) from fault
        finally:
            self._under_way = None
        if self._buffers is not None:
            return self._buffers
        answer = [value.numpy() for value in self._binding.get_outputs()]
        if self._fixed_shapes:
            self._keep(answer)
        return answer

    def _bind_inputs(self) -> None:
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)

    def cancel(self) -> None:
        """End the run under way, before its next node."""
        if (options := self._under_way) is not None:
            options.terminate = True

    def _keep(self, answer: list[NDArray[Any]]) -> None:
        """Let all further runs answer into buffers of the shapes that the first one had."""
        ort = onnxruntime()
        self._buffers = [np.empty_like(array) for array in answer]
        self._values = [ort.OrtValue.ortvalue_from_numpy(buffer) for buffer in self._buffers]
        self._binding.clear_binding_outputs()
        for name, value in zip(self._outputs, self._values, strict=True):
            self._binding.bind_ortvalue_output(name, value)


def _plugin(provider: Provider, request: SessionRequest) -> tuple[Path, Any] | None:
    """The plug-in library that a session goes through, and its device."""
    if not provider.plugin:
        return None
    from lineside.engine import libraries

    return libraries.device(provider, request)


def _turn(provider: Provider, plugin: tuple[Path, Any] | None) -> AbstractContextManager[object]:
    """What a run waits for: another run on the same library image, where the provider cannot have two."""
    if plugin is not None and provider.callers is Callers.ONE_A_LIBRARY:
        from lineside.engine import libraries

        return libraries.run_lock(plugin[0])
    return nullcontext()


def _open(
    provider: Provider, request: SessionRequest, options: Any, plugin: tuple[Path, Any] | None = None
) -> Any:
    """An onnxruntime session on one provider, its faults translated."""
    ort = onnxruntime()
    model = request.model if isinstance(request.model, bytes) else str(request.model)
    own = provider_options(provider, request)
    providers = [(provider.runtime_name, own)]
    try:
        if plugin is not None:
            options.add_provider_for_devices([plugin[1]], own)
            return ort.InferenceSession(model, options, enable_fallback=0)
        # enable_fallback would rebuild the session on another provider inside a frame's run.
        return ort.InferenceSession(model, options, providers=providers, enable_fallback=0)
    except Exception as fault:  # onnxruntime's exceptions have no common base
        raise translate_load(fault, provider) from fault


def cpu_session(model: Path | bytes, *, threads: int | None = None, optimised: bool = False) -> OrtSession:
    """A session on the CPU provider with lineside's own settings.

    Args:
        model: A path or the bytes of a model.
        threads: Threads of one run, or `None` for one a usable core.
        optimised: Whether `model` was written by `optimise` on this machine.

    Raises:
        LinesideError: As `OrtSession`.
    """
    request = SessionRequest(model, cpu.DEFAULTS, threads=threads, optimised=optimised)
    return OrtSession(cpu.PROVIDER, request)


def run_once(model: bytes, feeds: Feeds) -> list[NDArray[Any]]:
    """The outputs of one run of a graph on the CPU, in order: what probes and checks use.

    Args:
        model: A serialised model.
        feeds: Inputs by name.

    Raises:
        UnsupportedModelError, ModelFileError, DeviceError: As for `OrtSession`.
    """
    request = SessionRequest(model, cpu.DEFAULTS)
    session = _open(cpu.PROVIDER, request, session_options(cpu.PROVIDER, request))
    try:
        return list(session.run(None, dict(feeds)))
    except Exception as fault:  # onnxruntime's exceptions have no common base
        raise translate_run(fault, cpu.PROVIDER) from fault


def optimise(model: bytes, *, level: str = "ORT_ENABLE_ALL") -> bytes | None:
    """The model after onnxruntime's graph optimisation for this very machine and version.

    Loading it again takes half the time and memory. It is of no use on another CPU.

    Args:
        model: A serialised model.
        level: How much of it, as the CPU's option `graph_optimization_level` is spelt.

    Returns:
        The optimised model, or `None` where the system has no place for a temporary file: a start without it is
        slower, not wrong.

    Raises:
        UnsupportedModelError, ModelFileError, DeviceError: As for `OrtSession`.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="lineside-") as folder:
            path = Path(folder) / "optimised.onnx"
            _write_optimised(model, path, level)
            return path.read_bytes()
    except OSError as fault:
        _log.warning("the optimised model cannot be written (%s); the next start is slower", fault)
        return None


def simplify(model: bytes) -> bytes:
    """The model with its constants folded and its normalisations joined to the layers before them.

    It stays of standard operators, runs on every machine, and is what a quantiser wants to be given.

    Args:
        model: A serialised model.

    Raises:
        UnsupportedModelError, ModelFileError, DeviceError: As for `OrtSession`.
        OutputError: There is no place for a temporary file.
    """
    if (simplified := optimise(model, level="ORT_ENABLE_BASIC")) is None:
        raise OutputError("no temporary file can be written. Free space, or name another folder with TMPDIR")
    return simplified


def _write_optimised(model: bytes, path: Path, level: str) -> None:
    request = SessionRequest(model, {"graph_optimization_level": level})
    options = session_options(cpu.PROVIDER, request)
    options.optimized_model_filepath = str(path)
    _open(cpu.PROVIDER, request, options)
