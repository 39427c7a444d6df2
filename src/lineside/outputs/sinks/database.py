"""`database`: a row a part and a row a detection, in SQLite or PostgreSQL by SQLAlchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError, RefusedParcelError
from lineside.outputs.extras import needs
from lineside.outputs.secrets import secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.outputs.parcel import Parcel

_DRIVERS = {"sqlite": None, "postgresql": "psycopg"}


class Settings(Table):
    """The settings of a sink of this kind."""

    url: str = Field(description="sqlite:///results.db or postgresql://user@host/base; without a password.")
    password_env: str | None = Field(
        default=None, description="Name of the environment variable that holds the password."
    )
    table: str = Field(
        default="lineside",
        pattern=r"^[a-z][a-z0-9_]{0,40}$",
        description="Prefix of the tables: NAME_inspection and NAME_detection.",
    )
    create: bool = Field(default=True, description="Make the tables when they are missing.")
    timeout_s: float = Field(default=5.0, gt=0, le=300, description="Of connecting, and of a statement.")
    ca_file: str | None = Field(
        default=None, description="PostgreSQL: the server must prove itself by this certificate."
    )

    @field_validator("url")
    @classmethod
    def _check(cls, url: str) -> str:
        scheme, mark, rest = url.partition("://")
        if not mark or scheme not in _DRIVERS:
            raise ValueError("a URL of sqlite:// or postgresql://")
        if ":" in rest.partition("@")[0] and "@" in rest:
            raise ValueError("a URL without a password: name a variable in password_env instead")
        return url


def make(settings: Mapping[str, Any]) -> DatabaseSink:
    """The sink that a table describes. It connects when it first has something to write.

    Raises:
        SettingsError: A setting is not accepted.
        NotInstalledError: SQLAlchemy, or the driver of the database, is not installed.
    """
    table = parsed(Settings, settings, "database")
    scheme = table.url.partition("://")[0]
    needs("database", ("sqlalchemy",), "database")
    if driver := _DRIVERS[scheme]:
        needs("database", (driver,), "postgres")
    password = None if table.password_env is None else secret(table.password_env, "database: password_env")
    return DatabaseSink(table, password)


class DatabaseSink:
    """Inserts a part once, however often it comes: what is there already stays as it is.

    Args:
        settings: Which database.
        password: Of its user.
    """

    def __init__(self, settings: Settings, password: str | None = None) -> None:
        self._settings = settings
        self._password = password
        self._tables: Any = None
        self._engine: Any = None

    def emit(self, parcel: Parcel) -> None:
        """The rows are committed.

        Raises:
            OutputError: The database is away, locked, full, or its tables are others.
            RefusedParcelError: It calls the values malformed.
        """
        from sqlalchemy import exc

        try:
            if self._engine is None:
                self._open()
            with self._engine.begin() as connection:
                self._insert(connection, parcel)
        except (exc.DataError, exc.IntegrityError) as fault:
            raise RefusedParcelError(f"database: {parcel.key} is not accepted: {_said(fault)}") from fault
        except exc.SQLAlchemyError as fault:
            self.close()
            raise OutputError(f"database: {_said(fault)}. Is it there, and are the tables ours?") from fault

    def close(self) -> None:
        """The connections are closed."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _open(self) -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.engine import make_url

        from lineside.outputs.sinks._database_tables import Tables

        wait_s = self._settings.timeout_s
        url = make_url(self._settings.url)
        if url.drivername == "sqlite":
            options: dict[str, Any] = {"timeout": wait_s}
        else:
            url = url.set(drivername="postgresql+psycopg", password=self._password or url.password)
            options = _postgres_options(wait_s)
            if self._settings.ca_file is not None:
                options |= {"sslmode": "verify-full", "sslrootcert": self._settings.ca_file}
        engine = create_engine(url, connect_args=options, pool_size=1, max_overflow=0, pool_pre_ping=True)
        self._tables = Tables(self._settings.table)
        try:
            if url.drivername == "sqlite":
                with engine.begin() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            if self._settings.create:
                self._tables.metadata.create_all(engine)
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine

    def _insert(self, connection: Any, parcel: Parcel) -> None:
        tables = self._tables
        added = connection.execute(tables.insert_inspection(connection.dialect.name), tables.row(parcel))
        if added.first() is not None and (rows := tables.detection_rows(parcel)):
            connection.execute(tables.detection.insert(), rows)


def _postgres_options(wait_s: float) -> dict[str, Any]:
    """What bounds the waits: for a server that is busy, and for one whose cable is out."""
    seconds = max(2, round(wait_s))  # libpq takes no connect time-out below 2 s
    return {
        "connect_timeout": seconds,
        "options": f"-c statement_timeout={round(wait_s * 1000)}",
        "tcp_user_timeout": round(wait_s * 1000),
        "keepalives_idle": seconds,
        "keepalives_interval": seconds,
        "keepalives_count": 2,
    }


def _said(fault: Exception) -> str:
    """The driver's own words on one line; SQLAlchemy's repeat the statement and the values."""
    return " ".join(str(getattr(fault, "orig", None) or fault).split())[:300]
