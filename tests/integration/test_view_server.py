"""A view in browsers, over real sockets: several, slow ones, foreign ones, and cameras that go away meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest

from lineside.core.errors import OutputError
from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.core.inspection import View
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.view.place import Address
from lineside.outputs.view.scene import Scene
from lineside.outputs.view.server import ServerView
from peers import program
from viewers import (
    BLUE,
    SIZE,
    Browser,
    connection,
    decoded,
    get,
    lost,
    middle,
    part,
    port_of,
    settings,
    state,
    until,
    view,
    watched,
)


@pytest.fixture
def opened():
    servers = []

    def make(*views, host="127.0.0.1", note=lambda *_: None, stuck_s=5.0, how=None, **about):
        scene = Scene(watched(*views, **about), clock=time.monotonic, old_s=5.0)
        servers.append(ServerView(Address(host, 0), scene, how or settings(), note=note, stuck_s=stuck_s))
        return servers[-1]

    yield make
    for server in servers:
        server.close()
    assert not [t.name for t in threading.enumerate() if t.name in {"view", "view-server", "viewer"}]


def is_blue(data):
    return bool(np.abs(middle(data) - BLUE).max() < 25)


def is_grey(data):
    return bool(np.ptp(middle(data)) < 12)


def test_a_browser_sees_each_new_part(opened):
    server = opened()
    server.show(part(0))
    with connection(server, "/stream/top.mjpg") as one:
        browser = Browser(one)
        browser.until(is_blue)
        server.show(part(1, view(colour=(20, 200, 40))))
        browser.until(lambda data: np.abs(middle(data) - (20, 200, 40)).max() < 25)


def test_two_viewers_see_the_same_and_one_that_leaves_takes_nothing_away(opened):
    server = opened("top", "side")
    server.show(part(0, view("top"), view("side", colour=(20, 200, 40))))
    with connection(server, "/stream/top.mjpg") as first, connection(server, "/stream/side.mjpg") as second:
        one, other = Browser(first), Browser(second)
        one.until(is_blue)
        other.until(lambda data: np.abs(middle(data) - (20, 200, 40)).max() < 25)
        assert state(server)["view"]["viewers"] == 2
        first.shutdown(socket.SHUT_RDWR)
        until(lambda: state(server)["view"]["viewers"] == 1)
        assert other.picture()


def test_nothing_is_drawn_while_nobody_looks(opened):
    drawn = []
    server = opened(outlines=lambda _view, _product: drawn.append(1) or ())
    for number in range(50):
        server.show(part(number))
    time.sleep(0.7)  # longer than the period in which a watched picture is drawn again
    assert drawn == []
    assert get(server, "/snapshot/top.jpg")[0] == 200
    assert len(drawn) == 1
    time.sleep(0.7)
    assert len(drawn) == 1


def test_a_picture_that_cannot_be_drawn_is_said_and_the_next_one_is_drawn(opened):
    faults = [ZeroDivisionError("division by zero")]

    def outlines(_view, _product):
        if faults:
            raise faults.pop()
        return ()

    server = opened(outlines=outlines)
    server.show(part(0))
    said = get(server, "/snapshot/top.jpg")
    server.show(part(0))
    drawn = get(server, "/snapshot/top.jpg")
    assert (said[0], drawn[0]) == (200, 200)
    assert not faults
    assert abs(decoded(said[-1]).mean() - decoded(drawn[-1]).mean()) > 1, (
        "a sentence stood in the picture's place"
    )


def test_the_first_picture_of_a_new_viewer_is_never_that_of_the_last_one(opened):
    server = opened()
    server.show(part(0))
    with connection(server, "/stream/top.mjpg") as one:
        Browser(one).until(is_blue)
    server.show(part(1, view(colour=(20, 200, 40))))
    with connection(server, "/stream/top.mjpg") as one:
        assert not is_blue(Browser(one).picture())


def test_a_camera_that_is_lost_while_one_watches_is_shown_as_lost(opened):
    away = {}
    server = opened(away=away)
    server.show(part(0, verdict=Verdict.PASS))
    with connection(server, "/stream/top.mjpg") as one:
        browser = Browser(one)
        browser.until(is_blue)
        away["top"] = "no picture came for 1.0 s"
        browser.until(is_grey)
        assert all(is_grey(browser.picture()) for _ in range(2))
        server.show(part(1, lost(), verdict=Verdict.UNKNOWN, reason=Reason.NO_FRAME))
        browser.until(lambda data: middle(data).max() < 60)
        away.clear()
        server.show(part(2))
        browser.until(is_blue)


def test_where_no_part_comes_any_more_the_picture_turns_grey_by_itself(opened):
    server = opened()
    server.show(part(0, at_s=time.monotonic() - 4.5))
    with connection(server, "/stream.mjpg") as one:
        browser = Browser(one)
        assert is_blue(browser.picture())
        browser.until(is_grey)


def noisy(number):
    """A part whose picture is some hundred kilobytes as JPEG."""
    size = Size(height=720, width=1280)
    image = np.random.default_rng(number).integers(0, 255, (*size, 3), np.uint8)
    return part(
        number,
        View("top", frame=Frame(image, "top", number), reason=Reason.LATE, detail="late"),
        verdict=Verdict.UNKNOWN,
        reason=Reason.LATE,
    )


def test_a_viewer_who_takes_nothing_is_dropped_and_the_others_go_on(opened):
    server = opened(stuck_s=0.5)
    server.show(noisy(0))
    with (
        connection(server, "/stream/top.mjpg", SO_RCVBUF=4096),
        connection(server, "/stream/top.mjpg") as good,
    ):
        browser = Browser(good)
        for number in range(1, 500):
            server.show(noisy(number % 5))
            assert browser.picture()
            if state(server)["view"]["dropped"] == 1:
                break
        assert state(server)["view"] | {"views": []} == {"views": [], "viewers": 1, "dropped": 1}


def test_a_slow_viewer_misses_pictures_and_no_queue_grows(opened):
    server = opened(stuck_s=60)
    with connection(server, "/stream/top.mjpg", SO_RCVBUF=65536) as one:
        browser = Browser(one)
        for number in range(60):
            server.show(noisy(number % 5))
            time.sleep(0.01)
        server.show(part(99))
        for count in range(20):  # noqa: B007 # it is looked at below
            if is_blue(browser.picture()):
                break
        assert count < 12, "only what is on its way already comes before the newest"


def test_there_are_so_many_viewers_and_no_more(opened):
    server = opened(how=settings(viewers=2))
    server.show(part(0))
    with connection(server, "/stream.mjpg") as first, connection(server, "/stream/top.mjpg") as second:
        Browser(first), Browser(second)
        status, headers, body = get(server, "/stream.mjpg")
        assert status == 503
        assert "2 viewers" in body.decode()
        assert headers["Retry-After"]
        assert get(server, "/snapshot/top.jpg")[0] == 200, "a snapshot takes no viewer's place"


def test_connections_that_say_nothing_do_not_keep_others_out_for_long(opened):
    server = opened(how=settings(viewers=1))
    port = port_of(server)
    with ExitStack() as idle:
        for _ in range(40):
            idle.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert sum(thread.name == "viewer" for thread in threading.enumerate()) < 20
    until(lambda: not server._open)
    assert get(server, "/")[0] == 200


def test_a_stop_lets_viewers_go_at_once(opened):
    server = opened()
    server.show(part(0))
    with (
        connection(server, "/stream/top.mjpg") as one,
        connection(server, "/stream/top.mjpg", SO_RCVBUF=4096),
    ):
        browser = Browser(one)
        browser.picture()
        begun_s = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - begun_s < 5
        while browser._file.read(65536):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(server)))


def test_the_pages_name_every_view_and_load_nothing_from_elsewhere(opened):
    server = opened("top/1", "<b>side</b>")
    status, headers, body = get(server, "/")
    page = body.decode()
    assert status == 200
    assert "/camera/top%2F1" in page
    assert "<b>side</b>" not in page
    assert "&lt;b&gt;side&lt;/b&gt;" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "http" not in page.replace("https", "http").partition("<body>")[0].replace("http-equiv", "")
    own = get(server, "/camera/top%2F1")[2].decode()
    assert '"/stream/top%2F1.mjpg"' in own
    assert get(server, "/view.js")[1]["Content-Type"].startswith("text/javascript")
    assert get(server, "/view.css")[0] == 200


def test_a_snapshot_is_of_now(opened):
    server = opened("top/1")
    server.show(part(0, view("top/1")))
    assert is_blue(get(server, "/snapshot/top%2F1.jpg")[2])
    server.show(part(1, view("top/1", colour=(20, 200, 40))))
    assert not is_blue(get(server, "/snapshot/top%2F1.jpg")[2])
    assert decoded(get(server, "/snapshot.jpg")[2]).shape[1] >= SIZE.width


def test_the_state_is_the_lines_health_and_what_each_view_shows(opened):
    server = opened(
        "top",
        "side",
        health=lambda: {"state": "ready", "alarms": ["camera side: away"]},
        away={"side": "away"},
    )
    server.show(part(7, view("top")))
    told = state(server)
    assert told["alarms"] == ["camera side: away"]
    top, side = told["view"]["views"]
    assert (top["part"], top["verdict"], top["counts"]) == (7, "FAIL", {"scratch": 1})
    assert (side["part"], side["away"]) == (None, "away")


def test_health_that_cannot_be_told_is_an_answer_and_no_end(opened):
    def health():
        raise OutputError("outbox: cannot be read")

    server = opened(health=health)
    assert get(server, "/state.json")[0] == 503
    assert get(server, "/")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/../../etc/passwd",
            "/snapshot/..%2f..%2fetc%2fpasswd.jpg",
            "/stream//etc/passwd.mjpg",
            "/camera/",
            "/camera",
        ),
        *("/snapshot/back.jpg", "/snapshot/top", "/camera/top/x", "/favicon.ico", "/%00", "/camera/%ff%fe"),
    ],
)
def test_no_path_leads_anywhere_but_to_a_view(opened, path):
    status, _, body = get(opened(), path)
    assert status == 404
    assert b"root:" not in body


def test_a_page_that_calls_this_machine_by_its_own_name_gets_nothing(opened):
    server = opened()
    for path in ("/", "/state.json", "/snapshot/top.jpg", "/stream.mjpg"):
        assert get(server, path, host="evil.example")[0] == 421
    assert get(server, "/", host="localhost")[0] == 200
    assert get(opened(how=settings(hosts=["line-1.plant"])), "/", host="line-1.plant:80")[0] == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 8200, 431),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_of_ours_is_refused(opened, request_, status):
    assert get(opened(), request_)[0] == status


def test_a_view_that_others_can_reach_is_told(opened):
    notes = []
    opened(host="0.0.0.0", note=lambda code, sentence: notes.append((code, sentence)))
    ((code, sentence),) = notes
    assert code == "view.public"
    assert "everybody" in sentence


def test_a_port_that_is_taken_and_an_address_of_another_machine_are_refused(opened):
    taken = port_of(opened())
    scene = Scene(watched(), clock=time.monotonic, old_s=5.0)
    with pytest.raises(OutputError, match="another program has it"):
        ServerView(Address("127.0.0.1", taken), scene, settings(), note=lambda *_: None)
    with pytest.raises(OutputError, match="cannot be had"):
        ServerView(Address("192.0.2.1", 0), scene, settings(), note=lambda *_: None)


def test_a_real_browser_runs_the_page_and_takes_its_pictures(opened, tmp_path):
    asked = []
    server = opened(health=lambda: asked.append(1) or {"state": "ready"}, stuck_s=60)
    server.show(noisy(0))
    chromium = program("chromium", peer="chromium", paths=("/usr/bin/google-chrome",))
    call = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    call += [
        "--remote-debugging-port=0",
        f"{server.place}camera/top",
    ]  # with a port it stays until it is ended
    with subprocess.Popen(call, stderr=subprocess.DEVNULL, start_new_session=True) as browser:
        try:
            until(lambda: server._rooms._watching == 1, 120)
            for number in range(1, 12):  # far more than what may lie in buffers
                before = server._newest.number("top")
                server.show(noisy(number % 5))
                until(lambda seen=before: server._newest.number("top") > seen, 60)
            until(lambda: len(asked) >= 2, 60)
            assert server._rooms.dropped == 0
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
