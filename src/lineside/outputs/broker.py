"""An MQTT broker: how it is named in settings, and clients that are ready to connect to it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from lineside.core.documents import Table
from lineside.core.errors import SettingsError
from lineside.outputs.extras import needs
from lineside.outputs.secrets import secret

if TYPE_CHECKING:
    from paho.mqtt.client import Client


class BrokerTable(Table):
    """Which broker, and how it knows us and we know it."""

    host: str = Field(default="127.0.0.1", min_length=1, description="The broker.")
    port: int | None = Field(default=None, ge=1, le=65535, description="8883 with TLS, else 1883.")
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
    def _is_whole(self) -> Self:
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("tls = true where a certificate is named")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file together")
        if self.password_env and self.username is None:
            raise ValueError("a username beside password_env")
        return self

    @property
    def reached_at(self) -> int:
        """The port: the one that is set, or the usual one."""
        return self.port or (8883 if self.tls else 1883)

    @property
    def where(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.reached_at}"


class Broker:
    """A broker that is proven to be usable as far as can be known without connecting: secrets and certificates are read.

    Args:
        table: Which broker.
        who: Whose clients it makes, for messages: the kind of output.

    Raises:
        NotInstalledError: paho-mqtt is not installed.
        SettingsError: The password's variable is not set, or a certificate cannot be read.
    """

    def __init__(self, table: BrokerTable, who: str) -> None:
        needs(who, ("paho",), "mqtt")
        self._table = table
        self._password = (
            None if table.password_env is None else secret(table.password_env, f"{who}: password_env")
        )
        self._context = _context(table, who) if table.tls else None

    def new_client(self) -> Client:
        """A client that is not connected yet. It reconnects by itself once it is."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        table = self._table
        client = Client(CallbackAPIVersion.VERSION2, client_id=table.client_id, clean_session=True)
        client.connect_timeout = table.timeout_s
        if table.username is not None:
            client.username_pw_set(table.username, self._password)
        if self._context is not None:
            client.tls_set_context(self._context)
        return client


def _context(table: BrokerTable, who: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=table.ca_file)
        if table.cert_file is not None:
            # Without an empty password OpenSSL would ask for one at the terminal, and wait.
            context.load_cert_chain(table.cert_file, table.key_file, password="")
    except (OSError, ssl.SSLError) as fault:
        files = ", ".join(str(f) for f in (table.ca_file, table.cert_file, table.key_file) if f)
        raise SettingsError(f"{who}: expected certificates in PEM in {files}: {fault}") from fault
    return context


def refusal_of(reason: Any) -> str | None:
    """Why a broker refuses us, in its own words; `None` where it does not."""
    return str(reason) if reason.is_failure else None
