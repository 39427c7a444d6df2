"""What of a line's triggers does not fit together: cameras, the plant's control, and the times of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.capture.camera import TriggerMode
from lineside.core.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineside.line.settings.document import LineDocument

    Faults = Iterator[tuple[str, str]]


def trigger_faults(document: LineDocument, grace_s: float) -> Faults:
    """The keys that are wrong, each with a sentence, the first first.

    Args:
        document: What was read; every key is sound by itself.
        grace_s: So long after its window something may still come for a part.
    """
    yield from _of_cameras(document)
    yield from _of_line(document)
    yield from _of_pairing(document, grace_s)


def _of_cameras(document: LineDocument) -> Faults:
    seen: set[str] = set()
    first = document.camera[0].trigger
    by_themselves = {camera.trigger for camera in document.camera} <= {TriggerMode.FREE, TriggerMode.HARDWARE}
    for number, camera in enumerate(document.camera):
        key = f"camera[{number}]"
        if camera.id in seen:
            yield f"{key}.id", f'another camera is called "{camera.id}"; expected a name of its own'
        seen.add(camera.id)
        if camera.delivery is Delivery.LATEST and camera.trigger is not TriggerMode.FREE:
            yield (
                f"{key}.delivery",
                f'expected "every_part", because each picture of a camera with trigger "{camera.trigger}" is a part\'s',
            )
        if camera.delivery is not document.camera[0].delivery:
            yield (
                f"{key}.delivery",
                f'expected "{document.camera[0].delivery}" as of camera[0], because a part whose pictures are passed over by one camera has none of the others',
            )
        if camera.trigger is not first and not by_themselves:
            yield (
                f"{key}.trigger",
                f'expected "{first}" as of camera[0], because one thing makes parts come; got "{camera.trigger}"',
            )


def _of_line(document: LineDocument) -> Faults:
    trigger = document.camera[0].trigger
    if trigger is TriggerMode.SOFTWARE and document.line.parts_per_minute is None:
        yield (
            "line.parts_per_minute",
            'this key is missing; cameras with trigger "software" are triggered at this rate',
        )
    if trigger is TriggerMode.PLC and not document.plant:
        yield (
            "plant",
            'this table is missing; cameras with trigger "plc" are triggered by a plant\'s control',
        )


def _of_pairing(document: LineDocument, grace_s: float) -> Faults:
    line = document.line
    if line.pair_ms is None:
        if line.pair_lag_ms:
            yield "line.pair_lag_ms", "expected pair_ms beside it, whose window it shifts"
        return
    for number, camera in enumerate(document.camera):
        if camera.trigger is not TriggerMode.HARDWARE:
            yield (
                "line.pair_ms",
                f'expected cameras with trigger "hardware", whose parts the plant\'s control names; camera[{number}] has "{camera.trigger}"',
            )
    if not document.plant:
        yield "plant", "this table is missing; with line.pair_ms a plant's control names each part"
    needs_ms = line.pair_ms + grace_s * 1e3 + max(-line.pair_lag_ms, 0.0)
    if needs_ms >= line.deadline_ms:
        sentence = (
            "expected pair_ms, grace_ms (half of the deadline unless set) and a lag below 0 to end before the deadline, "
            f"{line.deadline_ms:g} ms after the trigger; together they take {needs_ms:g} ms"
        )
        yield "line.pair_ms", sentence
