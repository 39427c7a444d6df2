"""What is broken in lines whose cameras are not asked by a control: one that hangs on a sensor's wire, and one that runs free.

As in `chaos_faults`, one function a fault. It says itself which parts come; a wired line's parts are numbered as they are drawn.
"""

from __future__ import annotations

from chaos_cameras import Ill
from chaos_faults import Fault
from lineside.core.verdict import Reason

WIRED: list[Fault] = []
FREE: list[Fault] = []
WIRE = {"trigger": "hardware", "plant": "", "line": "grace_ms = 300"}
RUN = {"trigger": "free", "plant": "", "drawn": "disc?seed=41&size=320x320&fps=5", "camera": "timeout_s = 30"}


def fault(faults, *reasons, **how):
    def kept(breaks):
        faults.append(Fault(breaks, reasons, **how))
        return breaks

    return kept


# Two cameras on the wire of a sensor.


@fault(WIRED, Reason.NO_FRAME, Reason.TRIGGER_MISSED)
def wired_camera_misses_its_trigger(line):
    """One of two wired cameras does not hear the sensor. Its part is `no_frame`; the camera's next picture has a number too low, which costs that part, too, and no other."""
    number = line.sensor("top")
    line.wait_answered(number + 1)
    line.parts(1)
    yield {number: Reason.NO_FRAME, number + 1: Reason.TRIGGER_MISSED}


@fault(WIRED, Reason.NO_FRAME, Reason.TRIGGER_MISSED)
def wired_camera_lost_after_its_trigger(line):
    """One of two wired cameras is gone between the sensor and its picture. When it is back it numbers its pictures anew, which costs one part more."""
    line.cameras["side"].falls_ill(Ill.PULLED)
    number = line.sensor()
    line.wait_answered(number + 1)
    line.wait_told("camera.lost")
    line.cameras["side"].recovers()
    line.wait_ready()
    line.parts(1)
    yield {number: Reason.NO_FRAME, number + 1: Reason.TRIGGER_MISSED}


@fault(WIRED, Reason.IMAGE_UNHEALTHY)
def wired_camera_frozen(line):
    """One of two wired cameras gives the same picture again and again."""
    line.cameras["side"].falls_ill(Ill.FROZEN)
    number = len(line.answers)
    line.parts(2)
    line.cameras["side"].recovers()
    yield dict.fromkeys((number, number + 1), Reason.IMAGE_UNHEALTHY)


# One camera that runs free: each of its pictures is a part.


def ill(line, what):
    """The camera gives two ill pictures at the least."""
    line.knob.falls_ill(what)
    line.wait(lambda: line.knob.shown.count(None) >= 2, "two ill pictures")
    line.knob.recovers()
    yield


@fault(FREE, Reason.IMAGE_UNHEALTHY, hint="frozen")
def free_camera_frozen(line):
    """A camera that runs free gives the same picture again and again. Each is a part, and none of them passes."""
    yield from ill(line, Ill.FROZEN)


@fault(FREE, Reason.IMAGE_UNHEALTHY, hint="dead")
def free_camera_black(line):
    """A camera that runs free gives black pictures, as with a lens cap on."""
    yield from ill(line, Ill.BLACK)


@fault(FREE, Reason.TRIGGER_MISSED, Reason.IMAGE_UNHEALTHY)
def free_camera_unplugged(line):
    """A camera that runs free is gone. No picture is a part meanwhile, and it is told. The first one after it is open again has a number too low; those that the plant draws a second time are repeated ones."""
    line.knob.falls_ill(Ill.UNPLUGGED)
    line.wait_told("camera.lost")
    line.knob.recovers()
    line.wait_told("camera.back")
    line.wait(lambda: None in line.knob.shown, "a picture")
    yield
