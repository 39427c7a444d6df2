"""The worked example of docs/how-to/camera-kind.md keeps the word of a camera, and a wrong one is found out."""

from __future__ import annotations

import re
import types
from pathlib import Path

import numpy as np
import pytest

from lineside.testing import camera_checks
from lineside.testing.camera_checks import CHECKS, Rig

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "camera-kind.md"


def module():
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    made = types.ModuleType("bars")
    exec(compile(code[1], str(PAGE), "exec"), made.__dict__)
    return made


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_example_keeps_the_word_of_a_camera(check):
    check(Rig(module(), "bars:", fps=50, absent="bars:7"))


def test_a_kind_that_hands_out_its_buffer_is_found_out():
    kind = module()
    buffer = np.zeros((48, 64, 3), np.uint8)

    def zeros(*_):
        buffer[:] = 0
        return buffer

    kind.np = types.SimpleNamespace(zeros=zeros, uint8=np.uint8)
    with pytest.raises(AssertionError):
        camera_checks.pictures_belong_to_their_reader(Rig(kind, "bars:", fps=50))


def test_a_kind_that_gives_a_picture_without_a_trigger_is_found_out():
    kind = module()
    pace = kind.Pace

    class Eager(pace):
        def wait(self, timeout_s):
            super().wait(timeout_s)
            return types.SimpleNamespace(number=0, skipped=0, at_s=self._clock())

    kind.Pace = Eager
    with pytest.raises(AssertionError):
        camera_checks.each_trigger_gives_one_picture(Rig(kind, "bars:", fps=50))
