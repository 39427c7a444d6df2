"""What every file of the folder owes; `lineside.testing.camera_checks` says it, and other people's kinds are checked by it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from camera_rigs import RIGS
from lineside.capture.camera import KINDS
from lineside.core import plugins
from lineside.testing.camera_checks import CHECKS

FOREIGN = ("cv2", "av", "pypylon", "genicam", "harvesters", "viva_genicam", "gi")


def test_every_kind_has_a_rig():
    assert set(RIGS) == set(plugins.own(KINDS))


@pytest.mark.parametrize("name", plugins.own(KINDS))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_kind_keeps_its_word(name, check, tmp_path):
    with RIGS[name](tmp_path) as rig:
        check(rig)


def test_no_two_kinds_share_a_scheme():
    schemes = [scheme for name in plugins.own(KINDS) for scheme in plugins.load(KINDS, name).SCHEMES]
    assert len(schemes) == len(set(schemes))


def test_looking_for_a_kind_imports_no_driver():
    kinds = "".join(f"import {KINDS}.{name}; " for name in plugins.own(KINDS))
    code = f"import sys; {kinds}print([m for m in {FOREIGN!r} if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.strip() == "[]"
