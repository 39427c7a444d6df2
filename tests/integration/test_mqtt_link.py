"""Triggers and answers over a real broker."""

from __future__ import annotations

import json
import queue
import socket
import threading
from contextlib import suppress

import pytest

from lineside.core.errors import OutputError, SettingsError
from lineside.core.verdict import Verdict
from lineside.outputs.plant.link import (
    LineState,
    PlantAnswer,
    PlantNote,
    PlantTrigger,
    ProductChosen,
    TriggerRefused,
    open_link,
)
from peers import until
from receivers import mosquitto

paho = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")


class Cable:
    """The way from the link to the broker, which can be cut without the broker or anybody else noticing."""

    def __init__(self, port):
        self._broker = port
        self._ends: list[socket.socket] = []
        self._carriers: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._broker))
            except OSError:
                near.close()
                continue
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                self._carriers.append(threading.Thread(target=self._carry, args=(one, other), daemon=True))
                self._carriers[-1].start()

    def _carry(self, one, other):
        with suppress(OSError):
            while data := one.recv(4096):
                other.sendall(data)
        with suppress(OSError):  # the end of one side is the end of the other
            other.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Both ends hear that the other is gone. They are closed when no thread uses them: their numbers are the next sockets'."""
        self.is_cut = True
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for carrier in self._carriers:
            carrier.join(5)
        for end in self._ends:
            end.close()
        self._ends, self._carriers = [], []

    def close(self):
        self.cut()
        self._listener.close()


@pytest.fixture
def broker(tmp_path):
    with mosquitto(tmp_path) as running:
        yield running


class Control:
    """The plant's side: publishes triggers, and reads results and the line's state."""

    def __init__(self, port):
        self.results, self.states = queue.Queue(), []
        self.hears = threading.Event()  # the broker has acknowledged that results come to us
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = self.on_message
        self.client.on_connect = lambda c, *_: c.subscribe([("cell/result", 1), ("cell/state", 1)])
        self.client.on_subscribe = lambda *_: self.hears.set()
        self.client.on_disconnect = lambda *_: self.hears.clear()
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def on_message(self, _client, _data, message):
        if message.topic == "cell/state":
            self.states.append(message.payload.decode())
        else:
            self.results.put(json.loads(message.payload))

    def say(self, topic, **table):
        self.client.publish(f"cell/{topic}", json.dumps(table), qos=1).wait_for_publish(10)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def cable(broker):
    between = Cable(broker.port)
    yield between
    between.close()


@pytest.fixture
def cell(broker, cable):
    """A link that is ready and answers at once, and the plant's side of it."""
    link = open_link({"kind": "mqtt", "port": cable.port, "topic": "cell", "answer_timeout_s": 3.0})
    heard = []
    answering = threading.Event()
    answering.set()

    def hear(event):
        heard.append(event)
        if isinstance(event, PlantTrigger) and answering.is_set():
            link.answer(
                PlantAnswer(
                    event.id,
                    len(heard),
                    Verdict.PASS,
                    None,
                    product=event.product or "",
                    serial=event.serial,
                    order=event.order,
                )
            )

    control = Control(broker.port)
    link.start(hear)
    link.tell(LineState.READY)
    until(lambda: "ready" in control.states)
    yield link, control, heard, answering
    link.close()
    control.close()


def test_every_trigger_has_one_result_with_its_number(cell):
    _link, control, _heard, _ = cell
    for number in range(200):
        control.say("trigger", id=number, serial=f"s{number}")
        result = control.results.get(timeout=10)
        assert (result["trigger"], result["verdict"], result["verdict_code"], result["serial"]) == (
            number,
            "PASS",
            1,
            f"s{number}",
        )
    assert control.results.empty()


def test_a_product_holds_until_the_next_and_a_trigger_may_name_its_own(cell):
    _link, control, heard, _ = cell
    control.say("product", product="caps")
    control.say("trigger", id=1)
    assert control.results.get(timeout=10)["product"] == "caps"
    control.say("trigger", id=2, product="discs")
    assert control.results.get(timeout=10)["product"] == "discs"
    assert isinstance(heard[0], ProductChosen)


def test_a_number_that_comes_twice_is_refused_and_told(cell):
    _link, control, heard, _ = cell
    control.say("trigger", id=5)
    control.say("trigger", id=5)
    verdicts = [control.results.get(timeout=10) for _ in range(2)]
    assert [(v["verdict"], v["reason"]) for v in verdicts] == [("PASS", None), ("UNKNOWN", "trigger_missed")]
    until(lambda: any(isinstance(event, TriggerRefused) for event in heard))


def test_a_trigger_while_the_line_is_not_ready_is_answered_unknown(cell):
    link, control, _heard, _ = cell
    link.tell(LineState.FAULT)
    control.say("trigger", id=1)
    assert control.results.get(timeout=10)["reason"] == "trigger_missed"


def test_a_trigger_that_the_line_forgets_is_answered_unknown(cell):
    _link, control, heard, answering = cell
    answering.clear()
    control.say("trigger", id=9)
    result = control.results.get(timeout=10)
    assert (result["trigger"], result["verdict"], result["reason"]) == (9, "UNKNOWN", "internal_fault")
    assert any(isinstance(event, PlantNote) and event.code == "plc.unanswered" for event in heard)


@pytest.mark.parametrize(
    "payload", [b"{", b"[1]", b'{"id": "x"}', b'{"id": -1}', b'{"serial": 5}', b"x" * 5000]
)
def test_garbage_is_noted_and_answered_with_nothing(cell, payload):
    _link, control, heard, _ = cell
    control.client.publish("cell/trigger", payload, qos=1).wait_for_publish(10)
    until(lambda: any(isinstance(event, PlantNote) and event.code == "plc.garbage" for event in heard))
    control.say("trigger", id=1)
    assert control.results.get(timeout=10)["trigger"] == 1


def test_a_way_that_is_cut_is_told_and_what_was_answered_meanwhile_arrives(cell, cable):
    link, control, heard, answering = cell
    answering.clear()
    control.say("trigger", id=3)
    until(lambda: any(isinstance(event, PlantTrigger) for event in heard))
    cable.cut()
    until(lambda: any(isinstance(event, PlantNote) and event.code == "plc.lost" for event in heard))
    order = next(event.order for event in heard if isinstance(event, PlantTrigger))
    with pytest.raises(OutputError, match="sent when the broker is back"):
        link.answer(PlantAnswer(3, 1, Verdict.FAIL, None, order=order))
    cable.is_cut = False
    assert control.results.get(timeout=20)["verdict"] == "FAIL"
    until(lambda: any(isinstance(event, PlantNote) and event.code == "plc.back" for event in heard))
    with pytest.raises(OutputError, match="does not wait"):
        link.answer(PlantAnswer(3, 1, Verdict.PASS, None, order=order))


def test_a_broker_that_is_killed_and_started_again_is_told_and_used(cell, broker):
    _link, control, heard, _ = cell
    broker.kill()
    until(lambda: any(isinstance(event, PlantNote) and event.code == "plc.lost" for event in heard))
    broker.start()
    until(lambda: any(isinstance(event, PlantNote) and event.code == "plc.back" for event in heard))
    assert control.hears.wait(20)
    control.say("trigger", id=4)
    assert control.results.get(timeout=10)["trigger"] == 4


def test_a_line_that_may_not_hear_triggers_is_not_ready_and_is_when_it_may(tmp_path):
    """A broker that lets us connect and refuses what we ask to hear: nobody's trigger would ever come."""
    with mosquitto(tmp_path, may_hear=("cell/state", "cell/result")) as broker:
        heard = []
        link = open_link({"kind": "mqtt", "port": broker.port, "topic": "cell", "timeout_s": 0.5})
        control = Control(broker.port)
        assert control.hears.wait(20)
        link.start(heard.append)
        link.tell(LineState.READY)
        until(lambda: heard, "a note")
        assert heard[0].code == "plc.lost"
        assert "does not let us hear cell/trigger" in heard[0].sentence
        until(lambda: control.states)
        link.tell(LineState.READY)
        everyone_may = {
            "command": "setDefaultACLAccess",
            "acls": [{"acltype": "subscribe", "allow": True}],
        }
        control.client.publish(
            "$CONTROL/dynamic-security/v1", json.dumps({"commands": [everyone_may]}), qos=1
        )
        until(lambda: control.states[-1] == "ready")
        assert set(control.states[:-1]) == {"offline"}
        until(lambda: len(heard) > 1)
        assert [note.code for note in heard] == ["plc.lost", "plc.back"]
        control.say("trigger", id=1)
        until(lambda: any(isinstance(event, PlantTrigger) for event in heard))
        link.close()
        control.close()


def test_a_line_that_closes_is_offline(cell):
    link, control, _heard, _ = cell
    link.close()
    until(lambda: control.states[-1] == "offline")


@pytest.mark.filterwarnings(
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning"
)  # paho's own, of a failed handshake
def test_a_broker_that_does_not_prove_itself_is_lost_with_the_reason(tmp_path):
    with mosquitto(tmp_path, secured=True) as broker:
        link = open_link({"kind": "mqtt", "port": broker.port, "tls": True})
        heard = []
        link.start(heard.append)
        until(lambda: heard, "a note")
        link.close()
    assert heard[0].code == "plc.lost"
    assert "CERTIFICATE_VERIFY_FAILED" in heard[0].sentence


def test_certificates_that_fail_are_named_before_anything_is_reached(tmp_path):
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from cryptography.hazmat.primitives import serialization

    from certificates import made

    ours, other = made(tmp_path, "line", pem=True), made(tmp_path, "other", key=1, pem=True)
    garbage, locked = tmp_path / "garbage.pem", tmp_path / "locked.pem"
    garbage.write_text("no certificate")
    locked.write_bytes(
        ours.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for files in (
        {"ca_file": str(garbage)},
        {"cert_file": str(garbage), "key_file": str(ours.key_file)},
        {"cert_file": str(ours.certificate_file), "key_file": str(other.key_file)},
        {"cert_file": str(ours.certificate_file), "key_file": str(locked)},
    ):
        link = open_link({"kind": "mqtt", "port": 1, "tls": True, **files})
        with pytest.raises(SettingsError, match="expected certificates in PEM") as refusal:
            link.start(lambda _event: None)
        assert all(file in str(refusal.value) for file in files.values())
        link.close()
