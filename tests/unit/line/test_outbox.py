from __future__ import annotations

import threading

from line_standins import make_frame
from lineside.core.errors import OutputError
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Reason, Verdict
from lineside.line.outbox import Outbox


def inspection(part):
    view = View("top", frame=make_frame(part), reason=Reason.LATE)
    return Inspection(part, Verdict.UNKNOWN, Reason.LATE, "late", (view,), 0.0, 1.0, 1.0)


class Sink:
    """Keeps the parts' numbers; fails for some of them, and may be held up."""

    def __init__(self, failing=()):
        self.parts = []
        self.failing = failing
        self.is_closed = False
        self.gate = threading.Event()
        self.gate.set()
        self.has_begun = threading.Event()

    def emit(self, inspection):
        self.has_begun.set()
        assert self.gate.wait(10)
        if inspection.part in self.failing:
            raise OutputError("the disk is full")
        self.parts.append(inspection.part)

    def close(self):
        self.is_closed = True


def test_every_sink_gets_every_inspection_in_order_and_is_closed():
    sinks, notes = [Sink(), Sink()], []
    outbox = Outbox(sinks, note=lambda *n: notes.append(n), capacity=10)
    outbox.start()
    assert all(outbox.offer(inspection(part)) for part in range(5))
    assert outbox.close(10)
    assert [sink.parts for sink in sinks] == [[0, 1, 2, 3, 4]] * 2
    assert all(sink.is_closed for sink in sinks)
    assert (outbox.dropped, outbox.failed, notes) == (0, 0, [])


def test_what_does_not_fit_is_dropped_counted_and_told_once():
    sink, notes = Sink(), []
    sink.gate.clear()
    outbox = Outbox([sink], note=lambda *n: notes.append(n), capacity=2)
    outbox.start()
    assert outbox.offer(inspection(0))
    assert sink.has_begun.wait(10)
    assert [outbox.offer(inspection(part)) for part in range(1, 6)] == [True, True, False, False, False]
    sink.gate.set()
    assert outbox.close(10)
    assert sink.parts == [0, 1, 2]
    assert outbox.dropped == 3
    assert [code for code, _ in notes] == ["output.dropped"]


def test_a_sink_that_fails_is_told_once_and_the_others_go_on():
    bad, good, notes = Sink(failing={1, 2}), Sink(), []
    outbox = Outbox([bad, good], note=lambda *n: notes.append(n), capacity=10)
    outbox.start()
    for part in range(4):
        outbox.offer(inspection(part))
    assert outbox.close(10)
    assert bad.parts == [0, 3]
    assert good.parts == [0, 1, 2, 3]
    assert outbox.failed == 2
    assert notes == [("output.failed", "the disk is full")]
