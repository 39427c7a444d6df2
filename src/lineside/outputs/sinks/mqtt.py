"""`mqtt`: one message a part, done when the broker has acknowledged it; a will tells that the line is gone."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from lineside.core.documents import parsed
from lineside.core.errors import OutputError, RefusedParcelError
from lineside.outputs.broker import Broker, BrokerTable, refusal_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.outputs.parcel import Parcel

_ONLINE, _OFFLINE = '{"state":"online"}', '{"state":"offline"}'
_TOPIC = r"^[^+#\x00/][^+#\x00]*$"


class Settings(BrokerTable):
    """The settings of a sink of this kind."""

    host: str = Field(min_length=1, description="The broker.")  # a result is sent nowhere by default
    topic: str = Field(
        default="lineside/{line}/results",
        pattern=_TOPIC,
        description="{line} and {verdict} stand for the part's.",
    )
    status_topic: str = Field(
        default="lineside/{line}/status",
        pattern=_TOPIC,
        description="Holds online, and offline by the broker's will when the line is gone.",
    )

    @model_validator(mode="after")
    def _has_topics(self) -> Settings:
        for topic in (self.topic, self.status_topic):
            try:
                topic.format(line="", verdict="")
            except (KeyError, IndexError, ValueError) as fault:
                raise ValueError(
                    f'topics with {{line}} and {{verdict}} as their only braces; not "{topic}"'
                ) from fault
        return self


def make(settings: Mapping[str, Any]) -> MqttSink:
    """The sink that a table describes.

    Raises:
        SettingsError: A setting is not accepted, a secret is missing, a certificate cannot be read.
        NotInstalledError: paho-mqtt is not installed.
    """
    table = parsed(Settings, settings, "mqtt")
    return MqttSink(table, Broker(table, "mqtt"))


class MqttSink:
    """Publishes the record as JSON with QoS 1 and waits for the broker's acknowledgement.

    A client that failed is thrown away with what it still had: the outbox sends that again, and knows what was acknowledged.

    Args:
        settings: The topics, and how long is waited.
        broker: Makes the clients.
    """

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self._settings = settings
        self._broker = broker
        self._client: Any = None
        self._status_topic = ""

    def emit(self, parcel: Parcel) -> None:
        """The broker has it.

        Raises:
            OutputError: It is away, refuses us, or does not acknowledge in time.
            RefusedParcelError: The message is larger than MQTT allows.
        """
        payload = json.dumps(parcel.record, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        if len(payload) > 268_435_000:
            raise RefusedParcelError(
                f"mqtt: {parcel.key}: {len(payload)} bytes are more than a message may hold"
            )
        words = {word: _level(parcel.record.get(word)) for word in ("line", "verdict")}
        try:
            if self._client is None:
                self._connect(self._settings.status_topic.format(**words))
            self._publish(self._settings.topic.format(**words), payload)
        except OutputError:
            self._drop()
            raise

    def close(self) -> None:
        """The status is offline, and the connection closed."""
        if self._client is None:
            return
        try:
            if self._client.is_connected():
                self._publish(self._status_topic, _OFFLINE.encode(), retain=True)
        except OutputError:
            pass  # the broker's will says the same
        self._drop()

    def _connect(self, status_topic: str) -> None:
        wants, client = self._settings, self._broker.new_client()
        client.will_set(status_topic, _OFFLINE, qos=1, retain=True)
        answered = threading.Event()
        said: list[str] = []

        def connected(_c: Any, _u: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if (refusal := refusal_of(reason)) is not None:
                said.append(refusal)
            answered.set()

        client.on_connect = connected
        self._client, self._status_topic = client, status_topic
        try:
            client.connect(wants.host, wants.reached_at, keepalive=wants.keepalive_s)
        except (OSError, ValueError) as fault:  # ssl's errors are OSErrors
            raise OutputError(
                f"mqtt: {self._settings.where} cannot be reached: {type(fault).__name__}: {fault}"
            ) from fault
        client.loop_start()
        if not answered.wait(wants.timeout_s):
            raise OutputError(f"mqtt: {self._settings.where} did not answer within {wants.timeout_s:g} s")
        if said:
            raise OutputError(f"mqtt: {self._settings.where} refuses us: {said[0]}")
        self._publish(status_topic, _ONLINE.encode(), retain=True)

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if not self._client.is_connected():
            raise OutputError(f"mqtt: the connection to {self._settings.where} is lost")
        message = self._client.publish(topic, payload, qos=1, retain=retain)
        try:
            # Without a connection paho queues the message, tells so by an error number, and raises while it is waited for.
            if message.rc == 0:
                message.wait_for_publish(self._settings.timeout_s)
            is_published = message.rc == 0 and message.is_published()
        except (RuntimeError, ValueError) as fault:
            raise OutputError(f"mqtt: {self._settings.where}: {fault}") from fault
        if not is_published:
            raise OutputError(
                f"mqtt: {self._settings.where} did not acknowledge within {self._settings.timeout_s:g} s"
            )

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()


def _level(word: object) -> str:
    """A word as a part of a topic, in which a few signs have a meaning of their own."""
    return "".join("_" if c in "+#/\x00" else c for c in str(word))
