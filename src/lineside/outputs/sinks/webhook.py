"""`webhook`: an HTTP POST for each part, signed as the Standard Webhooks specification says."""

from __future__ import annotations

import base64
import json
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pydantic import Field, field_validator

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError, RefusedParcelError, SettingsError
from lineside.outputs.extras import needs
from lineside.outputs.secrets import secret
from lineside.outputs.sinks._choice import Pictures, chosen, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.outputs.parcel import Parcel

_MALFORMED = frozenset({400, 410, 413, 415, 422})
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_HOPS = 3
_ANSWER_BYTES = 2048
_CHUNKS = 8


class Settings(Table):
    """The settings of a sink of this kind."""

    url: str = Field(description="http:// or https://, without a password.")
    secret_env: str | None = Field(
        default=None, description="Name of the environment variable with the secret, whsec_… or base64."
    )
    token_env: str | None = Field(
        default=None, description="Name of the variable with a bearer token, for receivers that ask for one."
    )
    timeout_s: float = Field(
        default=5.0, gt=0, le=300, description="Of connecting, and of each wait for the receiver."
    )
    ca_file: str | None = Field(default=None, description="Certificates of a plant's own authority.")
    pictures: Pictures = Field(
        default="none", description="none, rejected or all of those that are kept, as base64."
    )
    annotated: bool = Field(default=True, description="Also the copies with boxes.")
    max_body_bytes: int = Field(
        default=10_000_000, ge=1_000, description="Pictures that would make the body larger stay out."
    )

    @field_validator("url")
    @classmethod
    def _check(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.password is not None:
            raise ValueError("a URL of http:// or https:// with a host and without a password")
        return url


def make(settings: Mapping[str, Any]) -> WebhookSink:
    """The sink that a table describes.

    Raises:
        SettingsError: A setting is not accepted, a secret is missing or no base64, a certificate cannot be read.
        NotInstalledError: httpx2 or standardwebhooks is not installed.
    """
    table = parsed(Settings, settings, "webhook")
    needs("webhook", ("httpx2", "standardwebhooks"), "webhook")
    key = None if table.secret_env is None else secret(table.secret_env, "webhook: secret_env")
    token = None if table.token_env is None else secret(table.token_env, "webhook: token_env")
    return WebhookSink(table, key, token)


class WebhookSink:
    """Posts the record as JSON. The header `webhook-id` is the parcel's key, by which a receiver knows one that comes twice.

    Args:
        settings: Where to.
        key: The secret that signs.
        token: A bearer token.

    Raises:
        SettingsError: The secret is no base64, or the certificates cannot be read.
    """

    def __init__(self, settings: Settings, key: str | None = None, token: str | None = None) -> None:
        self._settings = settings
        self._token = token
        self._client: Any = None
        self._signer = None if key is None else _signer(key)
        self._tls = _tls(settings.ca_file)

    def emit(self, parcel: Parcel) -> None:
        """The receiver answered with 2xx.

        Raises:
            OutputError: It is away, slow, overloaded, answers no HTTP, or sends us to another host.
            RefusedParcelError: It calls the parcel malformed: 400, 410, 413, 415 or 422.
        """
        import httpx2

        if self._client is None:
            self._client = httpx2.Client(
                timeout=self._settings.timeout_s, verify=self._tls, follow_redirects=False, trust_env=False
            )
        body = self._body(parcel)
        headers = self._headers(parcel, body)
        url = self._settings.url
        try:
            for _ in range(_HOPS):
                status, where, said = self._post(url, body, headers)
                if status not in _ELSEWHERE:
                    return _settle(parcel, status, said)
                url = _next(url, status, where)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as fault:
            self.close()
            raise OutputError(
                f"webhook: {_host(url)}: {type(fault).__name__}: {fault or 'no answer'}"
            ) from fault
        raise OutputError(f"webhook: {_host(url)}: it sent us on {_HOPS} times")

    def close(self) -> None:
        """Connections are closed."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, str]:
        """The status, where it sends us, and the beginning of what it says; no more of it is read."""
        with self._client.stream("POST", url, content=body, headers=headers) as answer:
            said = _beginning(answer)
            return answer.status_code, answer.headers.get("location", ""), said.decode("utf-8", "replace")

    def _body(self, parcel: Parcel) -> bytes:
        record = dict(parcel.record)
        pictures: list[dict[str, str]] = []
        size = len(_json(record))
        for picture in chosen(parcel, self._settings.pictures, annotated=self._settings.annotated):
            told = {"name": picture.name, "sha256": picture.sha256, "suffix": picture.path.suffix}
            data = base64.b64encode(read(picture)).decode()
            size += len(data) + 200
            pictures.append(told | {"data": data} if size <= self._settings.max_body_bytes else told)
        if self._settings.pictures != "none":
            record["pictures"] = pictures
        body = _json(record)
        if len(body) > self._settings.max_body_bytes:
            raise RefusedParcelError(
                f"webhook: {parcel.key}: the record alone is {len(body)} bytes; max_body_bytes is "
                f"{self._settings.max_body_bytes}"
            )
        return body

    def _headers(self, parcel: Parcel, body: bytes) -> dict[str, str]:
        headers = {"content-type": "application/json", "webhook-id": parcel.key, "user-agent": "lineside"}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token}"
        if self._signer is not None:
            now = datetime.now(
                UTC
            )  # of the attempt, as the specification asks for: receivers refuse old ones
            headers["webhook-timestamp"] = str(int(now.timestamp()))
            headers["webhook-signature"] = self._signer.sign(parcel.key, now, body.decode())
        return headers


def _beginning(answer: Any) -> bytes:
    """The beginning of an answer. A short one is read to its end, so that its connection can be used again.

    Who drips bytes is left after a few of them; one that said 2xx has taken the result, whatever becomes of the rest.
    """
    import httpx2

    said = b""
    try:
        for number, chunk in enumerate(answer.iter_raw(), start=1):
            said += chunk
            if number == _CHUNKS or len(said) > _ANSWER_BYTES:
                break
    except httpx2.HTTPError:
        if not answer.is_success:
            raise
    return said[:_ANSWER_BYTES]


def _signer(key: str) -> Any:
    from standardwebhooks.webhooks import Webhook

    try:
        return Webhook(key)
    except (ValueError, RuntimeError) as fault:
        raise SettingsError(
            "webhook: secret_env: expected a secret in base64, with or without whsec_ before it"
        ) from fault


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as fault:
        raise SettingsError(f"webhook: ca_file: expected certificates in PEM; {ca_file}: {fault}") from fault


def _json(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _settle(parcel: Parcel, status: int, said: str) -> None:
    if 200 <= status < 300:
        return
    sentence = f"webhook: the receiver answered {status}: {' '.join(said.split())[:200] or 'nothing more'}"
    if status in _MALFORMED:
        raise RefusedParcelError(f"{sentence} ({parcel.key})")
    raise OutputError(sentence)


def _next(url: str, status: int, where: str) -> str:
    """The address on the same host that the answer names; a POST stays a POST.

    Raises:
        OutputError: It is another host, another scheme or port, or an answer that turns a POST into a GET.
    """
    target = urljoin(url, where)
    if status not in {307, 308} or _origin(target) != _origin(url):
        raise OutputError(
            f"webhook: {_host(url)} answered {status} and sends us to {_host(target) or 'nowhere'}; results go to the "
            "host of the settings alone. Change url where that is right."
        )
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _host(url: str) -> str:
    """Without path and query, which may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
