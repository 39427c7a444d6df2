"""Messages as they go through the pipes of a worker process.

What goes with every picture, a run and its detections, is plain values and bytes; all else is pickled. After a run the caches hold
nothing of Python's, and a dataclass of arrays then takes 0.1 ms to pickle and 0.1 ms to unpickle.
"""

from __future__ import annotations

import marshal
import pickle
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.dispatch.events import BatchDone
from lineside.dispatch.look import Look

if TYPE_CHECKING:
    from lineside.dispatch.worker import Asked

_PLAIN_FORM, _PICKLE_FORM = b"m", b"p"
_DONE = "done"
_ATOMS = frozenset({int, float, bool, str, bytes, type(None)})
_FLOATS, _INTEGERS = np.dtype(np.float32), np.dtype(np.int32)
_BYTES_EACH = 4 * 4 + 4 + 4  # a box, its confidence, its class


class Wire:
    """One direction of a pipe, at one of its ends. Class names are sent once, as long as both ends see every message."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._names: list[tuple[str, ...]] = []

    def packed(self, message: object) -> bytes:
        """The bytes of a message, which has to be sent."""
        if isinstance(message, BatchDone):
            return self._packed_done(message)
        # `marshal` makes bytes of whatever has a buffer, arrays and their numbers among it; so it gets what it gives back alone.
        return _dumped(message, plain=_is_plain(message))

    def packed_run(self, run: int, model: str, places: list[tuple[Any, ...]], asked: list[Asked]) -> bytes:
        """The bytes of an order to run. Its numbers are known to be plain, so that only what was asked for is looked at."""
        plain = type(model) is str
        for each in asked:
            plain = plain and type(each) is dict and (not each or _is_plain(each))
        return _dumped(("run", run, model, places, asked), plain=plain)

    def unpacked(self, data: bytes) -> Any:
        """The message of some bytes, which come from a process of our own."""
        loads = marshal.loads if data[:1] == _PLAIN_FORM else pickle.loads
        message = loads(data[1:])
        if type(message) is tuple and message[0] == _DONE:
            _, device, run, results = message
            for number, parts in enumerate(results):
                results[number] = self._restored(parts)
            return BatchDone(device, run, results)
        return message

    def _packed_done(self, done: BatchDone) -> bytes:
        plain = True
        results: list[tuple[object, ...]] = []
        for result in done.results:
            parts = self._flat(result)
            if len(parts) == 1:
                plain = plain and _is_plain(result)
            results.append(parts)
        return _dumped((_DONE, done.device, done.run, results), plain=plain)

    def _flat(self, result: object) -> tuple[object, ...]:
        """A result as plain values where it is boxes alone, as most are: five of its boxes, and three times where it has them."""
        look = result if type(result) is Look else None
        boxes = result if look is None else look.detections
        if type(boxes) is not Detections or not (
            boxes.masks is None and boxes.keypoints is None and boxes.xywhr is None
        ):
            return (result,)
        number = self._numbers.get(boxes.names)
        named: object = number
        if number is None:
            self._numbers[boxes.names] = len(self._numbers)
            named = tuple(map(str, boxes.names))
        values = boxes.xyxy.tobytes() + boxes.confidence.tobytes() + boxes.class_id.tobytes()
        height, width = boxes.size
        parts = (values, named, int(height), int(width), bool(boxes.truncated))
        if look is None:
            return parts
        return (*parts, float(look.preprocess_s), float(look.run_s), float(look.postprocess_s))

    def _restored(self, parts: tuple[Any, ...]) -> Any:
        if len(parts) == 1:
            return parts[0]
        values, names, height, width, truncated, *times = parts
        if isinstance(names, tuple):
            self._names.append(names)
        else:
            names = self._names[names]
        count = len(values) // _BYTES_EACH
        memory = bytearray(values)  # arrays that lie in bytes could not be written to
        detections = Detections.proven(
            xyxy=np.ndarray((count, 4), _FLOATS, memory),
            confidence=np.ndarray(count, _FLOATS, memory, 16 * count),
            class_id=np.ndarray(count, _INTEGERS, memory, 20 * count),
            names=names,
            size=Size(height, width),
            truncated=truncated,
        )
        return Look(detections, *times) if times else detections


def _dumped(message: Any, *, plain: bool) -> bytes:
    if plain:
        return _PLAIN_FORM + marshal.dumps(message)
    return _PICKLE_FORM + pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def _is_plain(value: Any) -> TypeGuard[Any]:
    """Whether it is made of Python's own values alone, of exactly these types."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is tuple or kind is list:
        return all(map(_is_plain, value))
    if kind is dict:
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    return False
