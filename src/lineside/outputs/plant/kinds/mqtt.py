"""Triggers and answers as messages of an MQTT broker, with a will that tells when the line is gone."""

from __future__ import annotations

import json
import sys
import threading
from collections import OrderedDict
from contextlib import suppress
from itertools import zip_longest
from time import monotonic
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import parsed
from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.broker import Broker, BrokerTable, refusal_of
from lineside.outputs.plant.link import (
    LineState,
    PlantAnswer,
    PlantNote,
    PlantTrigger,
    ProductChosen,
    TriggerRefused,
)
from lineside.outputs.plant.results import result_of
from lineside.outputs.plant.topics import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.plant.link import PlantEvent

__all__ = ["MqttLink", "Settings", "describe", "make"]

_LONGEST_BYTES = 4096
_LONGEST_TEXT = 200
_REMEMBERED = 256  # triggers that a second message may not repeat
_OFFLINE = "offline"


class Settings(BrokerTable):
    """Which broker, and below which topic."""

    topic: str = Field(default="lineside/line", pattern=r"^[^+#\x00/][^+#\x00]*[^+#\x00/]$", max_length=200)
    """The topics are `TOPIC/trigger` and `TOPIC/product`, which the line hears, and `TOPIC/state` and `TOPIC/result`."""
    answer_timeout_s: float = Field(default=10.0, gt=0, le=3600)
    """Seconds after which the link itself answers a part UNKNOWN, because the line does not."""
    depth: int = Field(default=8, ge=1, le=256)
    """Parts that may be between trigger and answer; a further trigger is refused."""


def make(settings: Mapping[str, Any]) -> MqttLink:
    """The link that a table describes, not yet started.

    Raises:
        SettingsError: A setting is not accepted.
    """
    return MqttLink(parsed(Settings, settings, "plant mqtt"))


class MqttLink:
    """Every trigger has one result, and a trigger that is said twice is one trigger.

    A message of QoS 1 may come twice. A second one with a number that is known is answered only if it is another trigger: a
    message that the broker marks as sent again is the same one.

    Args:
        settings: The broker, and the limits.
        clock: Monotonic seconds.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._client: Any = None
        self._heard: Callable[[PlantEvent], None] = lambda _event: None
        self._lock = threading.Lock()
        self._state = LineState.STARTING
        self._product: str | None = None
        self._triggers = 0
        self._waiting: dict[int, PlantTrigger] = {}
        self._known: OrderedDict[int, None] = OrderedDict()
        self._is_lost = False
        self._hears = False  # the broker has acknowledged that triggers come to us
        self._ask_again_s: float | None = None
        self._stop = threading.Event()
        self._watchman: threading.Thread | None = None

    def start(self, heard: Callable[[PlantEvent], None]) -> None:
        """The broker is being reached for, and again whenever it is away.

        Raises:
            NotInstalledError: paho-mqtt is not installed.
            SettingsError: A certificate cannot be read, or the password's variable is not set.
        """
        self._heard = heard
        client = Broker(self._settings, "plant mqtt").new_client()
        client.will_set(self._topic("state"), _OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, 4)
        client.max_queued_messages_set(1000)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail = self._on_fail
        client.on_subscribe, client.on_message = self._on_subscribe, self._on_message
        self._client = client
        client.connect_async(self._settings.host, self._settings.reached_at, self._settings.keepalive_s)
        client.loop_start()
        self._watchman = threading.Thread(target=self._watch, name="plant mqtt: watch", daemon=True)
        self._watchman.start()

    def tell(self, state: LineState) -> None:
        """The state is kept at the broker, for whoever asks: from when the broker has said that our triggers come to us."""
        with self._lock:
            self._state = state
            if self._hears:
                self._say_state(state)

    def answer(self, answer: PlantAnswer) -> None:
        """The result is on its way to the broker.

        Raises:
            OutputError: The broker is away; the result is sent when it is back. Or the trigger has its answer already.
        """
        with self._lock:
            if answer.order is not None and self._waiting.pop(answer.order, None) is None:
                raise OutputError(f"mqtt: trigger {answer.order} does not wait for an answer")
        self._publish("result", json.dumps(result_of(answer)))

    def close(self) -> None:
        """The state is offline, and the connection closed; may be called twice."""
        self._stop.set()
        client, self._client = self._client, None
        if client is None:
            return
        if client.is_connected():
            said = client.publish(self._topic("state"), _OFFLINE, qos=1, retain=True)
            with suppress(RuntimeError, ValueError):  # the will says the same
                said.wait_for_publish(self._settings.timeout_s)
        client.disconnect()
        client.loop_stop()

    def _topic(self, name: str) -> str:
        return f"{self._settings.topic}/{name}"

    def _publish(self, name: str, payload: str, *, retain: bool = False) -> None:
        client = self._client
        if client is None:
            raise OutputError("mqtt: the link is closed")
        message = client.publish(self._topic(name), payload.encode(), qos=1, retain=retain)
        if message.rc != 0:  # paho keeps it, and sends it when the broker is back
            raise OutputError(
                f"mqtt: {self._settings.where} is away (error {message.rc}); it is sent when the broker is back"
            )

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if (refusal := refusal_of(reason)) is not None:
            self._lost(f"mqtt: {self._settings.where} refuses us: {refusal}")
            return
        self._ask(client)

    def _ask(self, client: Any) -> None:
        """Ask for the triggers, and again in a while unless the broker acknowledges it."""
        with self._lock:
            self._ask_again_s = self._clock() + self._settings.timeout_s
        client.subscribe([(topic, 1) for topic in self._wanted])

    @property
    def _wanted(self) -> tuple[str, str]:
        return self._topic("trigger"), self._topic("product")

    def _on_subscribe(self, _client: Any, _data: Any, _id: Any, reasons: Any, _properties: Any) -> None:
        refusals = {
            topic: why
            for topic, reason in zip_longest(self._wanted, reasons)
            if (why := "nothing is said of it" if reason is None else refusal_of(reason)) is not None
        }
        if refusals:
            sentence = "; ".join(f"does not let us hear {topic}: {why}" for topic, why in refusals.items())
            self._deaf(f"mqtt: {self._settings.where} {sentence}")
            return
        with self._lock:
            self._hears, self._ask_again_s = True, None
            was_lost, self._is_lost = self._is_lost, False
            self._say_state(self._state)
        if was_lost:
            self._note("plc.back", f"mqtt: {self._settings.where} is connected again")

    def _deaf(self, sentence: str) -> None:
        """We are connected, and hear no triggers: nobody shall take us for ready."""
        with self._lock:
            self._hears = False
            self._say_state(_OFFLINE)
        self._lost(sentence)

    def _say_state(self, state: str) -> None:
        """Under the lock: of two that tell, the one with the later state is the later one at the broker."""
        with suppress(OutputError):  # it is told when the broker is back
            self._publish("state", str(state), retain=True)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self._lock:
            self._hears, self._ask_again_s = False, None
        if not self._stop.is_set():
            self._lost(f"mqtt: {self._settings.where} is gone: {reason}")

    def _on_fail(self, _client: Any, _data: Any) -> None:
        fault = sys.exception()  # paho calls this while it handles the reason, which it does not hand over
        self._lost(f"mqtt: {self._settings.where} cannot be reached: {fault or 'no reason is known'}")

    def _lost(self, sentence: str) -> None:
        with self._lock:
            is_news, self._is_lost = not self._is_lost, True
        if is_news:
            self._note("plc.lost", sentence)

    def _note(self, code: str, sentence: str) -> None:
        self._heard(PlantNote(code, self._clock(), sentence))

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        table = _table(message.payload, is_product=message.topic == self._topic("product"))
        if isinstance(table, str):
            self._note("plc.garbage", f"mqtt: {message.topic}: {table}; it is not acted upon")
        elif message.topic == self._topic("product"):
            with self._lock:
                self._product = table["product"]
            self._heard(ProductChosen(table["product"], self._clock()))
        elif not message.retain:  # a trigger that was kept at the broker is of a part that is long gone
            self._trigger(table, is_again=bool(message.dup))
        else:
            self._note("plc.garbage", f"mqtt: {message.topic}: a retained trigger is not acted upon")

    def _trigger(self, table: Mapping[str, Any], *, is_again: bool) -> None:
        number, now_s = table.get("id"), self._clock()
        with self._lock:
            is_known = number is not None and number in self._known
            if is_known and is_again:
                return
            why = self._refusal(number, is_known=is_known)
            if why is None:
                self._triggers += 1
                event = PlantTrigger(
                    number,
                    now_s,
                    table.get("product") or self._product,
                    table.get("serial") or "",
                    self._triggers,
                )
                self._waiting[self._triggers] = event
                if number is not None:
                    self._known[number] = None
                    while len(self._known) > _REMEMBERED:
                        self._known.popitem(last=False)
        if why is None:
            self._heard(event)
            return
        with suppress(OutputError):  # sent when the broker is back
            self._publish("result", json.dumps(result_of(_missed(number, table.get("serial") or "", why))))
        self._heard(TriggerRefused(number, now_s, why))

    def _refusal(self, number: int | None, *, is_known: bool) -> str | None:
        if self._state is not LineState.READY:
            return f"mqtt: a trigger while the line is {self._state}"
        if is_known:
            return f"mqtt: trigger {number} came twice"
        if len(self._waiting) >= self._settings.depth:
            return f"mqtt: {len(self._waiting)} parts wait for their answers already"
        return None

    def _watch(self) -> None:
        """Answer what the line has forgotten, and ask again for triggers that the broker does not let us hear."""
        while not self._stop.wait(0.05):
            now_s = self._clock()
            with self._lock:
                due = [
                    trigger
                    for trigger in self._waiting.values()
                    if now_s - trigger.at_s > self._settings.answer_timeout_s
                ]
                asks_again = self._ask_again_s is not None and now_s >= self._ask_again_s
            if asks_again and (client := self._client) is not None:
                self._deaf(f"mqtt: {self._settings.where} has not said that triggers come to us")
                self._ask(client)
            for trigger in due:
                sentence = f"mqtt: the line did not answer trigger {trigger.id} in {self._settings.answer_timeout_s:g} s"
                self._note("plc.unanswered", sentence)
                with suppress(OutputError):
                    self.answer(
                        PlantAnswer(
                            trigger.id,
                            0,
                            Verdict.UNKNOWN,
                            Reason.INTERNAL_FAULT,
                            serial=trigger.serial,
                            detail=sentence,
                            order=trigger.order,
                        )
                    )


def _missed(number: int | None, serial: str, why: str) -> PlantAnswer:
    return PlantAnswer(number, 0, Verdict.UNKNOWN, Reason.TRIGGER_MISSED, serial=serial, detail=why)


def _table(payload: bytes, *, is_product: bool) -> dict[str, Any] | str:
    """What a message says, or what is wrong with it. A trigger may be empty."""
    if len(payload) > _LONGEST_BYTES:
        return f"expected at most {_LONGEST_BYTES} bytes; got {len(payload)}"
    try:
        table = json.loads(payload) if payload.strip() else {}
    except ValueError:
        return "expected JSON"
    if not isinstance(table, dict):
        return f"expected a JSON object; got {type(table).__name__}"
    return _fault_of(table, is_product=is_product) or table


def _fault_of(table: Mapping[str, Any], *, is_product: bool) -> str | None:
    number = table.get("id")
    is_number = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**63
    if number is not None and not is_number:
        return "id: expected a whole number from 0 on"
    for key in ("product", "serial"):
        value = table.get(key)
        if value is not None and (not isinstance(value, str) or len(value) > _LONGEST_TEXT):
            return f"{key}: expected a text of at most {_LONGEST_TEXT} characters"
    if is_product and not table.get("product"):
        return "product: expected the code of a product"
    return None
