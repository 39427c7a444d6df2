"""An OPC UA server with the Machine Vision companion model (OPC 40100-1): jobs come in, results go out as events."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.extras import needed
from lineside.outputs.plant.link import (
    LineState,
    PlantAnswer,
    PlantNote,
    PlantTrigger,
    ProductChosen,
    TriggerRefused,
)
from lineside.outputs.plant.opcua.machine import ErrorCode, Job, VisionMachine
from lineside.outputs.plant.opcua.nodes import describe
from lineside.outputs.plant.opcua.space import Methods, Space, Started
from lineside.outputs.secrets import secret

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from asyncua import Server

    from lineside.outputs.plant.link import PlantEvent

__all__ = ["OpcUaLink", "Settings", "describe", "make"]

_START_S = 60.0  # the nodeset alone takes a second or two
_WRITE_S = 1.0
_TICK_S = 0.05


class Settings(Table):
    """Where the server listens, and who may come in."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen at. One that others can reach needs a certificate and a user."""
    port: int = Field(default=4840, ge=0, le=65535)
    """TCP port; 0 takes a free one."""
    name: str = Field(default="lineside", min_length=1, max_length=200)
    """What the vision system is called in the address space."""
    certificate: str = ""
    """The server's certificate, DER or PEM. With it, clients must sign and encrypt (Basic256Sha256)."""
    private_key: str = ""
    """Its private key."""
    user: str = ""
    """The name that clients must log in with; empty lets anyone in who reaches the port."""
    password_env: str = ""
    """The environment variable that holds the password."""
    answer_timeout_s: float = Field(default=10.0, gt=0, le=3600, allow_inf_nan=False)
    """Seconds after which the link itself answers a job UNKNOWN, because the line does not."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if bool(self.certificate) != bool(self.private_key):
            raise ValueError("certificate and private_key together, or neither")
        if bool(self.user) != bool(self.password_env):
            raise ValueError("user and password_env together, or neither")
        if not _is_loopback(self.host) and not (self.certificate and self.user):
            raise ValueError(
                f"certificate, private_key, user and password_env for a host that others can reach; {self.host} is one"
            )
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def make(settings: Mapping[str, Any]) -> OpcUaLink:
    """The link that a table describes, not yet started.

    Raises:
        SettingsError: A setting is not accepted.
    """
    return OpcUaLink(parsed(Settings, settings, "plant opcua"))


class OpcUaLink:
    """A server in a thread of its own, with its own event loop.

    A job that a client starts is a trigger; its answer, and that of every other part, is a `ResultReadyEvent`. The machine is
    touched in the loop's thread alone.

    Args:
        settings: Where, and for whom.
        clock: Monotonic seconds.

    Attributes:
        port: Where it listens, once it does.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = monotonic) -> None:
        self.port = settings.port
        self._settings = settings
        self._clock = clock
        self._machine = VisionMachine()
        self._heard: Callable[[PlantEvent], None] = lambda _event: None
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._space: Space | None = None
        self._server: Server | None = None
        self._password = ""
        self._ending = asyncio.Event()
        self._is_serving = False

    def start(self, heard: Callable[[PlantEvent], None]) -> None:
        """The server listens.

        Raises:
            NotInstalledError: asyncua is not installed.
            OutputError: The port is taken, or a certificate cannot be used.
            SettingsError: The password's variable is not set.
        """
        with needed("opcua", "asyncua", "opcua"):
            import asyncua  # noqa: F401 # whether it is there, before a thread needs it
        if self._settings.user:
            self._password = secret(self._settings.password_env, "plant opcua: password_env")
        self._heard = heard
        self._thread = threading.Thread(target=self._loop.run_forever, name="plant opcua", daemon=True)
        self._thread.start()
        try:
            self._wait(self._open(), _START_S)
        except OSError as fault:
            self.close()
            raise OutputError(
                f"opcua: cannot listen at {self._settings.host}:{self._settings.port}: {fault}. Does another program have the port? "
                "Another can be set as `port`"
            ) from fault
        except OutputError:
            self.close()
            raise
        asyncio.run_coroutine_threadsafe(self._watch(), self._loop)

    def tell(self, state: LineState) -> None:
        """Clients read the state now."""
        self._wait(self._told(state), _WRITE_S)

    def answer(self, answer: PlantAnswer) -> None:
        """The result was handed to every client that subscribed.

        Raises:
            OutputError: The server has ended, or did not take it in a second.
        """
        self._wait(self._answered(answer), _WRITE_S)

    def close(self) -> None:
        """Clients read that the system is halted, and are disconnected; may be called twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with suppress(OutputError):  # it has ended already
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join(_START_S)
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, None], within_s: float) -> None:
        if self._thread is None or not self._thread.is_alive():
            work.close()
            raise OutputError("opcua: the server is not running")
        try:
            asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)
        except TimeoutError as fault:
            raise OutputError(f"opcua: the server did not take it within {within_s:g} s") from fault

    async def _open(self) -> None:
        from asyncua import Server, ua
        from asyncua.crypto.permission_rules import SimpleRoleRuleset

        users = _Users(self._settings.user, self._password) if self._settings.user else None
        server = Server(user_manager=users)
        self._server = server
        await server.init()
        server.set_endpoint(f"opc.tcp://{self._settings.host}:{self._settings.port}/lineside")
        server.set_server_name(self._settings.name)
        if self._settings.certificate:
            try:
                await server.load_certificate(self._settings.certificate)
                await server.load_private_key(self._settings.private_key)
            except (OSError, ValueError) as fault:
                raise OutputError(
                    f"opcua: {self._settings.certificate}: the certificate cannot be used: {fault}"
                ) from fault
            policies = [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
            server.set_security_policy(policies, permission_ruleset=SimpleRoleRuleset())
        else:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        if self._settings.user:
            server.set_security_IDs(["Username"])
        methods = Methods(self._single, self._continuous, self._stop, self._halt, self._reset)
        self._space = await Space.built(server, self._settings.name, methods)
        await self._space.show(self._machine.state)
        await server.start()
        self._is_serving = True
        self.port = server.bserver._server.sockets[0].getsockname()[1]  # noqa: SLF001 # told nowhere else

    async def _close(self) -> None:
        self._ending.set()
        self._machine.line = LineState.STOPPING
        if self._is_serving and self._space is not None and self._server is not None:
            self._is_serving = False
            await self._space.show(self._machine.state)
            await self._server.stop()

    async def _watch(self) -> None:
        """Answer a job that the line has forgotten."""
        while not self._ending.is_set():
            await asyncio.sleep(_TICK_S)
            job = self._machine.single
            if job is not None and self._clock() - job.started_s > self._settings.answer_timeout_s:
                sentence = f"opcua: job {job.number}: the line did not answer in {self._settings.answer_timeout_s:g} s"
                self._heard(PlantNote("plc.unanswered", self._clock(), sentence))
                await self._answered(_forgotten(job, sentence))

    async def _told(self, state: LineState) -> None:
        assert self._space is not None
        self._machine.line = state
        await self._space.show(self._machine.state)

    async def _answered(self, answer: PlantAnswer) -> None:
        assert self._space is not None
        job = self._machine.finished(answer.order)
        await self._space.tell_result(answer, job)
        await self._space.show(self._machine.state)

    def _changed(self) -> None:
        """Show the state after a method, once its caller has its answer."""
        assert self._space is not None
        self._loop.create_task(self._space.show(self._machine.state))

    def _job(self, started: Started) -> Job:
        return Job(
            self._machine.next_number,
            self._clock(),
            started.meas,
            started.part,
            started.recipe,
            started.product,
        )

    def _single(self, started: Started) -> tuple[int, ErrorCode]:
        job = self._job(started)
        error = self._machine.start_single(job)
        if error is not ErrorCode.OK:
            sentence = f"opcua: StartSingleJob in the state {self._machine.state}; expected Ready"
            self._heard(TriggerRefused(None, self._clock(), sentence))
            return 0, error
        self._changed()
        self._heard(PlantTrigger(job.number, job.started_s, job.recipe or None, job.part, order=job.number))
        return job.number, error

    def _continuous(self, started: Started) -> tuple[int, ErrorCode]:
        job = self._job(started)
        error = self._machine.start_continuous(job)
        if error is ErrorCode.OK:
            self._changed()
            if job.recipe:
                self._heard(ProductChosen(job.recipe, job.started_s))
        return job.number, error

    def _stop(self) -> ErrorCode:
        error = self._machine.stop()
        self._changed()
        return error

    def _halt(self) -> ErrorCode:
        error = self._machine.halt()
        self._changed()
        return error

    def _reset(self) -> ErrorCode:
        error = self._machine.reset()
        self._changed()
        return error


def _forgotten(job: Job, sentence: str) -> PlantAnswer:
    return PlantAnswer(
        trigger=job.number,
        inspection=0,
        verdict=Verdict.UNKNOWN,
        reason=Reason.INTERNAL_FAULT,
        serial=job.part,
        product=job.recipe,
        detail=sentence,
        order=job.number,
    )


class _Users:
    """Lets the one user in who knows the password."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    def get_user(
        self, _server: Any, username: str | None = None, password: Any = None, certificate: Any = None
    ) -> Any:
        """The user, or `None`, which refuses."""
        from hmac import compare_digest

        from asyncua.crypto.permission_rules import User, UserRole

        del certificate
        said = password.decode("utf-8", "replace") if isinstance(password, bytes) else str(password or "")
        if username != self._user or not compare_digest(said.encode(), self._password.encode()):
            return None
        return User(role=UserRole.User, name=username)
