"""Addresses of cameras: what is shown of them, and where their secrets come from."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.capture.address import masked, with_secrets
from lineside.capture.camera import CameraSettings, open_camera
from lineside.core.errors import SettingsError, UnknownNameError

SECRET = st.text(string.printable, min_size=1).map(lambda text: "Zq7" + text + "q7Z")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://cam/belt", "rtsp://cam/belt"),
        ("rtsp://op:pw@cam:554/belt", "rtsp://***@cam:554/belt"),
        ("http://cam/video?user=op&pwd=pw&size=2", "http://cam/video?user=***&pwd=***&size=2"),
        ("rtsp://op:p@s/s@cam/x", "rtsp://***@cam/x"),
        ("usb:0", "usb:0"),
    ],
)
def test_what_opens_the_door_is_not_shown(address, shown):
    assert masked(address) == shown


@given(SECRET)
def test_no_password_is_ever_shown(secret):
    shown = masked(f"rtsp://op:{secret}@cam/belt")
    assert secret not in shown
    assert "Zq7" not in shown


def test_a_secret_comes_from_the_environment_encoded_for_a_url():
    assert with_secrets("rtsp://op:${PW}@cam", {"PW": "a@b/c"}) == "rtsp://op:a%40b%2Fc@cam"


def test_a_variable_that_is_not_set_is_refused_by_name():
    with pytest.raises(SettingsError, match="PW"):
        with_secrets("rtsp://op:${PW}@cam", {})


def test_a_misspelt_scheme_does_not_show_the_password():
    with pytest.raises(UnknownNameError, match="rtsp") as refused:
        open_camera(CameraSettings("top", "rstp://op:s3cret@cam/belt"))
    assert "s3cret" not in str(refused.value)
