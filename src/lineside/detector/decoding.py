"""From a model's outputs to what is in the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.core.classification import Classification
from lineside.core.detections import Detections
from lineside.models.checks import refuse_dead_answer
from lineside.models.recognise import family

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox
    from lineside.detector.thresholds import Thresholds
    from lineside.models.card import ModelCard
    from lineside.models.head import Details
    from lineside.postprocess.candidates import Candidates


class Decoder:
    """Decodes the outputs of one model. It keeps no state of a frame.

    Args:
        card: The model's card.
    """

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._family = family(card.family)
        self._details: Callable[..., Details] | None = getattr(self._family, "details", None)

    def refuse_dead(self, outputs: Sequence[NDArray[Any]]) -> None:
        """Refuse an answer to the test picture as no working model gives.

        Raises:
            DeadModelError: It is one.
        """
        card = self._card
        refuse_dead_answer(self._family, outputs, card.head, nms_inside=card.nms_inside, file=card.file)

    def __call__(
        self, outputs: Sequence[NDArray[Any]], letterbox: Letterbox, settings: Thresholds
    ) -> Detections:
        """One picture's detections, in the pixels of its frame.

        Args:
            outputs: The model's outputs for it.
            letterbox: The way back to the frame.
            settings: The thresholds.

        Raises:
            ModelOutputError: An output is not finite, or none of the model's.
        """
        found = self._family.decode(outputs, self._card.head, settings.selection)
        left = settings.nms(found, settings.suppression)
        if self._card.task == "classify":
            return Classification.of(
                left.class_id, left.confidence, self._card.names, letterbox.frame, truncated=left.truncated
            )
        return self._of_the_frame(left, outputs, letterbox)

    def _of_the_frame(
        self, left: Candidates, outputs: Sequence[NDArray[Any]], letterbox: Letterbox
    ) -> Detections:
        """The objects that NMS left, with all that the head says of them."""
        details = None
        if self._details is not None:  # before the boxes leave the model's pixels
            details = self._details(outputs, self._card.head, left, letterbox)
        letterbox.to_frame(left.xyxy)
        if left.xywhr is not None:
            letterbox.to_frame_oriented(left.xywhr)
        # The decoder has refused what is not finite or names no class.
        return Detections.proven(
            xyxy=left.xyxy,
            confidence=left.confidence,
            class_id=left.class_id,
            names=self._card.names,
            size=letterbox.frame,
            truncated=left.truncated,
            masks=None if details is None else details.masks,
            keypoints=None if details is None else details.keypoints,
            xywhr=left.xywhr,
        )
