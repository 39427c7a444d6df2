"""The Machine Vision companion model as a client sees it, over a real connection."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import threading
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lineside.core.errors import OutputError, SettingsError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.link import (
    LineState,
    PlantAnswer,
    PlantNote,
    PlantTrigger,
    TriggerRefused,
    open_link,
)

asyncua = pytest.importorskip("asyncua", reason="asyncua is not installed")
ua = asyncua.ua

NAMESPACE = "http://opcfoundation.org/UA/MachineVision"


class Line:
    """Answers every trigger at once, in a thread of its own, as a line does."""

    def __init__(self, link, *, verdict=Verdict.PASS, is_mute=False):
        self.link, self.verdict, self.is_mute = link, verdict, is_mute
        self.heard: list = []
        self.count = 0
        self.waiting: list = []

    def __call__(self, event):
        self.heard.append(event)
        if isinstance(event, PlantTrigger) and self.is_mute:
            self.waiting.append(event)
        elif isinstance(event, PlantTrigger):
            threading.Thread(target=self.answer, args=(event,)).start()

    def finish(self):
        """Nothing is left for the next test."""
        for event in self.waiting:
            with suppress(OutputError):  # the link has closed
                self.answer(event)

    def answer(self, event):
        self.count += 1
        reason = Reason.LATE if self.verdict is Verdict.UNKNOWN else None
        self.link.answer(
            PlantAnswer(
                event.id,
                self.count,
                self.verdict,
                reason,
                2,
                0.75,
                event.product or "",
                event.serial,
                "seen",
                event.order,
            )
        )


@contextmanager
def started(**settings):
    """A link that is started, closed afterwards, and whoever hears it now."""
    link = open_link({"kind": "opcua", "port": 0, "answer_timeout_s": 5.0, **settings})
    ears = [lambda _event: None]

    def hear(event):
        ears[0](event)  # whoever it is by then

    link.start(hear)
    try:
        yield link, ears
    finally:
        link.close()


@pytest.fixture(scope="module")
def shared():
    """One server for the tests that change nothing of it: each takes seconds to build its nodes."""
    with started() as running:
        yield running


@pytest.fixture
def served(shared):
    """A link and its line: the shared one, or one of its own where there are settings."""
    with ExitStack() as stack:

        def start(*, line=None, **settings):
            link, ears = stack.enter_context(started(**settings)) if settings else shared
            ears[0] = Line(link, **(line or {}))
            link.tell(LineState.READY)
            stack.callback(ears[0].finish)
            return link, ears[0]

        yield start


class Results:
    """Takes events."""

    def __init__(self):
        self.queue = asyncio.Queue()

    def event_notification(self, event):
        self.queue.put_nowait(event)


@asynccontextmanager
async def client_of(link):
    async with asyncua.Client(f"opc.tcp://127.0.0.1:{link.port}/lineside", timeout=20) as client:
        index = await client.get_namespace_index(NAMESPACE)
        await client.load_data_type_definitions()
        system = await client.nodes.objects.get_child([f"{index}:VisionSystem"])
        outer = await system.get_child([f"{index}:VisionStateMachine"])
        inner = await outer.get_child([f"{index}:AutomaticModeStateMachine"])
        yield client, index, system, outer, inner


async def subscribed(client, index, system):
    async def below(node):
        for child in await node.get_children(refs=ua.ObjectIds.HasSubtype):
            name = await child.read_browse_name()
            if name.Name == "ResultReadyEventType" and name.NamespaceIndex == index:
                return child
            if (found := await below(child)) is not None:
                return found
        return None

    kind = await below(client.nodes.base_event_type)
    results = Results()
    subscription = await client.create_subscription(5, results)
    await subscription.subscribe_events(system, kind)
    return results.queue


async def start_single(inner, index, number=0):
    return await inner.call_method(
        f"{index}:StartSingleJob",
        ua.MeasIdDataType(Id=f"m{number}"),
        ua.PartIdDataType(Id=f"serial-{number}"),
        ua.RecipeIdExternalDataType(Id="caps"),
        ua.ProductIdDataType(Id="blue"),
        ua.Variant([], ua.VariantType.Variant, is_array=True),
    )


async def state_of(machine):
    return (await (await machine.get_child(["0:CurrentState"])).read_value()).Text


async def until(read, wanted, within_s=10):
    end = datetime.now(UTC) + timedelta(seconds=within_s)
    while (seen := await read()) != wanted:
        assert datetime.now(UTC) < end, f"still {seen}, expected {wanted}"
        await asyncio.sleep(0.01)


def test_each_job_that_is_started_has_one_result_with_its_numbers(served):
    link, line = served()

    async def run():
        async with client_of(link) as (client, index, system, _outer, inner):
            results = await subscribed(client, index, system)
            first = 0
            for number in range(1, 31):
                await until(lambda: state_of(inner), "Ready")
                job, error = await start_single(inner, index, number)
                first = first or int(job.Id)
                assert (int(job.Id), error) == (first + number - 1, 0)
                event = await asyncio.wait_for(results.get(), 10)
                content = json.loads(event.ResultContent)
                assert (event.JobId.Id, event.PartId.Id, event.MeasId.Id) == (
                    job.Id,
                    f"serial-{number}",
                    f"m{number}",
                )
                assert (content["verdict"], content["verdict_code"], content["product"]) == (
                    "PASS",
                    1,
                    "caps",
                )
            assert results.empty()

    asyncio.run(run())
    assert [event.serial for event in line.heard] == [f"serial-{n}" for n in range(1, 31)]


def test_a_second_job_beside_the_first_is_refused_and_told(served):
    link, line = served(line={"is_mute": True})

    async def run():
        async with client_of(link) as (_client, index, _system, outer, inner):
            assert (await start_single(inner, index))[1] == 0
            assert (await state_of(outer), await state_of(inner)) == ("Operational", "SingleExecution")
            assert (await start_single(inner, index))[1] == -1

    asyncio.run(run())
    assert [type(event) for event in line.heard] == [PlantTrigger, TriggerRefused]


def test_a_line_that_is_not_ready_takes_no_job_and_says_which_state_it_is_in(served):
    link, line = served()
    link.tell(LineState.FAULT)

    async def run():
        async with client_of(link) as (_client, index, _system, outer, inner):
            assert await state_of(outer) == "Error"
            assert (await start_single(inner, index))[1] == -2
            link.tell(LineState.READY)
            assert (await outer.call_method(f"{index}:Halt", 0, "cleaning")) == 0
            await until(lambda: state_of(outer), "Halted")
            assert (await start_single(inner, index))[1] == -2
            assert (await outer.call_method(f"{index}:Reset", 0, "")) == 0
            assert (await start_single(inner, index))[1] == 0

    asyncio.run(run())
    assert sum(isinstance(event, PlantTrigger) for event in line.heard) == 1


def test_a_job_that_the_line_forgets_is_answered_unknown(served):
    link, line = served(answer_timeout_s=0.2, line={"is_mute": True})

    async def run():
        async with client_of(link) as (client, index, system, _outer, inner):
            results = await subscribed(client, index, system)
            await start_single(inner, index)
            content = json.loads((await asyncio.wait_for(results.get(), 10)).ResultContent)
            assert (content["verdict"], content["reason"]) == ("UNKNOWN", "internal_fault")

    asyncio.run(run())
    assert any(isinstance(event, PlantNote) and event.code == "plc.unanswered" for event in line.heard)


def test_parts_that_no_client_began_are_results_too(served):
    link, _line = served()

    async def run():
        async with client_of(link) as (client, index, system, _outer, _inner):
            results = await subscribed(client, index, system)
            answer = PlantAnswer(None, 77, Verdict.UNKNOWN, Reason.LATE)
            await asyncio.to_thread(link.answer, answer)
            event = await asyncio.wait_for(results.get(), 10)
            assert (event.ResultId.Id, event.JobId.Id) == ("77", "")
            assert json.loads(event.ResultContent)["reason_code"] == 1

    asyncio.run(run())


def test_who_has_no_password_does_not_come_in(served, monkeypatch):
    monkeypatch.setenv("LINE_PASSWORD", "right")
    link, _line = served(user="plc", password_env="LINE_PASSWORD")

    async def connect(password):
        client = asyncua.Client(f"opc.tcp://127.0.0.1:{link.port}/lineside", timeout=10)
        client.set_user("plc")
        client.set_password(password)
        async with client:
            return await client.get_namespace_index(NAMESPACE)

    assert asyncio.run(connect("right")) > 0
    with pytest.raises(ua.UaError):
        asyncio.run(connect("wrong"))


def test_a_port_in_use_is_said_with_the_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        link = open_link({"kind": "opcua", "port": port})
        with pytest.raises(OutputError, match=f"cannot listen at 127.0.0.1:{port}"):
            link.start(lambda _event: None)


def test_after_closing_an_answer_is_an_error_and_not_lost_in_silence(served):
    link, _line = served(name="another")
    link.close()
    with pytest.raises(OutputError, match="not running"):
        link.answer(PlantAnswer(None, 1, Verdict.PASS, None))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"host": "0.0.0.0"}, "for a host that others can reach"),
        ({"user": "plc"}, "user and password_env together"),
        ({"certificate": "a.der"}, "certificate and private_key together"),
        ({"prt": 1}, 'prt: no such key; did you mean "port"'),
    ],
)
def test_settings_that_would_let_strangers_in_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        open_link({"kind": "opcua", **settings})


def memory_bytes():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def does_a_job(link, serial):
    async def run():
        async with client_of(link) as (client, index, system, _outer, inner):
            results = await subscribed(client, index, system)
            await until(lambda: state_of(inner), "Ready")
            assert (await start_single(inner, index, serial))[1] == 0
            return (await asyncio.wait_for(results.get(), 10)).PartId.Id

    return asyncio.run(run()) == f"serial-{serial}"


def stranger_to(link):
    return socket.create_connection(("127.0.0.1", link.port), timeout=5)


def of_code(line, code):
    return [event.sentence for event in line.heard if isinstance(event, PlantNote) and event.code == code]


def test_strangers_who_send_what_is_no_opc_ua_are_hung_up_on_fill_no_memory_and_disturb_no_job(served):
    link, line = served()
    long = b"HELF" + (1 << 30).to_bytes(4, "little")  # a piece of 1 GiB, and then it comes
    dice = random.Random(3)
    before = memory_bytes()
    with ExitStack() as stack:
        half = stack.enter_context(stranger_to(link))
        half.sendall(b"HELF\x20\x00\x00\x00half")
        for opening in (long, b"GET / HTTP/1.1\r\n\r\n", dice.randbytes(300), b"\xff" * 64):
            sent = 0
            with stranger_to(link) as stranger, suppress(OSError):
                stranger.sendall(opening)
                while sent < 20_000_000:
                    stranger.sendall(bytes(50_000))
                    sent += 50_000
                    time.sleep(0.002)  # so that all of it takes longer than the server takes to look
            assert sent < 20_000_000, "it was hung up on"
        assert memory_bytes() - before < 50_000_000
        assert does_a_job(link, 901)
    assert of_code(line, "plc.garbage")


def test_two_hundred_connections_keep_no_client_out_for_longer_than_a_login_may_take(served):
    link, line = served()

    async def run():
        async with client_of(link) as (_client, _index, _system, _outer, inner):
            with ExitStack() as stack:
                for _ in range(200):
                    with suppress(OSError):
                        stack.enter_context(stranger_to(link))
                await until(lambda: asyncio.to_thread(lambda: bool(of_code(line, "plc.stranger"))), True)
                assert await state_of(inner) == "Ready", "who is in stays in"

                async def comes_in():
                    try:
                        async with asyncua.Client(f"opc.tcp://127.0.0.1:{link.port}/lineside", timeout=2):
                            return True
                    except (ua.UaError, OSError, TimeoutError):
                        return False

                await until(comes_in, True, 30)

    asyncio.run(run())
    assert does_a_job(link, 902)
