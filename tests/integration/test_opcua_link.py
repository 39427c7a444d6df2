"""The Machine Vision companion model as a client sees it, over a real connection."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

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

    def __call__(self, event):
        self.heard.append(event)
        if isinstance(event, PlantTrigger) and not self.is_mute:
            threading.Thread(target=self.answer, args=(event,)).start()

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


@pytest.fixture
def served():
    """Links that are started, and closed afterwards."""
    links = []

    def start(**settings):
        line_settings = settings.pop("line", {})
        link = open_link({"kind": "opcua", "port": 0, "answer_timeout_s": 5.0, **settings})
        line = Line(link, **line_settings)
        link.start(line)
        links.append(link)
        link.tell(LineState.READY)
        return link, line

    yield start
    for link in links:
        link.close()


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


async def until(read, wanted):
    end = datetime.now(UTC) + timedelta(seconds=10)
    while (seen := await read()) != wanted:
        assert datetime.now(UTC) < end, f"still {seen}, expected {wanted}"
        await asyncio.sleep(0.01)


def test_each_job_that_is_started_has_one_result_with_its_numbers(served):
    link, line = served()

    async def run():
        async with client_of(link) as (client, index, system, _outer, inner):
            results = await subscribed(client, index, system)
            for number in range(1, 31):
                await until(lambda: state_of(inner), "Ready")
                job, error = await start_single(inner, index, number)
                assert (job.Id, error) == (str(number), 0)
                event = await asyncio.wait_for(results.get(), 10)
                content = json.loads(event.ResultContent)
                assert (event.JobId.Id, event.PartId.Id, event.MeasId.Id) == (
                    str(number),
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
    link, _line = served()
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
