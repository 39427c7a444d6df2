"""Features of the cameras that a recipe asks for: set between two parts, proven of each picture, and gone with the product."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import genicam_rigs
from lineside.capture.camera import open_camera
from lineside.core.errors import SettingsError, SourceError
from lineside.core.verdict import Reason, Verdict
from lineside.line.checking import check
from lineside.line.line import Line
from lineside.line.outside import Outside
from lineside.line.settings.reading import LineSettings
from lineside.testing.graphs import colour_spots

LINE = """
schema = 1
[line]
name = "caps"
deadline_ms = 5000
{line}
[[camera]]
id = "top"
source = "{source}"
trigger = "{trigger}"
health = {{ enabled = false }}
{more}
[camera.features]
{features}
[recipes]
folder = "recipes"
product = "usual"
[plant]
kind = "modbus_server"
port = 0
"""
RECIPE = """
schema = 1
code = "{code}"
[model]
path = "../spots.onnx"
[[rule]]
kind = "forbid"
min_confidence = 0.999
[camera.top]
features = {{ {features} }}
[end]
"""
DRAWN = "synthetic:disc?size=160x160&defects=0"


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LINESIDE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def written(tmp_path):
    (tmp_path / "spots.onnx").write_bytes(colour_spots().SerializeToString())
    (tmp_path / "recipes").mkdir()

    def write(recipes, *, source=DRAWN, trigger="plc", features="ExposureTime = 500.0", line="", more=""):
        for code, own in recipes.items():
            (tmp_path / "recipes" / f"{code}.toml").write_text(RECIPE.format(code=code, features=own))
        text = LINE.format(source=source, trigger=trigger, features=features, line=line, more=more)
        (tmp_path / "line.toml").write_text(text)
        return LineSettings.read(tmp_path / "line.toml")

    return write


class Control:
    """A line that runs, and the plant's control beside it."""

    def __init__(self, settings, **how):
        pytest.importorskip("pymodbus", reason="the extra modbus is not installed")
        self.line, self.answers, self.events = Line(settings, **how), [], []
        self.line.board.listen(lambda code, sentence: self.events.append((code, sentence)))
        self.line.hear(self.answers.append)

    def __enter__(self):
        from lineside.testing.plc.modbus import ModbusClientPlc
        from lineside.testing.plc.simulator import PlcSimulator

        self._pool = ThreadPoolExecutor(1)
        is_ready = threading.Event()
        self._run = self._pool.submit(self.line.run, ready=is_ready.set)
        while not is_ready.wait(0.05):
            assert not self._run.done(), self._run.exception()
        self._peer = ModbusClientPlc()
        self._peer.attach(self.line._built.parts.plant._links[0])
        self._plc, self._parts = PlcSimulator(self._peer), 0
        return self

    def __exit__(self, *_):
        self.line.stop()
        self._run.result(60)
        self._peer.close()
        self._pool.shutdown()

    def part(self, product=""):
        """The answer to a part of a product."""
        self._parts += 1
        self._plc.part(self._parts, product=product)
        self.until(lambda: len(self.answers) == self._parts)
        return self.answers[-1]

    def until(self, condition):
        until_s = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until_s, self.events
            time.sleep(0.01)


def level(answer):
    return float(answer.views[0].frame.image.mean())


def test_each_part_is_seen_with_the_features_of_its_own_product_and_they_go_with_it(written):
    settings = written({"usual": "", "bright": "ExposureTime = 1000.0", "dark": "ExposureTime = 250.0"})
    with Control(settings) as control:
        codes = ("usual", "bright", "usual", "dark", "bright", "bright", "")
        answers = [control.part(code) for code in codes]
    assert {a.verdict for a in answers} == {Verdict.PASS}
    usual = level(answers[0])
    shares = [round(level(a) / usual, 1) for a in answers]
    assert shares == [1.0, 2.0, 1.0, 0.5, 2.0, 2.0, 1.0]
    assert (
        Counter(code for code, _ in control.events)["camera.configured"] == 5
    )  # at first, and at each change


class Stubborn:
    """The drawn camera, which may refuse features, take long over them, or be lost over them."""

    def __init__(self):
        self.refuses, self.hangs, self.away = False, None, 0
        self.opened = []

    def __call__(self, settings):
        camera = open_camera(settings)
        self.opened.append(dict(settings.features))
        configure = camera.configure

        def configured(features):
            if self.away:
                self.away -= 1
                raise SourceError("unplugged")
            if self.hangs is not None:
                self.hangs.wait(60)
            if self.refuses and features["ExposureTime"] > 600:
                raise SettingsError("ExposureTime: expected less")
            configure(features)

        camera.configure = configured
        return camera


def test_parts_are_unknown_while_the_camera_refuses_what_their_product_needs_and_the_others_are_judged(
    written,
):
    camera = Stubborn()
    settings = written({"usual": "", "bright": "ExposureTime = 1000.0"})
    with Control(settings, outside=Outside(camera=camera)) as control:
        assert control.part("usual").verdict is Verdict.PASS
        camera.refuses = True
        refused = control.part("bright")
        assert refused.verdict is Verdict.UNKNOWN
        # The latter where the camera, which has nobody knows what features now, is being opened again already.
        assert refused.reason in {Reason.CAMERA_UNSET, Reason.NO_FRAME}
        control.until(lambda: any("expected less" in alarm for alarm in control.line.health()["alarms"]))
        control.until(
            lambda: len(camera.opened) == 2 and control.line.health()["cameras"]["top"]["state"] == "open"
        )
        again = control.part("bright")
        assert (again.verdict, again.reason) == (Verdict.UNKNOWN, Reason.CAMERA_UNSET)
        assert "this product's features" in again.detail
        assert control.part("usual").verdict is Verdict.PASS
        assert not [alarm for alarm in control.line.health()["alarms"] if "top" in alarm]
    assert camera.opened == [{"ExposureTime": 500.0}] * 2


def test_a_part_whose_camera_takes_too_long_over_its_features_is_unknown_and_the_next_is_judged(written):
    camera = Stubborn()
    settings = written({"usual": "", "bright": "ExposureTime = 1000.0"}, more="timeout_s = 30")
    with Control(settings, outside=Outside(camera=camera)) as control:
        usual = level(control.part("usual"))
        camera.hangs = threading.Event()
        threading.Timer(1.0, camera.hangs.set).start()
        late = control.part("bright")
        assert (late.verdict, late.reason) == (Verdict.UNKNOWN, Reason.CAMERA_UNSET)
        right = control.part("bright")
        assert right.verdict is Verdict.PASS
        assert level(right) > 1.8 * usual


def test_a_camera_that_comes_back_has_the_features_of_the_product_that_is_current_then(written):
    camera = Stubborn()
    settings = written({"usual": "", "bright": "ExposureTime = 1000.0"})
    with Control(settings, outside=Outside(camera=camera)) as control:
        usual = level(control.part("usual"))
        camera.away = 1
        assert control.part("bright").verdict is Verdict.UNKNOWN
        control.until(lambda: sum(code == "camera.configured" for code, _ in control.events) == 1)
        right = control.part("bright")
        assert right.verdict is Verdict.PASS
        assert level(right) > 1.8 * usual


def test_a_recipe_that_changes_its_features_while_the_line_runs_is_followed(written, tmp_path):
    settings = written({"usual": ""})
    with Control(settings) as control:
        usual = level(control.part())
        new = RECIPE.format(code="usual", features="ExposureTime = 1000.0")
        (tmp_path / "recipes" / "usual.toml").write_text(new)
        control.until(lambda: "camera.configured" in {code for code, _ in control.events})
        assert level(control.part()) > 1.8 * usual


def test_no_picture_of_a_running_camera_is_judged_by_the_recipe_of_other_features(written, tmp_path):
    settings = written({"usual": ""}, trigger="free", more="fps = 20")
    with Control(settings) as control:
        control.until(lambda: len(control.answers) > 5)
        new = RECIPE.format(code="usual", features="ExposureTime = 1000.0")
        (tmp_path / "recipes" / "usual.toml").write_text(new)
        control.until(lambda: "camera.configured" in {code for code, _ in control.events})
        done = len(control.answers)
        control.until(lambda: len(control.answers) > done + 10)
    judged = [
        (a.views[0].frame.setting, round(level(a))) for a in control.answers if a.verdict is Verdict.PASS
    ]
    unset = [a for a in control.answers if a.verdict is not Verdict.PASS]
    levels = {setting: {lev for s, lev in judged if s == setting} for setting in {s for s, _ in judged}}
    assert len(levels) == 2
    low, high = sorted(levels.values(), key=min)
    assert min(high) > 1.2 * max(low)  # parts differ, too
    assert {a.reason for a in unset} <= {Reason.CAMERA_UNSET, Reason.STOPPING}


WRONG = {
    "another kind": ("ExposureTime = 1000.0", {"source": "video:belt.mp4", "trigger": "plc", "features": ""}, "takes features only when it is opened"),
    "misspelt": ("Exposuretime = 1000.0", {}, 'did you mean "ExposureTime"'),
    "out of range": ("ExposureTime = 0.0", {}, "camera.top.features: ExposureTime: expected greater than or equal to 1"),
    "nothing to go back to": ("Gain = 3.0", {}, "camera.top.features.Gain: expected a value in line.toml, too"),
    "an option of the opening": ("buffers = 4", {"source": "gige:1", "features": "buffers = 8"}, "buffers is no such"),
    "its trigger": ("TriggerSource = 'Line2'", {"source": "gige:1", "features": "Width = 8"}, "no TriggerSource"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_features_that_cannot_be_set_are_refused_before_the_start_and_by_check(written, name):
    own, more, sentence = WRONG[name]
    settings = written({"usual": own}, **more)
    with pytest.raises(SettingsError) as caught:
        Line(settings)
    assert sentence in str(caught.value)
    assert "usual.toml" in str(caught.value)
    (told,) = [one for one in check(settings) if one.what == "recipe usual"]
    assert sentence in str(told.error)


def test_emulated_camera_has_another_exposure_and_region_for_each_product(written):
    genicam_rigs.require_pylon()
    usual = "Width = 160\nHeight = 160\nOffsetX = 64\nExposureTime = 1000.0\nPixelFormat = 'Mono8'"
    recipes = {
        "usual": "",
        "small": "Width = 96, Height = 64, OffsetX = 0",
        "long": "ExposureTime = 4000.0",
        "too long": "ExposureTime = 1e9",
    }
    settings = written(recipes, source="pylon:0815-0001", features=usual)
    told = {one.what: one for one in check(settings)}
    assert told["recipe long"].error is None
    assert "recipes/too long.toml: camera.top.features: camera top: ExposureTime: expected a number" in str(
        told["recipe too long"].error
    )
    with Control(settings) as control:
        answers = [control.part(code) for code in ("usual", "small", "long", "usual", "too long", "small")]
    shapes = [None if a.views[0].frame is None else a.views[0].frame.image.shape[:2] for a in answers]
    assert shapes[:4] == [(160, 160), (64, 96), (160, 160), (160, 160)]
    assert [a.verdict for a in answers[:4]] == [Verdict.PASS] * 4
    assert answers[4].reason is Reason.CAMERA_UNSET
    assert answers[5].verdict in {Verdict.PASS, Verdict.UNKNOWN}
    assert shapes[5] in {None, (64, 96)}  # none, where the camera was still being opened anew
    configured = [sentence for code, sentence in control.events if code == "camera.configured"]
    assert "Width = 96" in configured[0]


@pytest.mark.parametrize("engine", ["aravis", "viva"])
def test_a_gige_camera_has_another_region_for_each_product(written, engine):
    if engine == "viva":
        pytest.importorskip("viva_genicam", reason="pip install 'lineside[viva]'")
    with genicam_rigs.fake_gige() as fake:
        usual = (
            f"engine = '{engine}'\nWidth = 160\nHeight = 160\nExposureTimeAbs = 1000.0\nPixelFormat = 'Mono8'"
        )
        recipes = {"usual": "", "small": "Width = 96, Height = 64", "long": "ExposureTimeAbs = 4000.0"}
        settings = written(recipes, source=f"gige:{fake.address}", features=usual)
        with Control(settings) as control:
            answers = [control.part(code) for code in ("usual", "small", "long", "small", "usual")]
    assert [a.views[0].frame.image.shape[:2] for a in answers] == [
        (160, 160),
        (64, 96),
        (160, 160),
        (64, 96),
        (160, 160),
    ]
    assert all(a.reason is not Reason.CAMERA_UNSET for a in answers)


def test_a_producers_camera_that_runs_by_itself_is_set_in_a_pause():
    producer = genicam_rigs.require_gentl()
    from lineside.capture.camera import CameraSettings, Configurable

    camera = open_camera(CameraSettings("top", f"gentl:{producer}#0"))
    try:
        assert isinstance(camera, Configurable)
        before = genicam_rigs.next_frame(camera)
        height = before.image.shape[0]
        camera.configure({"Height": height // 2})
        after = genicam_rigs.next_frame(camera)
    finally:
        camera.close()
    assert after.image.shape[0] == height // 2
