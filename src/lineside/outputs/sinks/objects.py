"""`objects`: pictures and records in S3, Google Cloud Storage, Azure or a folder, by obstore."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError, RefusedParcelError, SettingsError
from lineside.outputs.extras import needs
from lineside.outputs.keeping import file_word
from lineside.outputs.secrets import secret
from lineside.outputs.sinks._choice import Pictures, chosen, place, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.outputs.parcel import Parcel

_SCHEMES = ("s3", "gs", "az", "file")
_KEYS = {
    "s3": {"id_env": "access_key_id", "secret_env": "secret_access_key", "token_env": "session_token"},
    "gs": {"secret_env": "service_account_key"},
    "az": {"id_env": "account_name", "secret_env": "account_key"},
    "file": {},
}


class Settings(Table):
    """The settings of a sink of this kind."""

    url: str = Field(description="s3://bucket/prefix, gs://…, az://container/… or file:///folder.")
    endpoint: str | None = Field(
        default=None, description="Of a server of one's own: https://host:port; S3 and Azure."
    )
    region: str | None = Field(default=None, description="Of S3.")
    id_env: str | None = Field(
        default=None, description="Name of the environment variable with the access key's id, or the account."
    )
    secret_env: str | None = Field(
        default=None, description="The same of the secret key; for gs the service account's JSON."
    )
    token_env: str | None = Field(default=None, description="The same of a session token, for S3.")
    allow_http: bool = Field(default=False, description="Accept an endpoint without encryption.")
    timeout_s: float = Field(default=10.0, gt=0, le=600, description="Of one request.")
    pictures: Pictures = Field(
        default="rejected", description="none, rejected or all of those that are kept."
    )
    annotated: bool = Field(default=True, description="Also the copies with boxes.")
    records: bool = Field(default=True, description="An object of JSON for each part that has pictures.")

    @field_validator("url")
    @classmethod
    def _check(cls, url: str) -> str:
        scheme, mark, rest = url.partition("://")
        if not mark or scheme not in _SCHEMES or not rest:
            raise ValueError(f"a URL of {', '.join(f'{s}://' for s in _SCHEMES)}")
        if "@" in rest:
            raise ValueError("a URL without keys: name variables in id_env and secret_env instead")
        return url


def make(settings: Mapping[str, Any]) -> ObjectsSink:
    """The sink that a table describes.

    Raises:
        SettingsError: A setting is not accepted, or a secret is missing.
        NotInstalledError: obstore is not installed.
    """
    table = parsed(Settings, settings, "objects")
    needs("objects", ("obstore",), "objects")
    scheme = table.url.partition("://")[0]
    if scheme == "s3" and table.endpoint and table.endpoint.startswith("http:") and not table.allow_http:
        raise SettingsError(
            f"objects: endpoint: expected https; got {table.endpoint}. allow_http = true accepts it."
        )
    keys = {
        word: secret(variable, f"objects: {key}")
        for key, word in _KEYS[scheme].items()
        if (variable := getattr(table, key)) is not None
    }
    return ObjectsSink(table, keys)


class ObjectsSink:
    """Puts `DAY/LINE/RUN/PART-CAMERA.jpg` and `DAY/LINE/RUN/PART.json`. A parcel that comes again replaces its objects with the same.

    Args:
        settings: Where to.
        keys: What opens the store, by obstore's names.
    """

    def __init__(self, settings: Settings, keys: Mapping[str, str]) -> None:
        self._settings = settings
        self._keys = dict(keys)
        self._store: Any = None

    def emit(self, parcel: Parcel) -> None:
        """The objects are there.

        Raises:
            OutputError: The store is away, or does not accept our keys.
        """
        from obstore import exceptions

        pictures = chosen(parcel, self._settings.pictures, annotated=self._settings.annotated)
        if not pictures:
            return
        where = place(parcel)
        names = {p.name: f"{where}-{file_word(p.name)}{p.path.suffix}" for p in pictures}
        try:
            if self._store is None:
                self._store = self._open()
            for picture in pictures:
                self._put(names[picture.name], read(picture))
            if self._settings.records:
                text = json.dumps({**parcel.record, "pictures": names}, ensure_ascii=False)
                self._put(f"{where}.json", text.encode("utf-8", "replace"))
        except exceptions.InvalidPathError as fault:
            raise RefusedParcelError(
                f"objects: {parcel.key}: the store takes no such name: {fault}"
            ) from fault
        except (exceptions.BaseError, OSError, ValueError) as fault:
            self.close()
            raise OutputError(
                f"objects: {self._settings.url}: {type(fault).__name__}: {_said(fault)}"
            ) from fault

    def close(self) -> None:
        """The store is let go of."""
        self._store = None

    def _put(self, name: str, data: bytes) -> None:
        import obstore

        obstore.put(self._store, name, data)

    def _open(self) -> Any:
        from pathlib import Path

        from obstore.store import LocalStore, from_url

        wants = self._settings
        scheme, _, rest = wants.url.partition("://")
        if scheme == "file":
            return LocalStore(Path(rest), mkdir=True)
        options: dict[str, Any] = dict(self._keys)
        if wants.region is not None:
            options["region"] = wants.region
        if wants.endpoint is not None:
            options["endpoint"] = wants.endpoint
        if scheme == "s3" and wants.endpoint is not None:
            options["virtual_hosted_style_request"] = False
        opened: Any = from_url  # its types know a class for each store's options
        return opened(
            wants.url,
            config=options,
            client_options={
                "timeout": timedelta(seconds=wants.timeout_s),
                "allow_http": wants.allow_http,
            },
            # The outbox tries again; here a second attempt only hides a stutter.
            retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=wants.timeout_s)},
        )


def _said(fault: Exception) -> str:
    """The beginning of what obstore says: the rest repeats the request."""
    return " ".join(str(fault).split())[:300]
