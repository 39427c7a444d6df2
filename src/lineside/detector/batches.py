"""Several pictures in one run, proven to be answered as each of them alone."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError, UnsupportedModelError
from lineside.models.probe import probe_picture
from lineside.preprocess.letterbox import Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from lineside.engine.session import Session
    from lineside.models.card import ModelCard

    Answer = Sequence[NDArray[Any]]

_MOST_OFF = {"float32": 1e-3}
_MOST_OFF_ELSEWHERE = 0.05
"""Share of its own size that an answer may change by in a batch. Kernels sum up in another order there; a neighbour's picture
that leaks in changes scores by their own size."""


class Batch:
    """The buffers of a run over several pictures; for one caller at a time.

    Args:
        card: The model's card.
        session: Its session.
        count: How many pictures.

    Attributes:
        slots: Where the pictures go, one slot each.
    """

    def __init__(self, card: ModelCard, session: Session, count: int) -> None:
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


class Batches:
    """The batches of a detector: made when first asked for, proven once for each number of pictures, used again.

    Args:
        card: The model's card.
        session: Its session.
        alone: Answers one picture of the model's own size, alone.
        precision: What the session computes in.
    """

    def __init__(
        self,
        card: ModelCard,
        session: Session,
        alone: Callable[[NDArray[np.uint8]], Answer],
        precision: str,
    ) -> None:
        self._card = card
        self._session = session
        self._alone = alone
        self._most_off = _MOST_OFF.get(precision, _MOST_OFF_ELSEWHERE)
        self._free: dict[int, deque[Batch]] = {}

    @contextmanager
    def taken(self, count: int) -> Iterator[Batch]:
        """A batch of so many pictures, for the time of the block.

        Raises:
            UnsupportedModelError: The model takes one picture at a time.
            ModelOutputError: A picture's answer depends on its place in the batch, or on its neighbours.
        """
        batch = self._one(count)
        try:
            yield batch
        finally:
            self._free[count].append(batch)

    def _one(self, count: int) -> Batch:
        free = self._free.get(count)
        if free is None:
            batch = self._first(count)
            self._free.setdefault(count, deque())
            return batch
        try:
            return free.pop()
        except IndexError:
            return Batch(self._card, self._session, count)

    def _first(self, count: int) -> Batch:
        """A batch that was shown to answer each picture as alone: every slot gets the test picture moved another way."""
        from lineside.engine.reference import share_off  # a start whose pictures come alone needs it not

        refuse_batches(self._card, count)
        batch = Batch(self._card, self._session, count)
        picture = probe_picture(self._card.input.size)
        views = [np.roll(picture, (37 * i, 53 * i), (0, 1)) for i in range(count)]
        expected = [[output.copy() for output in self._alone(view)] for view in views]
        for slot, view in zip(batch.slots, views, strict=True):
            slot.fill(view)
        for place, (one, got) in enumerate(zip(expected, batch.run(), strict=True)):
            if (off := share_off(one, got)) > self._most_off:
                raise ModelOutputError(
                    f"{self._card.file}: picture {place} of a batch of {count} is answered otherwise than alone, by {off:.2g} of "
                    f"the answer's size; expected at most {self._most_off:g}. Give it one picture at a time"
                )
        return batch


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
            f"{card.file}: NMS is inside the graph, and mixes the rows of {count} pictures; give it one at a time"
        )
