"""An OPC UA server with the Machine Vision companion model (OPC 40100-1): jobs come in, results go out as events."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
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
from lineside.outputs.plant.opcua.certificates import TrustList, identity_of
from lineside.outputs.plant.opcua.door import Door
from lineside.outputs.plant.opcua.machine import ErrorCode, Job, VisionMachine
from lineside.outputs.plant.opcua.nodes import describe
from lineside.outputs.plant.opcua.space import Methods, Space, Started
from lineside.outputs.plant.serving import LoopThread, can_listen, cannot_listen
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
    """Its private key, without a password."""
    trusted: str = ""
    """A folder with the certificates of the clients that may come in, or of the authorities that signed theirs; empty takes any."""
    user: str = ""
    """The name that clients must log in with; empty lets anyone in who reaches the port."""
    password_env: str = ""
    """The environment variable that holds the password."""
    answer_timeout_s: float = Field(default=10.0, gt=0, le=3600)
    """Seconds after which the link itself answers a job UNKNOWN, because the line does not."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if bool(self.certificate) != bool(self.private_key):
            raise ValueError("certificate and private_key together, or neither")
        if self.trusted and not self.certificate:
            raise ValueError(
                "certificate and private_key where trusted is set; without them no client proves who it is"
            )
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
        wall: The time of day, by which certificates hold.

    Attributes:
        port: Where it listens, once it does.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.port = settings.port
        self._settings = settings
        self._clock, self._wall = clock, wall
        self._machine = VisionMachine()
        self._heard: Callable[[PlantEvent], None] = lambda _event: None
        self._loop: LoopThread | None = None
        self._space: Space | None = None
        self._server: Server | None = None
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
        # Its tracebacks over what strangers send would go to the terminal where no logging is set up.
        logging.getLogger("asyncua").addHandler(logging.NullHandler())
        at = self._settings
        password = secret(at.password_env, "plant opcua: password_env") if at.user else ""
        now = self._wall()
        identity = identity_of(at.certificate, at.private_key, now) if at.certificate else None
        trusted = TrustList.read(at.trusted, now) if at.trusted else None
        door = Door(identity, trusted, (at.user, password), note=self._note, wall=self._wall)
        self._heard = heard
        self._loop = LoopThread("plant opcua")
        try:
            self._wait(self._open(door), _START_S)
        except OSError as fault:
            self.close()
            raise cannot_listen("opcua", at.host, at.port, fault) from fault
        except OutputError:
            self.close()
            raise
        self._loop.begin(self._watch(door))

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
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close(self._close(), _START_S)

    def _wait(self, work: Coroutine[Any, Any, None], within_s: float) -> None:
        if self._loop is None:
            work.close()
            raise OutputError("opcua: the server is not running")
        try:
            self._loop.run(work, within_s)
        except TimeoutError as fault:
            raise OutputError(f"opcua: the server did not take it within {within_s:g} s") from fault

    async def _open(self, door: Door) -> None:
        from asyncua import Server

        await can_listen(self._settings.host, self._settings.port)
        server = self._server = Server(user_manager=door.users)
        await server.init()
        server.set_endpoint(f"opc.tcp://{self._settings.host}:{self._settings.port}/lineside")
        server.set_server_name(self._settings.name)
        await door.fit(server)
        methods = Methods(self._single, self._continuous, self._stop, self._halt, self._reset)
        self._space = await Space.built(server, self._settings.name, methods)
        await self._space.show(self._machine.state)
        await server.start()
        self._is_serving = True
        self.port = server.bserver._server.sockets[0].getsockname()[1]  # noqa: SLF001 # told nowhere else

    async def _close(self) -> None:
        self._machine.line = LineState.STOPPING
        if self._is_serving and self._space is not None and self._server is not None:
            self._is_serving = False
            await self._space.show(self._machine.state)
            await self._server.stop()

    async def _watch(self, door: Door) -> None:
        """Answer a job that the line has forgotten, and hang up on who is no client."""
        assert self._server is not None
        while True:
            await asyncio.sleep(_TICK_S)
            door.sweep(self._server)
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

    def _note(self, code: str, sentence: str) -> None:
        self._heard(PlantNote(code, self._clock(), f"opcua: {sentence}"))

    def _changed(self) -> None:
        """Show the state after a method, once its caller has its answer."""
        assert self._space is not None
        asyncio.get_running_loop().create_task(self._space.show(self._machine.state))

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
