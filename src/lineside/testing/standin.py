"""A provider without a device: the CPU's sessions behind another name, which behave as a placement asks.

It is no part of lineside's own providers; a test passes it to the ladder, or names this module as an entry point of the
group `lineside.engine.providers`. `standin?behaves=swap` is a device that mixes up red and blue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import DeviceError, DeviceLostError, DeviceMemoryError, DriverError
from lineside.engine.options import Kind, Option, Scope
from lineside.engine.ort_session import cpu_session
from lineside.engine.provider import Callers, Device, Keeps, Provider
from lineside.engine.session import PlacedNode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lineside.engine.session import Binding, Session, SessionRequest

RUNTIME_NAME = "StandInExecutionProvider"

BEHAVIOURS = (
    "well",  # as a device should
    "refuse",  # no session: its driver is missing
    "exhaust",  # no session: not enough memory
    "vanish",  # every run fails: the device is lost
    "elsewhere",  # all nodes run on the CPU, without a word
    "split",  # the concatenations run on the CPU
    "swap",  # red and blue change places
    "coarse",  # computes in bfloat16 and says float32
    "nan",  # answers NaN
    "forget",  # judges the picture that its buffer held when it was bound, for ever
    "restless",  # each run answers a little differently
)
"""What `behaves` may be."""

_ENGINE = b"an engine that was built"


def _find_devices() -> tuple[Device, ...]:
    return tuple(
        Device("standin", str(n), f"stand-in number {n}", 1 << 30, f"stand-in {n}", "1.0") for n in range(2)
    )


def _precision_of(options: Mapping[str, str]) -> str:
    return options.get("precision", "float32")


def _open(request: SessionRequest) -> Session:
    behaves = request.options.get("behaves", "well")
    if behaves == "refuse":
        raise DriverError("stand-in: its driver is missing")
    if behaves == "exhaust":
        raise DeviceMemoryError("stand-in: not enough memory to load the model")
    if request.folder is not None:
        _use_engine(request)
    return StandInSession(request, behaves)


def _use_engine(request: SessionRequest) -> None:
    """Build the engine where it is not there, and refuse another that is."""
    assert request.folder is not None
    engine = request.folder / "standin.engine"
    if not engine.exists():
        engine.write_bytes(_ENGINE)
    elif engine.read_bytes() != _ENGINE:
        raise DeviceError(f"stand-in: {engine.name} is no engine of mine")


class StandInSession:
    """A session on the CPU that says it runs on a stand-in."""

    def __init__(self, request: SessionRequest, behaves: str) -> None:
        self._session = cpu_session(request.model, threads=request.threads)
        self._behaves = behaves
        self.outputs = self._session.outputs
        self.threads = self._session.threads
        self.precision: str | None = None

    def placed_nodes(self) -> tuple[PlacedNode, ...]:
        """The nodes, where the behaviour puts them."""
        return tuple(self._placed(node) for node in self._session.placed_nodes())

    def _placed(self, node: PlacedNode) -> PlacedNode:
        stays = self._behaves == "elsewhere" or (self._behaves == "split" and node.operator == "Concat")
        return node if stays else PlacedNode(node.name, node.operator, RUNTIME_NAME)

    def bind(self, feeds: Mapping[str, NDArray[Any]], *, fixed_shapes: bool) -> Binding:
        """A run that behaves as asked."""
        return _Binding(self._session.bind(feeds, fixed_shapes=fixed_shapes), feeds, self._behaves)

    def close(self) -> None:
        """Close the CPU's session."""
        self._session.close()


class _Binding:
    def __init__(self, binding: Binding, feeds: Mapping[str, NDArray[Any]], behaves: str) -> None:
        self._binding = binding
        self._pictures = [array for array in feeds.values() if array.ndim == 4]
        self._behaves = behaves
        self._runs = 0
        self._first = [picture.copy() for picture in self._pictures]

    def run(self) -> list[NDArray[Any]]:
        self._runs += 1
        match self._behaves:
            case "vanish":
                raise DeviceLostError("stand-in: the device is lost to this process")
            case "swap":
                return self._with([picture[:, ::-1] for picture in self._pictures])
            case "forget":
                return self._with(self._first)
            case "coarse":
                return [_in_bfloat16(output) for output in self._binding.run()]
            case "nan":
                return [np.full_like(output, np.nan) for output in self._binding.run()]
            case "restless":
                return [output * np.float32(1 + 1e-6 * self._runs) for output in self._binding.run()]
        return self._binding.run()

    def cancel(self) -> None:
        self._binding.cancel()

    def _with(self, others: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """The answer to other pictures in the buffers; the caller's are there again afterwards."""
        kept = [picture.copy() for picture in self._pictures]
        for picture, other in zip(self._pictures, others, strict=True):
            picture[:] = other.copy()
        try:
            return self._binding.run()
        finally:
            for picture, own in zip(self._pictures, kept, strict=True):
                picture[:] = own


def _in_bfloat16(output: NDArray[Any]) -> NDArray[Any]:
    """The numbers with the 8 bits that bfloat16 keeps of them."""
    if output.dtype != np.float32:
        return output
    return (output.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


PROVIDER = Provider(
    name="standin",
    title="Stand-in",
    runtime_name=RUNTIME_NAME,
    extra=None,
    packages=(),
    options=(
        Option(
            "behaves",
            Kind.CHOICE,
            "What the device does.",
            ours="well",
            choices=BEHAVIOURS,
            scope=Scope.LINESIDE,
        ),
        Option("device_id", Kind.INTEGER, "Which device.", default="0", least=0),
        Option(
            "precision",
            Kind.CHOICE,
            "What it says that it computes in.",
            default="float32",
            choices=("float32", "tf32", "float16", "bfloat16"),
        ),
    ),
    faults=(),
    find_devices=_find_devices,
    precision_of=_precision_of,
    device_option="device_id",
    old_names=("understudy",),
    callers=Callers.ONE_A_DEVICE,
    keeps=Keeps.ENGINE,
    open=_open,
)
"""The provider."""
