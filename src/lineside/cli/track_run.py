"""One pass over a stream: each frame is looked at, followed, counted, written and drawn as it comes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import typer

from lineside.cli.drawings import Drawings, open_folder
from lineside.cli.progress import progress
from lineside.cli.track_drawing import Canvas
from lineside.cli.track_report import Roster, Rows
from lineside.core.errors import SourceError
from lineside.core.frame import Frame

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.capture.sources import FrameSource
    from lineside.cli.track_report import Form
    from lineside.detector.detector import Detector, Timings
    from lineside.detector.slicing import SlicedDetector
    from lineside.detector.thresholds import Thresholds
    from lineside.tracking.counting import LineCounter, ZoneCounter
    from lineside.tracking.tracker import Tracker
    from lineside.tracking.tracks import Tracks


@dataclass(slots=True)
class TrackRun:
    """What is looked at, how, and what came of it."""

    detector: Detector | SlicedDetector
    settings: Thresholds
    source: FrameSource
    tracker: Tracker
    lines: list[LineCounter]
    zones: list[ZoneCounter]
    frames: int = 0
    failed: int = 0
    roster: Roster = field(default_factory=Roster)
    timings: list[Timings] = field(default_factory=list)

    @property
    def fps(self) -> float | None:
        """Frames per second of the stream, where it has such a rate."""
        return getattr(self.source, "fps", None)

    def all(self, form: Form, save: Path | None) -> None:
        """Follow the stream to its end.

        Raises:
            SourceError: Each of its pictures shows another part, so that there is nothing to follow.
        """
        with ExitStack() as stack:
            advance = stack.enter_context(progress("tracking", self.source.count))
            rows = stack.enter_context(Rows.opened(form))
            drawings = Drawings(stack, open_folder(save, [self.source]), self.source)
            canvas = Canvas(self.lines, self.zones)
            for outcome in self.source:
                self.frames += 1
                if isinstance(outcome, Frame):
                    tracks = self._follow(outcome)
                    rows.write(outcome, tracks)
                    drawings.write(outcome, partial(canvas.draw, outcome.image, tracks))
                else:
                    self.failed += 1
                    typer.echo(f"error: {outcome.error} [{outcome.error.code}]", err=True)
                    rows.write_error(outcome.stream, outcome.sequence, outcome.error)
                advance()

    def _follow(self, frame: Frame) -> Tracks:
        if frame.part is not None:
            raise SourceError(
                f"{frame.stream}: each of its pictures shows another part, so nothing moves from one to the next. "
                "Expected a video, or a folder of its frames."
            )
        found, timing = self.detector.timed(frame.image, self.settings)
        tracks = self.tracker.update(found, sequence=frame.sequence)
        self.timings.append(timing)
        for line in self.lines:
            line.update(tracks)
        for zone in self.zones:
            zone.update(tracks)
        self.roster.update(tracks)
        return tracks
