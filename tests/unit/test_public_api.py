"""The public names, which are fixed, and what importing them costs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lineside
from lineside import Detections, Detector, LinesideError

EVERY_CALL = {
    "confidence": None,  # the task's habit, as for `max_detections` and `nms`
    "iou": 0.45,
    "classes": None,
    "max_detections": None,
    "nms": None,
    "class_aware": None,
}


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_public_names():
    assert lineside.__all__ == [
        "Classification",
        "Detections",
        "Detector",
        "Engine",
        "Inspection",
        "Line",
        "LinesideError",
        "Masks",
        "ModelCard",
        "ModelFacts",
        "Reason",
        "Size",
        "SlicedDetector",
        "Verdict",
        "View",
        "__version__",
    ]
    assert lineside.__all__ == sorted(lineside.__all__)
    assert dir(lineside) == lineside.__all__


@pytest.mark.parametrize("name", lineside.__all__)
def test_every_public_name_is_there(name):
    assert getattr(lineside, name) is getattr(lineside, name)


def test_every_public_name_has_its_place_on_the_page():
    page = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")
    named = set(re.findall(r"^\.\. auto\w+:: lineside\.(\w+)$", page, re.MULTILINE))
    assert named == set(lineside.__all__) - {"__version__"}


def test_an_unknown_name_is_pythons_own_error():
    with pytest.raises(AttributeError, match="'lineside' has no attribute 'Detektor'"):
        _ = lineside.Detektor


def test_a_star_import_brings_them_all():
    assert run("from lineside import *\nprint(Detector.__name__, Size(1, 2))").split() == ["Detector", "2x1"]


def test_the_error_is_the_one_of_the_core():
    from lineside.core.errors import LinesideError as CoreError

    assert LinesideError is CoreError
    assert issubclass(LinesideError, Exception)


def test_a_detector_is_opened_with_a_path_and_keywords():
    parameters = inspect.signature(Detector).parameters
    assert next(iter(parameters)) == "path"
    assert parameters["threads"].default is None
    assert all(p.kind is p.KEYWORD_ONLY for name, p in parameters.items() if name != "path")


def test_a_call_takes_a_picture_and_keywords_with_fixed_defaults():
    parameters = inspect.signature(Detector.__call__).parameters
    assert list(parameters)[:2] == ["self", "image"]
    keywords = {name: p for name, p in parameters.items() if name not in {"self", "image"}}
    assert all(p.kind is p.KEYWORD_ONLY for p in keywords.values())
    assert {name: keywords[name].default for name in EVERY_CALL} == EVERY_CALL


def test_detections_have_the_fixed_fields():
    assert {"xyxy", "confidence", "class_id", "names", "truncated"} <= set(Detections.__dataclass_fields__)
    assert callable(Detections.to_dict)
    assert callable(Detections.to_supervision)


def test_importing_lineside_imports_nothing_heavy():
    heavy = "onnx onnxruntime cv2 matplotlib pydantic typer rich faster_coco_eval supervision google.protobuf"
    code = f"import sys, lineside\nprint(*({heavy.split()!r} and [m for m in {heavy.split()!r} if m in sys.modules]))"
    assert run(code).split() == []


def test_the_words_of_the_core_need_no_picture_library_and_no_runtime():
    code = "import sys\nfrom lineside import Detections, LinesideError, Size\nprint(*{'cv2', 'onnx', 'onnxruntime'} & set(sys.modules))"
    assert (
        run(code.replace("print(*{", "print(*({").replace("set(sys.modules))", "set(sys.modules)))")).split()
        == []
    )


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert lineside.__version__ == version("lineside")
