"""Messages as they go through the pipes of a worker process.

What goes with every picture, a run and its detections, is plain values and bytes; all else is pickled. After a run the caches hold
nothing of Python's, and a dataclass of arrays then takes 0.1 ms to pickle and 0.1 ms to unpickle.
"""

from __future__ import annotations

import marshal
import pickle
from typing import Any, TypeGuard

import numpy as np

from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.dispatch.events import BatchDone
from lineside.dispatch.look import Look

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
            message = (_DONE, message.device, message.run, [self._flat(result) for result in message.results])
        # `marshal` makes bytes of whatever has a buffer, arrays and their numbers among it; so it gets what it gives back alone.
        if _is_plain(message):
            return _PLAIN_FORM + marshal.dumps(message)
        return _PICKLE_FORM + pickle.dumps(message, pickle.HIGHEST_PROTOCOL)

    def unpacked(self, data: bytes) -> Any:
        """The message of some bytes, which come from a process of our own."""
        loads = marshal.loads if data[:1] == _PLAIN_FORM else pickle.loads
        message = loads(data[1:])
        if type(message) is tuple and message[0] == _DONE:
            _, device, run, results = message
            return BatchDone(device, run, [self._restored(*result) for result in results])
        return message

    def _flat(self, result: object) -> tuple[object, ...]:
        """A result as plain values where it is boxes alone, as most are."""
        if type(result) is Look:
            times = (float(result.preprocess_s), float(result.run_s), float(result.postprocess_s))
            return (None, times, *self._flat(result.detections))
        if type(result) is not Detections or not (
            result.masks is None and result.keypoints is None and result.xywhr is None
        ):
            return (result,)
        values = result.xyxy.tobytes() + result.confidence.tobytes() + result.class_id.tobytes()
        number = self._numbers.get(result.names)
        if number is not None:
            return (values, number, int(result.size[0]), int(result.size[1]), bool(result.truncated))
        self._numbers[result.names] = len(self._numbers)
        names = tuple(map(str, result.names))
        return (values, names, int(result.size[0]), int(result.size[1]), bool(result.truncated))

    def _restored(self, *parts: Any) -> Any:
        if len(parts) == 1:
            return parts[0]
        if parts[0] is None:
            return Look(self._restored(*parts[2:]), *parts[1])
        values, names, height, width, truncated = parts
        if isinstance(names, tuple):
            self._names.append(names)
        else:
            names = self._names[names]
        count = len(values) // _BYTES_EACH
        memory = bytearray(values)  # arrays that lie in bytes could not be written to
        return Detections.proven(
            xyxy=np.ndarray((count, 4), _FLOATS, memory),
            confidence=np.ndarray(count, _FLOATS, memory, 16 * count),
            class_id=np.ndarray(count, _INTEGERS, memory, 20 * count),
            names=names,
            size=Size(height, width),
            truncated=truncated,
        )


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
