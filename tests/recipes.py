"""A recipe as a text, whose lines tests change."""

from __future__ import annotations

RECIPE = """\
schema = 1
code = [4711, "A-12"]
title = "Blue caps"

[model]
path = "models/caps.onnx"
nms = { threshold = 0.5 }

[[stage]]
path = "models/labels.onnx"
on = ["label"]
pad = 0.1
min_confidence = 0.2

[[rule]]
kind = "forbid"
classes = ["scratch"]
marginal = [0.3, 0.5]

[[rule]]
kind = "require"
classes = ["label/ok"]
cameras = ["top"]

[[rule]]
kind = "size"
classes = ["cap"]
cameras = ["side"]
measure = "width"
unit = "mm"
at_most = 31.0

[camera.top]
picture = [640, 480]
adjust = { crop = { left = 100, top = 50, width = 640, height = 480 } }
features = { ExposureTime = 800.0 }

[camera.side]
picture = [640, 480]
calibration = { mm_per_px = 0.05 }

[baseline.top]
file = "baseline/top.json"

[[golden]]
pictures = { top = "golden/ok-top.png", side = "golden/ok-side.png" }
verdict = "PASS"

[end]
"""
FIRST, LABELS = ("cap", "label", "scratch"), ("ok", "torn")
