"""Models opened for workers: a `Detector` on one device, required."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lineside.core.errors import DeviceMismatchError
from lineside.dispatch.asked import key_of, own
from lineside.dispatch.look import Look
from lineside.engine.cache import default_folder
from lineside.models.probe import probe_picture

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.placement import Placement
    from lineside.detector.detector import Detector
    from lineside.detector.thresholds import Thresholds
    from lineside.dispatch.worker import Asked, WorkerModel

_MOST_OFF = {"float32": 1e-3}
_MOST_OFF_ELSEWHERE = 0.05
"""Share of its own size by which the answer to the test picture may differ from the first one: kernels may sum up in another
order from run to run. The ladder has held the first one against the CPU's."""

_KEPT = 256  # settings that are kept checked


@dataclass(frozen=True, slots=True)
class DetectorOpener:
    """Opens detectors on one device, and refuses any other.

    Attributes:
        placement: The device.
        threads: Threads of one run on the CPU; `None` for all usable cores.
        cache: Folder of prepared models; the user's unless set. It is kept as it was here, as another process may see
            another environment.

    Raises:
        SettingsError: There is no folder to keep prepared models in.
    """

    placement: Placement
    threads: int | None = None
    cache: str = field(default_factory=lambda: str(default_folder()))

    def __call__(self, model: WorkerModel) -> DetectorModel:
        """The model, open.

        Raises:
            LinesideError: As for a `Detector`.
        """
        from lineside.detector.detector import Detector

        return DetectorModel(
            Detector(
                model.path,
                devices=self.placement,
                demotion="require",
                threads=self.threads,
                facts=model.facts,
                cache=self.cache,
            )
        )


class DetectorModel:
    """A detector as a worker uses it.

    Args:
        detector: The detector.

    Attributes:
        batches: It takes several pictures in one run.
        demoted: What it runs on and why nothing better does, where it runs on another entry than the first; else empty.

    Raises:
        LinesideError: Its first run failed.
    """

    def __init__(self, detector: Detector) -> None:
        card = detector.card
        self.batches: bool = card.input.dynamic_batch and not card.nms_inside
        self.demoted = detector.truth.sentence if detector.truth.is_demoted else ""
        self._detector = detector
        self._picture = probe_picture(card.input.size)
        self._usual = detector.thresholds()
        self._checked: dict[Hashable, Thresholds] = {}
        self._most_off = _MOST_OFF.get(detector.truth.precision, _MOST_OFF_ELSEWHERE)
        self._reference = detector.outputs(self._picture)

    def run(self, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]) -> Sequence[object]:
        """What it sees in each picture, as `OpenedModel.run` says."""
        settings = [self._thresholds(each) for each in asked]
        if len(pictures) == 1:
            found, took = self._detector.timed(pictures[0], settings[0])
            return (Look(found, took.preprocess_s, took.run_s, took.postprocess_s),)
        all_found, took = self._detector.timed_batch(pictures, settings)
        return [Look(found, took.preprocess_s, took.run_s, took.postprocess_s) for found in all_found]

    def probe(self, count: int) -> None:
        """Run the test picture, as `OpenedModel.probe` says. A single one's outputs are held against the first ones.

        Raises:
            DeviceMismatchError: It is answered otherwise than before.
            LinesideError: The run failed.
        """
        if count > 1:
            self._detector.timed_batch([self._picture] * count, self._usual)
            return
        from lineside.engine.reference import share_off

        off = share_off(self._reference, self._detector.outputs(self._picture))
        if off > self._most_off:
            raise DeviceMismatchError(
                f"{self._detector.card.file} on {self._detector.truth.got}: the test picture is answered otherwise than at the "
                f"start, by {off:.2g} of the answer's size; expected at most {self._most_off:g}. The device computes wrongly"
            )

    def cancel(self) -> None:
        """End the run under way."""
        self._detector.cancel()

    def _thresholds(self, asked: Asked) -> Thresholds:
        """Settings, checked when first seen.

        Raises:
            SettingsError: One is out of range or unknown.
        """
        if not asked:
            return self._usual
        asked = own(asked)
        key = key_of(asked)
        found = self._checked.get(key)
        if found is None:
            if len(self._checked) >= _KEPT:
                self._checked.clear()
            found = self._checked[key] = self._detector.thresholds(**asked)
        return found
