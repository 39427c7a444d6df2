"""What a session is, whatever runtime is behind it: one model on one device, and runs over buffers made once."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """A node of the graph that runs, and who runs it.

    Attributes:
        name: Its name; empty where the graph gives it none.
        operator: Its operator: `Conv`.
        runs_on: ONNX Runtime's name of the provider that runs it: `CPUExecutionProvider`.
    """

    name: str
    operator: str
    runs_on: str


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a provider needs to open a session.

    Attributes:
        model: A path or the bytes of a model whose picture input is planar bytes.
        options: Checked options by their name, each as the runtime spells it; the one that names the device is among them.
        device: The device as the placement names it, or `None` for the provider's choice.
        threads: Threads of one run on the host, or `None` for what suits the provider.
        folder: Where the provider may keep engines or compiled kernels of this very model with these very options; `None`
            where nothing can be kept.
        optimised: Whether the model is a graph that ONNX Runtime has optimised for this very CPU.
    """

    model: Path | bytes
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    device: str | None = None
    threads: int | None = None
    folder: Path | None = None
    optimised: bool = False


class Binding(Protocol):
    """A run of a session over fixed buffers; for one caller at a time."""

    def run(self) -> list[NDArray[Any]]:
        """The outputs in order, on the host. With fixed shapes they are buffers that the next run overwrites.

        Raises:
            UnsupportedModelError: The model refuses the shape or type of an input.
            ModelOutputError: With fixed shapes, an output has another shape than before.
            RunCancelledError: `cancel` ended it.
            DeviceError: The run failed; the subclass says how.
        """

    def cancel(self) -> None:
        """End the run under way, from another thread. Without one nothing happens."""


class Session(Protocol):
    """A model on one device. Safe from several threads as far as `Provider.callers` says; each run needs its own binding."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""

    @property
    def threads(self) -> int:
        """Threads of one run on the host."""

    @property
    def precision(self) -> str | None:
        """What the runtime says that it computes in, a word of `Provider.precision_of`; `None` where it does not tell."""

    def placed_nodes(self) -> tuple[PlacedNode, ...]:
        """Every node that runs, and on what, by the runtime's own records; empty where it keeps none."""

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

    def close(self) -> None:
        """Let go of the device's memory. Bindings made before must not be run again."""
