"""The only room that imports onnxruntime: providers, sessions and the cache of prepared models."""

from lineside.engine.ort_session import cpu_session, run_once
from lineside.engine.session import Binding, PlacedNode, Session, SessionRequest

__all__ = ["Binding", "PlacedNode", "Session", "SessionRequest", "cpu_session", "run_once"]
