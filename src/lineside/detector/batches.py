"""Several pictures in one run, proven to be answered as each of them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError, UnsupportedModelError
from lineside.models.probe import probe_picture
from lineside.models.surgery import difference
from lineside.preprocess.letterbox import Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lineside.engine.session import Session
    from lineside.models.card import ModelCard

Answer = list["NDArray[Any]"]


class Batch:
    """The buffers of a run over several pictures; for one caller at a time.

    Args:
        card: The model's card.
        session: Its session.
        count: How many pictures.

    Attributes:
        slots: Where the pictures go, one slot each.

    Raises:
        UnsupportedModelError: The model fixes its batch, or has NMS inside, whose rows of several pictures are mixed.
    """

    def __init__(self, card: ModelCard, session: Session, count: int) -> None:
        refuse_batches(card, count)
        spec = card.input
        planes = np.empty((count, 3, *spec.size), np.uint8)
        self.slots = tuple(Slot(spec.size, card.conventions, planes[i : i + 1]) for i in range(count))
        # What a model is told beside the picture, such as its size, it is told once a picture.
        feeds = {
            name: np.repeat(array, count, axis=0) if name != spec.name and array.shape[:1] == (1,) else array
            for name, array in spec.feeds(planes).items()
        }
        self._binding = session.bind(feeds, fixed_shapes=True)
        self._file = card.file

    def run(self) -> list[Answer]:
        """The outputs for each picture, as a run of it alone would give them; the next run overwrites them.

        Raises:
            ModelOutputError: An output has another number of pictures than went in.
            DeviceError: As for `Binding.run`.
        """
        outputs = self._binding.run()
        count = len(self.slots)
        for number, output in enumerate(outputs):
            if output.shape[:1] != (count,):
                raise ModelOutputError(
                    f"{self._file}: output {number} is {output.shape} for {count} pictures; expected their number in front"
                )
        return [[output[i : i + 1] for output in outputs] for i in range(count)]

    def cancel(self) -> None:
        """End the run under way, from another thread."""
        self._binding.cancel()


def refuse_batches(card: ModelCard, count: int) -> None:
    """Refuse a model that takes one picture at a time.

    Raises:
        UnsupportedModelError: It does.
    """
    if not card.input.dynamic_batch:
        raise UnsupportedModelError(
            f"{card.file}: the file fixes its batch, so it cannot take {count} pictures in one run. Export it with a dynamic batch"
        )
    if card.nms_inside:
        raise UnsupportedModelError(
            f"{card.file}: NMS is inside the graph, and answers the rows of {count} pictures mixed; give it one at a time"
        )


def prove(
    batch: Batch,
    alone: Callable[[NDArray[np.uint8]], Answer],
    card: ModelCard,
    differ: Callable[[Sequence[NDArray[Any]], Sequence[NDArray[Any]]], str | None] = difference,
) -> None:
    """Show that a picture's answer does not depend on its place in the batch, nor on its neighbours.

    Every slot gets the test picture turned another way.

    Args:
        batch: The batch.
        alone: Answers one picture alone.
        card: The model's card.
        differ: Says how two answers differ, or `None`.

    Raises:
        ModelOutputError: It does depend on them.
    """
    picture = probe_picture(card.input.size)
    views = [np.roll(picture, (37 * i, 53 * i), (0, 1)) for i in range(len(batch.slots))]
    expected = [[output.copy() for output in alone(view)] for view in views]
    for slot, view in zip(batch.slots, views, strict=True):
        slot.fill(view)
    for place, (one, got) in enumerate(zip(expected, batch.run(), strict=True)):
        if (other := differ(one, got)) is not None:
            raise ModelOutputError(
                f"{card.file}: picture {place} of a batch of {len(views)} is answered otherwise than alone: {other}"
            )
