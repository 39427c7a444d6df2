"""Where nodes run as the runtime's profiler sees it: the second witness for what a session says of itself."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from lineside.engine.runtime import onnxruntime


def nodes_by_provider(model, feeds, folder: Path) -> Counter[str]:
    """Nodes of an optimised model by provider, in one run on the CPU."""
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.run(None, feeds)
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return Counter(
        event["args"]["provider"]
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    )
