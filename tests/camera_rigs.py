"""For each kind of camera something that it works on. A rig is a context; it skips where its device cannot be here."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module

import genicam_rigs
from lineside.testing.camera_checks import Rig


def kind(name):
    return import_module(f"lineside.capture.cameras.{name}")


@contextmanager
def synthetic(_folder):
    yield Rig(kind("synthetic"), "synthetic:cap?size=160x120&variants=1", fps=50, absent="synthetic:cup")


@contextmanager
def gige(_folder):
    with genicam_rigs.fake_gige() as fake:
        small = {"Width": 64, "Height": 48}
        yield Rig(kind("gige"), f"gige:{fake.address}", features=small, absent="gige:no-such-serial")


@contextmanager
def pylon(_folder):
    genicam_rigs.require_pylon()
    small = {"Width": 64, "Height": 48}
    yield Rig(kind("pylon"), "pylon:0815-0000", features=small, fps=50, absent="pylon:0815")


@contextmanager
def gentl(_folder):
    producer = genicam_rigs.require_gentl()
    yield Rig(
        kind("gentl"), f"gentl:{producer}#1", fps=50, absent=f"gentl:{producer}#7", takes_triggers=False
    )


RIGS = {"synthetic": synthetic, "gige": gige, "pylon": pylon, "gentl": gentl}
"""By the name of the kind. A new kind adds itself here, and the whole suite runs over it."""
