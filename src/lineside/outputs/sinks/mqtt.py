"""`mqtt`: one message a part, done when the broker has acknowledged it; a will tells that the line is gone."""

from __future__ import annotations

import json
import ssl
import threading
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError, RefusedParcelError, SettingsError
from lineside.outputs.sinks._extras import needs
from lineside.outputs.sinks._secrets import secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.outputs.parcel import Parcel

_ONLINE, _OFFLINE = '{"state":"online"}', '{"state":"offline"}'
_TOPIC = r"^[^+#\x00/][^+#\x00]*$"


class Settings(Table):
    """The settings of a sink of this kind."""

    host: str = Field(min_length=1, description="The broker.")
    port: int | None = Field(default=None, ge=1, le=65535, description="8883 with TLS, else 1883.")
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
    client_id: str = Field(
        default="", max_length=64, description="Unique at the broker; empty lets it choose."
    )
    tls: bool = Field(default=False, description="Encrypted; the broker must prove itself.")
    ca_file: str | None = Field(default=None, description="Certificates of a plant's own authority.")
    cert_file: str | None = Field(default=None, description="Our certificate, where the broker asks for one.")
    key_file: str | None = Field(default=None, description="Its key.")
    username: str | None = Field(default=None, description="Where the broker asks for one.")
    password_env: str | None = Field(
        default=None, description="Name of the environment variable that holds the password."
    )
    keepalive_s: int = Field(default=15, ge=2, le=3600, description="After half more of it the will is sent.")
    timeout_s: float = Field(
        default=5.0, gt=0, le=300, description="Of connecting, and of an acknowledgement."
    )

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("tls = true where a certificate is named")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file together")
        if self.password_env and self.username is None:
            raise ValueError("a username beside password_env")
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
    needs("mqtt", ("paho",), "mqtt")
    password = None if table.password_env is None else secret(table.password_env, "mqtt: password_env")
    return MqttSink(table, password)


class MqttSink:
    """Publishes the record as JSON with QoS 1 and waits for the broker's acknowledgement.

    A client that failed is thrown away with what it still had: the outbox sends that again, and knows what was acknowledged.

    Args:
        settings: Which broker.
        password: Of its user.

    Raises:
        SettingsError: A certificate cannot be read.
    """

    def __init__(self, settings: Settings, password: str | None = None) -> None:
        self._settings = settings
        self._password = password
        self._client: Any = None
        self._status_topic = ""
        self._tls = _tls(settings) if settings.tls else None

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

    @property
    def _where(self) -> str:
        return f"{self._settings.host}:{self._port}"

    @property
    def _port(self) -> int:
        return self._settings.port or (8883 if self._settings.tls else 1883)

    def _connect(self, status_topic: str) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        wants = self._settings
        client = Client(CallbackAPIVersion.VERSION2, client_id=wants.client_id, clean_session=True)
        client.connect_timeout = wants.timeout_s
        if wants.username is not None:
            client.username_pw_set(wants.username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.will_set(status_topic, _OFFLINE, qos=1, retain=True)
        answered = threading.Event()
        said: list[str] = []

        def connected(_c: Any, _u: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                said.append(str(reason))
            answered.set()

        client.on_connect = connected
        self._client, self._status_topic = client, status_topic
        try:
            client.connect(wants.host, self._port, keepalive=wants.keepalive_s)
        except (OSError, ValueError) as fault:  # ssl's errors are OSErrors
            raise OutputError(
                f"mqtt: {self._where} cannot be reached: {type(fault).__name__}: {fault}"
            ) from fault
        client.loop_start()
        if not answered.wait(wants.timeout_s):
            raise OutputError(f"mqtt: {self._where} did not answer within {wants.timeout_s:g} s")
        if said:
            raise OutputError(f"mqtt: {self._where} refuses us: {said[0]}")
        self._publish(status_topic, _ONLINE.encode(), retain=True)

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if not self._client.is_connected():
            raise OutputError(f"mqtt: the connection to {self._where} is lost")
        message = self._client.publish(topic, payload, qos=1, retain=retain)
        try:
            # Without a connection paho queues the message, tells so by an error number, and raises while it is waited for.
            if message.rc == 0:
                message.wait_for_publish(self._settings.timeout_s)
            is_published = message.rc == 0 and message.is_published()
        except (RuntimeError, ValueError) as fault:
            raise OutputError(f"mqtt: {self._where}: {fault}") from fault
        if not is_published:
            raise OutputError(
                f"mqtt: {self._where} did not acknowledge within {self._settings.timeout_s:g} s"
            )

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()


def _tls(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as fault:
        raise SettingsError(
            f"mqtt: expected certificates in PEM in ca_file, cert_file and key_file: {fault}"
        ) from fault
    return context


def _level(word: object) -> str:
    """A word as a part of a topic, in which a few signs have a meaning of their own."""
    return "".join("_" if c in "+#/\x00" else c for c in str(word))
