"""The only room that imports onnxruntime: providers, sessions and the cache of prepared models."""

from lineside.engine.session import Binding, Session, run_once

__all__ = ["Binding", "Session", "run_once"]
