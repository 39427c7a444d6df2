"""The webhook sink against a receiver that is away, slow, overloaded, hostile, or does not like what it gets."""

from __future__ import annotations

import base64
import hashlib
import socketserver
import threading
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from lineside.core.errors import OutputError, RefusedParcelError, SettingsError
from lineside.core.verdict import Verdict
from lineside.outputs.outbox.durable import DurableOutbox
from lineside.outputs.outbox.settings import OutboxSettings
from lineside.outputs.parcel import open_sink
from parcels import inspection, parcel
from peers import until
from receivers import HttpReceiver

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()


@pytest.fixture
def receiver():
    opened = HttpReceiver()
    yield opened
    opened.close()


@pytest.fixture
def sink(receiver, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    opened = open_sink(
        {"kind": "webhook", "url": receiver.url, "secret_env": "HOOK_SECRET", "timeout_s": 0.5}
    )
    yield opened
    opened.close()


def test_the_receiver_can_check_the_signature(sink, receiver, tmp_path):
    sink.emit(parcel(tmp_path, 5))
    _, headers, body = receiver.got[0]
    assert Webhook(SECRET).verify(body, headers)["part"] == 5
    assert headers["webhook-id"] == "caps/r1/5"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"FAIL", b"PASS"), headers)


@pytest.mark.parametrize("status", [400, 410, 413, 415, 422])
def test_what_the_receiver_calls_malformed_is_refused_for_good(sink, receiver, tmp_path, status):
    receiver.statuses, receiver.says = [status], "part: unknown"
    with pytest.raises(RefusedParcelError, match=f"{status}: part: unknown"):
        sink.emit(parcel(tmp_path))


@pytest.mark.parametrize("status", [0, 401, 403, 404, 408, 429, 500, 503])
def test_what_a_person_or_time_can_mend_is_tried_again(sink, receiver, tmp_path, status):
    receiver.statuses = [status]
    with pytest.raises(OutputError) as caught:
        sink.emit(parcel(tmp_path))
    assert not isinstance(caught.value, RefusedParcelError)
    sink.emit(parcel(tmp_path))
    assert len(receiver.got) == 1


def test_a_receiver_that_does_not_answer_is_given_up_after_the_time(sink, receiver, tmp_path):
    receiver.statuses = [-1]
    started = time.monotonic()
    with pytest.raises(OutputError, match="Timeout"):
        sink.emit(parcel(tmp_path))
    assert time.monotonic() - started < 5


def test_results_go_to_no_other_host(sink, receiver, tmp_path):
    other = HttpReceiver()
    receiver.statuses, receiver.headers = [307], {"location": f"http://localhost:{other.port}/x"}
    with pytest.raises(OutputError, match="host of the settings alone"):
        sink.emit(parcel(tmp_path))
    assert not other.got
    other.close()


def test_another_path_of_the_same_host_is_followed_with_the_post(sink, receiver, tmp_path):
    receiver.statuses, receiver.headers = [308, 200], {"location": "/v2/results"}
    sink.emit(parcel(tmp_path))
    assert [path for path, _, _ in receiver.got] == ["/v2/results"]
    receiver.statuses = [307] * 10
    with pytest.raises(OutputError, match="3 times"):
        sink.emit(parcel(tmp_path))


def test_an_answer_that_turns_a_post_into_a_get_is_not_followed(sink, receiver, tmp_path):
    receiver.statuses, receiver.headers = [302], {"location": "/elsewhere"}
    with pytest.raises(OutputError, match="302"):
        sink.emit(parcel(tmp_path))


def test_a_long_answer_is_not_read(sink, receiver, tmp_path):
    receiver.statuses, receiver.says = [500], "x" * 50_000_000
    with pytest.raises(OutputError) as caught:
        sink.emit(parcel(tmp_path))
    assert len(str(caught.value)) < 400


def test_a_receiver_that_took_the_result_and_breaks_off_its_answer_gets_it_once(tmp_path):
    """It promises a long answer and hangs up in the middle of it."""
    taken = []

    class Breaks(socketserver.StreamRequestHandler):
        def handle(self):
            length = 0
            while (line := self.rfile.readline()) not in {b"\r\n", b""}:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            taken.append(self.rfile.read(length))
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nthank you")

    with socketserver.TCPServer(("127.0.0.1", 0), Breaks) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        sink = open_sink({"kind": "webhook", "url": f"http://127.0.0.1:{server.server_address[1]}/"})
        sink.emit(parcel(tmp_path))
        sink.close()
        server.shutdown()
        thread.join()
    assert len(taken) == 1


def test_pictures_go_along_while_the_body_stays_small_enough(receiver, tmp_path):
    one = parcel(tmp_path, 1)
    size = one.pictures[0].path.stat().st_size * 4 // 3
    settings = {
        "kind": "webhook",
        "url": receiver.url,
        "pictures": "all",
        "max_body_bytes": 1500 + size * 3 // 2,
    }
    sink = open_sink(settings)
    sink.emit(one)
    sink.close()
    pictures = receiver.records[0]["pictures"]
    assert [each["name"] for each in pictures] == ["top", "top-annotated"]
    assert hashlib.sha256(base64.b64decode(pictures[0]["data"])).hexdigest() == pictures[0]["sha256"]
    assert "data" not in pictures[1]
    tiny = open_sink(settings | {"max_body_bytes": 1000, "pictures": "none"})
    with pytest.raises(RefusedParcelError, match="max_body_bytes"):
        tiny.emit(parcel(tmp_path, detail="x" * 1000))
    tiny.close()


def test_a_certificate_of_nobody_is_not_trusted(tmp_path):
    from receivers import certificates

    certificates(tmp_path)
    receiver = HttpReceiver()
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "broker.pem", tmp_path / "broker.key")
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    url = f"https://127.0.0.1:{receiver.port}/"
    stranger = open_sink({"kind": "webhook", "url": url})
    with pytest.raises(OutputError, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.emit(parcel(tmp_path))
    friend = open_sink({"kind": "webhook", "url": url, "ca_file": str(tmp_path / "ca.pem")})
    friend.emit(parcel(tmp_path))
    assert len(receiver.got) == 1
    friend.close()
    stranger.close()
    receiver.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "ftp://x/"}, "url: expected a URL of http"),
        ({"url": "http://user:pass@x/"}, "without a password"),
        ({"url": "http://x/", "secret_env": "BAD_SECRET"}, "in base64"),
        ({"url": "http://x/", "ca_file": "/no/such.pem"}, "ca_file"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words, monkeypatch):
    monkeypatch.setenv("BAD_SECRET", "no base64 at all!")
    with pytest.raises(SettingsError, match=words) as caught:
        open_sink({"kind": "webhook", **settings})
    assert "no base64 at all" not in str(caught.value)


def test_a_receiver_that_goes_and_comes_back_gets_everything_once_by_its_keys(receiver, tmp_path):
    receiver.statuses = [200, 500, 0, 503, 200, 429, 422]
    settings = OutboxSettings(first_pause_s=0.01, longest_pause_s=0.02)
    hooks = {"hook": {"kind": "webhook", "url": receiver.url}}
    with DurableOutbox(tmp_path / "box", hooks, line="caps", run="r1", settings=settings) as outbox:
        for part in range(20):
            outbox.offer(inspection(part, Verdict.PASS))
        assert until(lambda: len(receiver.got) == 19)
        assert until(lambda: outbox.statistics().sinks["hook"].sent == 19)
        assert outbox.statistics().sinks["hook"].aside == 1
    assert [record["part"] for record in receiver.records] == sorted(
        record["part"] for record in receiver.records
    )
