"""Who looks after a running line: its state for the plant, its health file, its recipes, the system's manager."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError
from lineside.line.border import Fault, attempt
from lineside.line.events import ProductsChanged, Say
from lineside.outputs.files import replacing
from lineside.outputs.plant.link import LineState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lineside.line.building import Built
    from lineside.line.loop import Loop
    from lineside.line.systemd import Notify

_LOOK_S = 0.25
_WRITE_S = 1.0
_HUNG_S = 2.0


class Keeper:
    """Threads beside the loop. Nothing that it does can hold a part up.

    Args:
        loop: The loop.
        built: What the line is made of.
        about: What the health file says besides: the line and its run.
        health_file: Where health is written; `None` for nowhere.
        notify: Tells the system's manager.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        loop: Loop,
        built: Built,
        *,
        about: Mapping[str, str],
        health_file: Path | None,
        notify: Notify | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._built = built
        self._about = dict(about)
        self._file = health_file
        self._notify = notify
        self._clock = clock
        self._is_over = threading.Event()
        self._is_ready = False
        self._state = LineState.STARTING
        self._written_s = float("-inf")
        self._faults: set[str] = set()
        self._looked_s = float("-inf")
        self._held: dict[str, Any] | None = None
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._reader = threading.Thread(target=self._read_recipes, name="recipes", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._reader.start()

    def ready(self) -> None:
        """Parts can come."""
        self._is_ready = True
        if self._notify is not None:
            self._notify.ready()

    def stopping(self) -> None:
        """The line was told to stop."""
        if self._notify is not None:
            self._notify.stopping()

    def stop(self) -> None:
        """The line has ended."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(_WRITE_S)
        self._state = LineState.STOPPING

    @property
    def alarms(self) -> list[str]:
        """What is wrong now, a sentence each."""
        plant = self._built.parts.plant
        devices = [
            f"device {row.name} is {row.health}: {row.detail}"
            if row.detail
            else f"device {row.name} is {row.health}"
            for row in self._built.parts.devices()
            if row.health != "healthy" or row.detail
        ]
        cameras = [
            f"camera {name}: {wrong}"
            for name, station in self._built.cameras.items()
            for wrong in (station.away, station.unset)
            if wrong
        ]
        return [*devices, *cameras, *(() if plant is None else plant.alarms), *self._ejector_alarms]

    @property
    def _ejector_alarms(self) -> list[str]:
        ejector = self._built.parts.ejector
        return [ejector.trouble] if ejector is not None and ejector.trouble else []

    def health(self) -> dict[str, Any]:
        """What is written into the health file."""
        statistics = self._loop.statistics().to_dict()
        return {
            **self._about,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "state": str(self._state),
            "alarms": self.alarms,
            "loop_age_s": round(self._clock() - self._loop.beat_s, 3),
            "cameras": {name: _camera(station) for name, station in self._built.cameras.items()},
            "links": [{"kind": kind, "away": away} for kind, away in self._links()],
            "outbox": self._outbox(),
            **{name: value for name, value in statistics.items() if name not in {"events", "truth"}},
            "events": statistics["events"][-20:],
        }

    def _links(self) -> tuple[tuple[str, str], ...]:
        plant = self._built.parts.plant
        return () if plant is None else plant.standing

    def _outbox(self) -> dict[str, Any] | None:
        """What waits for the outputs; `None` without any. It is read from disk, so not too often."""
        outbox, now_s = self._built.outbox, self._clock()
        if outbox is not None and now_s - self._looked_s >= _WRITE_S:
            self._looked_s = now_s
            try:
                held = outbox.statistics()
            except OutputError as fault:
                self._held = {"fault": str(fault)}
                return self._held
            waiting = {name: sink.waiting for name, sink in held.sinks.items()}
            faults = {name: sink.fault for name, sink in held.sinks.items() if sink.fault}
            aside = sum(sink.aside for sink in held.sinks.values())
            self._held = {
                "rows": held.rows,
                "bytes": held.bytes,
                "dropped": held.dropped,
                "aside": aside,
                "waiting": waiting,
                "faults": faults,
            }
        return self._held

    def write(self) -> None:
        """Write the health file, whole or not at all."""
        if self._file is None:
            return
        file = self._file

        def written() -> None:
            with replacing(file) as temporary:
                temporary.write_text(json.dumps(self.health(), indent=1) + "\n", encoding="utf-8")

        self._guard("health.unwritten", written)

    def _work(self) -> None:
        while not self._is_over.wait(_LOOK_S):
            now_s = self._clock()
            self._guard("line.keeper", self._look)
            if now_s - self._written_s >= _WRITE_S:
                self._written_s = now_s
                self.write()

    def _read_recipes(self) -> None:
        """Look for changed recipes in a thread of its own: a new model takes its time to open, and the watchdog does not wait."""
        while not self._is_over.wait(_WRITE_S):
            self._guard("recipe.refresh", self._refresh_recipes)

    def _refresh_recipes(self) -> None:
        if self._built.models.refresh():
            self._built.parts.inbox.put(ProductsChanged())

    def _look(self) -> None:
        is_alive = self._clock() - self._loop.beat_s < _HUNG_S
        if self._notify is not None and is_alive:
            self._notify.alive()
        if not self._is_ready:
            return
        state = self._judge_state()
        if state is not self._state:
            self._state = state
            self._built.parts.inbox.put(Say(state))

    def _judge_state(self) -> LineState:
        """What may be expected of the line."""
        if self._loop.is_stopping:
            return LineState.STOPPING
        has_lost = any(station.away for station in self._built.cameras.values())
        is_ill = has_lost or self._ejector_alarms or self._built.parts.absence() is not None
        return LineState.FAULT if is_ill else LineState.READY

    def _guard(self, code: str, work: Callable[[], None]) -> None:
        """Do something that may fail; it is told once, until it works again."""
        outcome = attempt("looking after the line", work)
        if not isinstance(outcome, Fault):
            self._faults.discard(code)
        elif code not in self._faults:
            self._faults.add(code)
            self._built.parts.board.post(code, outcome.sentence)


def _camera(station: Any) -> dict[str, Any]:
    done = station.statistics()
    return {
        "state": str(done.state),
        "away": station.away,
        "age_s": None if done.age_s is None else round(done.age_s, 2),
        "frames": done.frames,
        "fps": round(done.fps, 2),
        "missed": done.missed,
        "dropped": done.camera.dropped,
        "clock": done.camera.clock,
        "clock_offset_s": done.camera.clock_offset_s,
    }
