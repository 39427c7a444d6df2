"""Features are set as asked, or refused with what was expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.capture.camera import CameraSettings, TriggerMode
from lineside.capture.cameras.gige import Features
from lineside.capture.genicam.features import set_features
from lineside.capture.genicam.options import options_and_features
from lineside.capture.genicam.triggers import period_s, set_rate, set_trigger, split
from lineside.core.errors import LinesideError, SettingsError, UnknownNameError
from standin_genicam import TableNodes, choice, command, integer, real, switch, triggered_nodes

WHO = "camera top"


def nodes():
    return TableNodes(
        Width=integer(64, 16, 640, 16),
        SensorWidth=integer(640, writable=False),
        ExposureTime=real(100.0, 10, 1e6),
        GainAuto=choice("Off", "Off", "Once", "Continuous"),
        ReverseX=switch(False),
        UserSetLoad=command(),
    )


def test_features_are_set_in_the_order_in_which_they_stand():
    camera = nodes()
    set_features(camera, {"GainAuto": "Once", "Width": 320, "UserSetLoad": True, "ReverseX": True}, WHO)
    assert camera.log == [("GainAuto", "Once"), ("Width", 320), ("UserSetLoad", True), ("ReverseX", True)]


@pytest.mark.parametrize(
    ("features", "text"),
    [
        ({"Widht": 64}, 'Widht: this camera has no such feature, or not with its other settings; did you mean "Width"?'),
        ({"Width": 8}, "Width: expected a whole number from 16 to 640 in steps of 16; got 8"),
        ({"Width": 650}, "from 16 to 640 in steps of 16; got 650"),
        ({"Width": 100}, "in steps of 16; got 100"),
        ({"Width": 64.0}, "expected a whole number from 16 to 640 in steps of 16; got 64"),
        ({"Width": True}, "got true"),
        ({"ExposureTime": 5}, "ExposureTime: expected a number from 10 to 1000000; got 5"),
        ({"ExposureTime": float("nan")}, "got nan"),
        ({"ExposureTime": "long"}, 'got "long"'),
        ({"GainAuto": "Onc"}, 'GainAuto: there is no "Onc"; did you mean "Once"?'),
        ({"GainAuto": 1}, "GainAuto: expected one of its names (Off, Once, Continuous); got 1"),
        ({"ReverseX": 1}, "ReverseX: expected true or false; got 1"),
        ({"UserSetLoad": "yes"}, "UserSetLoad: expected true, which executes it"),
        ({"SensorWidth": 320}, "SensorWidth: it cannot be written now; it is 640"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_does(features, text):
    camera = nodes()
    with pytest.raises(SettingsError) as caught:
        set_features(camera, features, WHO)
    assert str(caught.value).startswith("camera top: ")
    assert text in str(caught.value)
    assert camera.log == []


@given(name=st.sampled_from(["Width", "ExposureTime", "GainAuto", "ReverseX"]), value=st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=8)))  # fmt: skip
def test_a_value_is_set_and_read_back_or_refused_and_never_something_between(name, value):
    camera = nodes()
    before = camera.get(name)
    try:
        set_features(camera, {name: value}, WHO)
    except LinesideError:
        assert camera.get(name) == before
    else:
        assert camera.get(name) == value


def test_asked_is_not_got_is_told():
    camera = nodes()
    camera.rounds_to = {"GainAuto": "Off", "ExposureTime": 80.0}
    with pytest.raises(SettingsError, match='GainAuto: asked for "Once", the camera has "Off" afterwards'):
        set_features(camera, {"GainAuto": "Once"}, WHO)
    with pytest.raises(SettingsError, match="ExposureTime: asked for 100, the camera has 80 afterwards"):
        set_features(camera, {"ExposureTime": 100.0}, WHO)
    camera.rounds_to = {"ExposureTime": 98.4}  # the length of a row
    set_features(camera, {"ExposureTime": 100.0}, WHO)


def test_a_read_only_feature_may_be_asked_to_be_what_it_is():
    set_features(nodes(), {"SensorWidth": 640}, WHO)


def test_free_running_switches_every_trigger_off():
    camera = triggered_nodes()
    camera.modes = {"AcquisitionStart": "On", "FrameStart": "On"}
    set_trigger(camera, TriggerMode.FREE, {}, WHO)
    assert camera.modes == {"AcquisitionStart": "Off", "FrameStart": "Off"}


@pytest.mark.parametrize("mode", [TriggerMode.SOFTWARE, TriggerMode.PLC])
def test_a_software_trigger_is_of_the_frame_and_leaves_no_other_on(mode):
    camera = triggered_nodes()
    camera.modes = {"AcquisitionStart": "On"}
    set_trigger(camera, mode, {}, WHO)
    assert camera.modes == {"AcquisitionStart": "Off", "FrameStart": "On"}
    assert camera.get("TriggerSource") == "Software"


def test_a_wire_is_the_named_one_or_the_first_input():
    camera = triggered_nodes()
    set_trigger(camera, TriggerMode.HARDWARE, {}, WHO)
    assert camera.get("TriggerSource") == "Line1"
    own = {"TriggerSource": "Line0", "TriggerActivation": "FallingEdge"}
    set_trigger(camera, TriggerMode.HARDWARE, own, WHO)
    assert (camera.get("TriggerSource"), camera.get("TriggerActivation")) == ("Line0", "FallingEdge")
    assert camera.modes["FrameStart"] == "On"


def test_a_camera_without_triggers_runs_freely_only():
    camera = nodes()
    set_trigger(camera, TriggerMode.FREE, {}, WHO)
    with pytest.raises(SettingsError, match='cannot be triggered; expected "free", got "hardware"'):
        set_trigger(camera, TriggerMode.HARDWARE, {}, WHO)


@pytest.mark.parametrize(
    ("features", "mode", "text"),
    [
        ({"TriggerMode": "On"}, TriggerMode.FREE, "TriggerMode"),
        ({"TriggerSelector": "FrameStart"}, TriggerMode.HARDWARE, "TriggerSelector"),
        ({"TriggerSource": "Line1"}, TriggerMode.FREE, 'expected trigger = "hardware"; it is "free"'),
        ({"TriggerSource": "Line1"}, TriggerMode.SOFTWARE, 'expected "Software"'),
    ],
)
def test_features_that_contradict_the_trigger_are_refused(features, mode, text):
    with pytest.raises(SettingsError, match=text):
        split(features, mode, WHO)


def test_the_rate_is_switched_on_and_set():
    camera = triggered_nodes()
    set_rate(camera, 50, WHO)
    assert camera.log == [("AcquisitionFrameRateEnable", True), ("AcquisitionFrameRate", 50.0)]
    assert period_s(camera, TriggerMode.FREE) == 0.02
    assert period_s(camera, TriggerMode.HARDWARE) == float("inf")
    assert period_s(nodes(), TriggerMode.FREE) is None
    with pytest.raises(SettingsError, match="fps: this camera has no AcquisitionFrameRate"):
        set_rate(nodes(), 50, WHO)


def asked(**features):
    return options_and_features(Features, CameraSettings("top", "gige:1", features=features))


def test_own_options_are_told_from_features_by_their_first_letter():
    options, features = asked(buffers=4, ExposureTime=100.0, Width=64)
    assert options.buffers == 4
    assert list(features.items()) == [("ExposureTime", 100.0), ("Width", 64)]


@pytest.mark.parametrize(
    ("features", "text"),
    [
        ({"buffer": 4}, "camera top: features: expected options (levels, buffers, "),
        ({"buffer": 4}, '"buffer" is neither; did you mean "buffers"?'),
        ({"buffers": 1}, "buffers: expected greater than or equal to 2; got 1"),
        ({"levels": [1]}, "levels"),
        ({"packet_size": 10}, "packet_size"),
        ({"Width": [1]}, "expected true, false, a number or a text for Width"),
    ],
)
def test_an_option_that_is_not_accepted_is_refused_before_a_device_is_met(features, text):
    with pytest.raises(SettingsError) as caught:
        asked(**features)
    assert text in str(caught.value)


def test_an_unknown_name_is_an_unknown_name():
    with pytest.raises(UnknownNameError):
        set_features(nodes(), {"Nothing": 1}, WHO)
