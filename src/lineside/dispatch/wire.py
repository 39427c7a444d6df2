"""Messages as they go through the pipes of a worker process.

All is pickled, except that detections go as their plain bytes. After a run the caches hold nothing of Python's, and a dataclass of arrays
then takes 0.1 ms to pickle and 0.1 ms to unpickle; its bytes take a quarter of that.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from lineside.core.detections import Detections
from lineside.core.geometry import Size
from lineside.dispatch.events import BatchDone
from lineside.dispatch.look import Look

_LOOK = None  # in front of a `Look`
_DONE = 0  # in front of a `BatchDone`; other tuples begin with a word


def packed(message: object) -> bytes:
    """The bytes of a message."""
    if isinstance(message, BatchDone):
        message = (_DONE, message.device, message.run, [_flat(result) for result in message.results])
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Any:
    """The message of some bytes, which come from a process of our own."""
    message = pickle.loads(data)  # noqa: S301 # as the docstring says
    if isinstance(message, tuple) and message[0] == _DONE:
        _, device, run, results = message
        return BatchDone(device, run, [_restored(*result) for result in results])
    return message


def _flat(result: object) -> tuple[object, ...]:
    """A result as plain values where it is boxes alone, as most are."""
    if type(result) is Look:
        times = (result.preprocess_s, result.run_s, result.postprocess_s)
        return (_LOOK, times, *_flat(result.detections))
    if type(result) is not Detections or any(
        details is not None for details in (result.masks, result.keypoints, result.xywhr)
    ):
        return (result,)
    arrays = (result.xyxy, result.confidence, result.class_id)
    # As the arrays that come out of bytes cannot be written to.
    return (*(bytearray(array.tobytes()) for array in arrays), result.names, *result.size, result.truncated)


def _restored(*parts: Any) -> Any:
    if len(parts) == 1:
        return parts[0]
    if parts[0] is _LOOK:
        _, times, *rest = parts
        return Look(_restored(*rest), *times)
    xyxy, confidence, class_id, names, height, width, truncated = parts
    return Detections.proven(
        xyxy=np.frombuffer(xyxy, np.float32).reshape(-1, 4),
        confidence=np.frombuffer(confidence, np.float32),
        class_id=np.frombuffer(class_id, np.int32),
        names=names,
        size=Size(height, width),
        truncated=truncated,
    )
