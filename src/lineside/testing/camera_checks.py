"""What every kind of camera owes those above it: checks that plug-in authors run on their own kind, too.

```python
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_my_kind(check):
    check(Rig(my_kind, "mine:SERIAL"))
```
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.capture.camera import CameraSettings, CameraStatistics, Configurable, TriggerMode, configure
from lineside.core.documents import Table
from lineside.core.errors import LinesideError, SettingsError, SourceError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from lineside.capture.camera import Camera
    from lineside.core.frame import Frame


@dataclass(frozen=True, slots=True)
class Rig:
    """A kind of camera with a device, a file or a server that it works on.

    Attributes:
        kind: The kind's module.
        address: What opens it.
        features: What it is opened with.
        fps: The rate asked for.
        absent: An address of the kind where no camera is; `None` where such cannot be told.
        takes_triggers: Whether lineside can trigger it.
        knows_features: Whether an unknown feature is refused before a device is met.
        changes: Features that an open camera takes between two pictures; none where its kind sets them only at its opening.
        pictures: How many pictures it gives at least.
        patience_s: The longest time to wait for a picture.
    """

    kind: Any
    address: str
    features: Mapping[str, Any] = field(default_factory=dict)
    fps: float | None = None
    absent: str | None = None
    takes_triggers: bool = True
    knows_features: bool = True
    changes: Mapping[str, Any] = field(default_factory=dict)
    pictures: int = 4
    patience_s: float = 10.0

    def settings(self, **other: Any) -> CameraSettings:
        """Settings that open it."""
        return replace(
            CameraSettings("one", self.address, fps=self.fps, features=dict(self.features)), **other
        )

    def open(self, **other: Any) -> AbstractContextManager[Camera]:
        """The open camera, closed at the end."""
        from contextlib import contextmanager

        @contextmanager
        def opened() -> Iterator[Camera]:
            camera: Camera = self.kind.open_camera(self.settings(**other))
            try:
                yield camera
            finally:
                camera.close()

        return opened()

    def next(self, camera: Camera) -> Frame:
        """The camera's next picture.

        Raises:
            AssertionError: None came.
        """
        until_s = time.monotonic() + self.patience_s
        while time.monotonic() < until_s:
            if (frame := camera.read(0.5)) is not None:
                return frame
        raise AssertionError(f"expected a picture within {self.patience_s} s; none came")


def a_kind_says_what_it_is(rig: Rig) -> None:
    """Its file holds `SCHEMES` in lower case, `open_camera`, and, if any, `Features` and `attached` of the right form."""
    schemes = rig.kind.SCHEMES
    assert isinstance(schemes, tuple)
    assert schemes
    assert all(
        isinstance(scheme, str) and scheme == scheme.lower() and ":" not in scheme for scheme in schemes
    )
    assert callable(rig.kind.open_camera)
    assert issubclass(getattr(rig.kind, "Features", Table), Table)
    assert callable(getattr(rig.kind, "attached", list))


def an_unknown_feature_is_refused(rig: Rig) -> None:
    """The refusal names it, and comes before a device is met where the kind knows its features."""
    wrong = rig.settings(features={**rig.features, "no_such_feature": 1})
    refusal = _refusal(lambda: rig.kind.open_camera(wrong), LinesideError)
    assert "no_such_feature" in str(refusal)
    if rig.knows_features:
        assert isinstance(refusal, SettingsError)


def a_camera_that_is_not_there_is_refused(rig: Rig) -> None:
    """With an error that says which camera it was."""
    if rig.absent is not None:
        absent = rig.absent
        refusal = _refusal(lambda: rig.kind.open_camera(rig.settings(address=absent)), LinesideError)
        assert "one" in str(refusal) or absent.partition(":")[2] in str(refusal)


def pictures_are_whole_and_numbered(rig: Rig) -> None:
    """uint8, in one piece, numbered from 0 without gaps, taken after they were asked for, of no part."""
    began_s = time.monotonic()
    with rig.open() as camera:
        frames = [rig.next(camera) for _ in range(rig.pictures)]
        ended_s = time.monotonic()
        given = camera.statistics()
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert frame.image.ndim == 2 or frame.image.shape[2:] == (3,)
        assert frame.image.size > 0
        assert frame.stream == "one"
        assert frame.part is None
        assert frame.captured_s is not None
        assert began_s - 5 <= frame.captured_s <= ended_s
        assert frame.wall_s is not None
    assert [frame.sequence for frame in frames] == list(range(rig.pictures))
    taken = [frame.captured_s or 0.0 for frame in frames]
    assert taken == sorted(taken)
    assert isinstance(given, CameraStatistics)
    assert given.frames == rig.pictures


def pictures_belong_to_their_reader(rig: Rig) -> None:
    """None is written to, and none shares memory with another, whatever is read later."""
    with rig.open() as camera:
        frames, kept = [], []
        for _ in range(rig.pictures):
            frames.append(rig.next(camera))
            kept.append(frames[-1].image.copy())
    for number, frame in enumerate(frames):
        assert np.array_equal(frame.image, kept[number])
        assert not any(np.shares_memory(frame.image, other.image) for other in frames[:number])


def a_read_keeps_its_time(rig: Rig) -> None:
    """A read that only looks comes back at once."""
    with rig.open() as camera:
        rig.next(camera)
        began_s = time.monotonic()
        camera.read(0)
        assert time.monotonic() - began_s < 1.0


def closing_is_final(rig: Rig) -> None:
    """It may be done twice, ends a read of another thread, and a read after it is refused."""
    with rig.open() as camera:
        ended: list[str] = []

        def read_to_the_end() -> None:
            try:
                for _ in range(100_000):
                    camera.read(30)
            except LinesideError as error:
                ended.append(error.code)

        reader = Thread(target=read_to_the_end, daemon=True)
        reader.start()
        camera.close()
        camera.close()
        reader.join(10)
        assert not reader.is_alive(), "expected a read to end when another thread closes the camera"
        assert ended, "expected a read of a closed camera to be refused"
        _refusal(lambda: camera.read(0), SourceError)


def each_trigger_gives_one_picture(rig: Rig) -> None:
    """And none comes without one; a kind that cannot be triggered refuses that."""
    if not rig.takes_triggers:
        refusal = _refusal(lambda: _triggered(rig), LinesideError)
        assert isinstance(refusal, SettingsError | SourceError)
        return
    with rig.open(trigger=TriggerMode.SOFTWARE) as camera:
        assert camera.read(0.1) is None
        for number in range(rig.pictures):
            asked_s = time.monotonic()
            camera.trigger()
            frame = rig.next(camera)
            assert frame.sequence == number
            assert (frame.captured_s or 0) >= asked_s - 0.001
            assert camera.read(0.05) is None


def a_camera_that_runs_by_itself_is_not_triggered(rig: Rig) -> None:
    """It says so."""
    with rig.open() as camera:
        _refusal(camera.trigger, LinesideError)


def features_change_between_two_pictures(rig: Rig) -> None:
    """Pictures go on behind it; a wrong one is refused by its name. A kind that cannot do it says so, and pictures go on, too."""
    with rig.open() as camera:
        rig.next(camera)
        configure(camera, {}, "one")
        if rig.changes:
            configure(camera, rig.changes, "one")
        refusal = _refusal(lambda: configure(camera, {"NoSuchFeature": 1}, "one"), LinesideError)
        assert "NoSuchFeature" in str(refusal)
        assert isinstance(refusal, SettingsError | UnknownNameError)
        assert isinstance(camera, Configurable) == bool(rig.changes)
        assert hasattr(rig.kind, "Settable") == bool(rig.changes)
        rig.next(camera)
    _refusal(lambda: configure(camera, rig.changes or {"NoSuchFeature": 1}, "one"), LinesideError)


def a_picture_above_the_limit_is_refused(rig: Rig) -> None:
    """When the camera is opened, or when it is read; never handed out."""

    def opened_and_read() -> None:
        with rig.open(limit_px=4) as camera:
            rig.next(camera)

    _refusal(opened_and_read, LinesideError)


CHECKS: tuple[Callable[[Rig], None], ...] = (
    a_kind_says_what_it_is,
    an_unknown_feature_is_refused,
    a_camera_that_is_not_there_is_refused,
    pictures_are_whole_and_numbered,
    pictures_belong_to_their_reader,
    a_read_keeps_its_time,
    closing_is_final,
    each_trigger_gives_one_picture,
    a_camera_that_runs_by_itself_is_not_triggered,
    features_change_between_two_pictures,
    a_picture_above_the_limit_is_refused,
)
"""All of them. Each takes a `Rig` and raises `AssertionError` where the kind does not keep its word."""


def _triggered(rig: Rig) -> None:
    with rig.open(trigger=TriggerMode.SOFTWARE) as camera:
        camera.trigger()


def _refusal(work: Callable[[], Any], kind: type[LinesideError]) -> LinesideError:
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"expected a {kind.__name__}; nothing was refused")
