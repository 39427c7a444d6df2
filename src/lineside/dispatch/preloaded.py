"""What every worker process needs, imported once in the server that they are forked from."""

from __future__ import annotations

import contextlib

import lineside.detector.detector
import lineside.dispatch.process_child
from lineside.core.errors import MissingRuntimeError
from lineside.engine.runtime import onnxruntime

with contextlib.suppress(MissingRuntimeError):  # the worker says it when it opens its model
    onnxruntime()

__all__ = ["lineside"]
