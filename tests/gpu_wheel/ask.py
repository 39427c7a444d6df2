"""Make a session on a provider with each of several options, and tell what the runtime says: a process of its own.

The arguments are the provider and a JSON list of options; the answer is a JSON list of texts, empty where a session
came about on that provider.
"""

from __future__ import annotations

import json
import sys

import onnxruntime
from onnx import TensorProto, helper

from lineside.engine import loading
from lineside.engine.provider import provider

asked_of, asked = sys.argv[1], json.loads(sys.argv[2])
loading.preload(provider(asked_of))
runtime_name = provider(asked_of).runtime_name
settings = onnxruntime.SessionOptions()
settings.log_severity_level = 4
onnxruntime.set_default_logger_severity(4)
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", ends[:1], ends[1:])
relu = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
answers = []
for options in asked:
    try:
        session = onnxruntime.InferenceSession(
            relu, settings, providers=[(runtime_name, options)], enable_fallback=0
        )
    except Exception as fault:  # noqa: BLE001 # onnxruntime's exceptions have no common base
        answers.append(f"{type(fault).__name__} {fault}")
    else:
        answers.append("" if runtime_name in session.get_providers() else "fell to the CPU")
sys.stdout.write(json.dumps(answers))
