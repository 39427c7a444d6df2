"""What the tensors of a model hold over the calibration pictures, and the ranges that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import QuantisationError
from lineside.engine.ort_session import cpu_session
from lineside.evaluation.quantising.quantiser import Ranges, least_divergence
from lineside.models.probe import as_exported
from lineside.models.quantisable import observed
from lineside.preprocess.letterbox import Slot, as_bgr

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from numpy.typing import NDArray

    from lineside.models.reading import Reading

METHODS = ("mse", "percentile", "entropy", "minmax")
"""How the range of a tensor is chosen from what it held."""

_BINS = 2048
_SAMPLED = 1 << 14  # values of one tensor of one picture that are counted; lowest and highest are of all
_PERCENT = 99.99
_STEPS = 255
_SHARES = np.linspace(0.02, 1, 50)


class Feeding:
    """A model's inputs as it was exported, filled by the very code that feeds it on the line.

    Args:
        reading: The model.

    Attributes:
        feeds: The inputs by name; overwritten by `fill`.
    """

    def __init__(self, reading: Reading) -> None:
        self._spec, self._conventions = reading.subject.picture, reading.conventions
        self._slot = Slot(self._spec.size, self._conventions)
        planes = as_exported(self._slot.planes, self._spec, self._conventions)
        self.feeds: dict[str, NDArray[Any]] = self._spec.feeds(planes)

    def fill(self, image: NDArray[Any]) -> None:
        """Letterbox a BGR picture into the inputs."""
        self._slot.fill(as_bgr(image))
        np.copyto(self.feeds[self._spec.name], as_exported(self._slot.planes, self._spec, self._conventions))

    @property
    def limits(self) -> tuple[str, tuple[float, float]]:
        """The picture input's name, and the lowest and highest value that any picture can have there."""
        ends = []
        for grey in (0, 255):
            planes = np.full((1, 3, 1, 1), grey, np.uint8)
            ends.append(as_exported(planes, self._spec, self._conventions))
        return self._spec.name, (float(ends[0].min()), float(ends[1].max()))


@dataclass(slots=True, eq=False)
class Histogram:
    """The values of one tensor: their limits, and how often each of 2048 bins was met.

    Attributes:
        low: The lowest value.
        high: The highest.
        counts: float64 (2048,).
        edges: The limits of the bins, which double their reach when a value falls outside.
    """

    low: float = np.inf
    high: float = -np.inf
    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_BINS))
    edges: tuple[float, float] = (0.0, 0.0)

    def add(self, values: NDArray[Any]) -> None:
        """Count the values of one picture."""
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            self.low, self.high = -np.inf, np.inf  # for ever, which NaN would not be
            return
        self.low, self.high = min(self.low, low), max(self.high, high)
        self._reach(max(abs(low), abs(high), 1e-6))
        flat = values.reshape(-1)
        flat = flat[:: max(1, flat.size // _SAMPLED)]
        places = ((flat + self.edges[1]) * (_BINS / (2 * self.edges[1]))).astype(np.intp)
        self.counts += np.bincount(places.clip(0, _BINS - 1), minlength=_BINS)

    def _reach(self, far: float) -> None:
        """Widen the bins, by joining pairs of them, until they hold `far` on both sides of zero."""
        if self.edges[1] == 0:
            self.edges = (-far, far)
        while self.edges[1] < far:
            self.edges = (2 * self.edges[0], 2 * self.edges[1])
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros(_BINS)
            self.counts[_BINS // 4 : -_BINS // 4] = pairs

    @property
    def centres(self) -> NDArray[np.float64]:
        """The middle of each bin."""
        ends = np.linspace(*self.edges, _BINS + 1)
        middle: NDArray[np.float64] = (ends[1:] + ends[:-1]) / 2
        return middle


def collect(
    model: bytes,
    tensors: Collection[str],
    feeding: Feeding,
    images: Iterable[NDArray[Any]],
    on_picture: Callable[[], None] = lambda: None,
) -> dict[str, Histogram]:
    """The histograms of a model's tensors over some pictures, which are run one at a time.

    Args:
        model: The model as exported, serialised.
        tensors: Names of float tensors in it.
        feeding: Its inputs.
        images: Pictures, uint8 BGR.
        on_picture: Called after each picture.

    Raises:
        QuantisationError: There is no picture, or a tensor held NaN or infinite values.
        UnsupportedModelError, DeviceError: The model cannot be run.
    """
    names = sorted(set(tensors) - {feeding.limits[0]})
    found = {name: Histogram() for name in names}
    session = cpu_session(observed(model, names))
    places = [session.outputs.index(name) for name in names]
    binding = session.bind(feeding.feeds, fixed_shapes=False)
    pictures = 0
    for image in images:
        feeding.fill(image)
        outputs = binding.run()
        for name, place in zip(names, places, strict=True):
            found[name].add(outputs[place])
        pictures += 1
        on_picture()
    if not pictures:
        raise QuantisationError("calibration: no picture to calibrate on")
    for name, one in found.items():
        if one.low <= one.high and not (np.isfinite(one.low) and np.isfinite(one.high)):
            raise QuantisationError(
                f'calibration: tensor "{name}" holds NaN or infinite values; only finite ones can be '
                "quantised. Export the model in float32"
            )
    return found


def ranges(histograms: dict[str, Histogram], method: str, feeding: Feeding) -> Ranges:
    """The range of each tensor that was met; the picture input's is that of all pictures.

    Args:
        histograms: From `collect`.
        method: One of `METHODS`.
        feeding: The model's inputs.
    """
    choose = {"minmax": _minmax, "percentile": _percentile, "entropy": _entropy, "mse": _least_squares}[
        method
    ]
    chosen = {name: choose(one) for name, one in histograms.items() if one.low <= one.high}
    name, limits = feeding.limits
    return {**chosen, name: limits}


def _minmax(one: Histogram) -> tuple[float, float]:
    """From the lowest to the highest value."""
    return one.low, one.high


def _percentile(one: Histogram) -> tuple[float, float]:
    """Without a ten-thousandth of the values at either end."""
    share = np.cumsum(one.counts) / max(one.counts.sum(), 1)
    ends = np.linspace(*one.edges, _BINS + 1)
    low = ends[int(np.searchsorted(share, 1 - _PERCENT / 100))]
    high = ends[min(int(np.searchsorted(share, _PERCENT / 100)) + 1, _BINS)]
    return max(float(low), one.low), min(float(high), one.high)


def _entropy(one: Histogram) -> tuple[float, float]:
    """By the least loss of information, as the runtime's calibrator computes it."""
    low, high = least_divergence(one.counts, one.edges, (one.low, one.high))
    return max(low, one.low), min(high, one.high)


def _least_squares(one: Histogram) -> tuple[float, float]:
    """By the least mean square of the error: of rounding within the range, and of what is cut off beyond it."""
    far_low, far_high = min(one.low, 0.0), max(one.high, 0.0)
    met = one.counts > 0
    counts, values = one.counts[met], one.centres[met]
    low = np.full(_SHARES.shape, far_low)
    for _ in range(2):
        highs = far_high * _SHARES
        high = highs[_errors(counts, values, low, highs).argmin()]
        lows = far_low * _SHARES
        low = np.full(_SHARES.shape, lows[_errors(counts, values, lows, np.full_like(lows, high)).argmin()])
    return float(low[0]), float(high)


def _errors(
    counts: NDArray[np.float64],
    values: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The sum of the squared errors with each pair of limits; infinite where they enclose nothing."""
    step = (high - low) / _STEPS
    cut = np.maximum(values - high[:, None], 0) + np.maximum(low[:, None] - values, 0)
    errors: NDArray[np.float64] = np.where(cut > 0, cut**2, (step**2 / 12)[:, None]) @ counts
    errors[step <= 0] = np.inf
    return errors
