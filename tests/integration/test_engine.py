"""An engine over real sessions on two shares of the CPU, under load and with faults."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from lineside import Detector, Engine, LinesideError, SlicedDetector
from lineside.capture.plant.plant import Plant
from lineside.core.errors import DeviceUnavailableError, SettingsError, UnknownNameError
from lineside.dispatch.front import EngineDetector
from lineside.dispatch.starting import Crew, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.worker import WorkerModel
from lineside.engine.hardware import usable_cores
from lineside.testing.hand_workers import Mode, Script, TimedOpener

pytestmark = pytest.mark.skipif(usable_cores() < 2, reason="two shares of the CPU need two cores")
MODEL = "shipped:plant"
