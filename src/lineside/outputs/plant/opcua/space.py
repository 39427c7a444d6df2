"""The address space: the companion model's nodes, what they show, and the events that tell of results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.opcua.machine import ErrorCode, Job, VisionState
from lineside.outputs.plant.results import result_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asyncua import Node, Server

    from lineside.outputs.plant.link import PlantAnswer

NODESET = Path(__file__).parent / "nodeset" / "Opc.Ua.MachineVision.NodeSet2.xml"
NAMESPACE = "http://opcfoundation.org/UA/MachineVision"

_COMPLETED = 1  # ResultStateDataType: Completed


@dataclass(frozen=True, slots=True)
class Started:
    """What a client gave to StartSingleJob or StartContinuous."""

    meas: str
    part: str
    recipe: str
    product: str


@dataclass(frozen=True, slots=True)
class Methods:
    """What the methods of the model do: each gives a job's number, where it has one, and an error code."""

    single: Callable[[Started], tuple[int, ErrorCode]]
    continuous: Callable[[Started], tuple[int, ErrorCode]]
    stop: Callable[[], ErrorCode]
    halt: Callable[[], ErrorCode]
    reset: Callable[[], ErrorCode]


class Space:
    """The nodes of one vision system in a server that is not started yet. Make it with `Space.built`.

    Args:
        server: The server.
        system: The vision system's object.
        index: The companion model's namespace in this server.
    """

    def __init__(self, server: Server, system: Node, index: int) -> None:
        self._server = server
        self._system = system
        self._index = index
        self._shown: VisionState | None = None
        self._outer: Node | None = None
        self._inner: Node | None = None
        self._results: Any = None
        self._changes: Any = None

    @classmethod
    async def built(cls, server: Server, name: str, methods: Methods) -> Space:
        """The nodes, with their methods linked.

        Args:
            server: An initialised server.
            name: The line's, which is shown.
            methods: What is done when a client calls.
        """
        from asyncua import ua
        from asyncua.common.instantiate_util import instantiate

        await server.import_xml(NODESET)
        await server.load_data_type_definitions()
        index = await server.get_namespace_index(NAMESPACE)
        kind = await server.nodes.base_object_type.get_child([f"{index}:VisionSystemType"])
        system = (
            await instantiate(
                server.nodes.objects,
                kind,
                bname=f"{index}:VisionSystem",
                dname=ua.LocalizedText(name),
                instantiate_optional=False,
            )
        )[0]
        space = cls(server, system, index)
        await space._build(methods)
        return space

    async def _build(self, methods: Methods) -> None:
        from asyncua import ua
        from asyncua.common.instantiate_util import instantiate

        outer = await self._system.get_child([f"{self._index}:VisionStateMachine"])
        kind = await self._type("VisionAutomaticModeStateMachineType")
        inner = (
            await instantiate(
                outer, kind, bname=f"{self._index}:AutomaticModeStateMachine", instantiate_optional=False
            )
        )[0]
        self._outer, self._inner = outer, inner
        events = self._server.nodes.base_event_type
        ready = await _found(events, f"{self._index}:ResultReadyEventType")
        changed = await _found(events, f"{self._index}:StateChangedEventType")
        self._results = await self._server.get_event_generator(ready, self._system)
        # asyncua would take an empty field for one without a type, and send nothing.
        self._results.event.data_types["ResultContent"] = ua.VariantType.String
        self._changes = await self._server.get_event_generator(changed, self._system)
        await self._link(outer, inner, methods)

    async def _type(self, name: str) -> Node:
        from asyncua import ua

        machines = self._server.get_node(ua.NodeId(ua.ObjectIds.FiniteStateMachineType))
        return await machines.get_child([f"{self._index}:{name}"])

    async def _link(self, outer: Node, inner: Node, methods: Methods) -> None:
        def starter(begin: Callable[[Started], tuple[int, ErrorCode]]) -> Callable[..., Awaitable[Any]]:
            async def called(
                _parent: Any, meas: Any, part: Any, recipe: Any, product: Any, _more: Any = None
            ) -> Any:
                from asyncua import ua

                number, error = begin(Started(_id(meas), _id(part), _id(recipe), _id(product)))
                job = ua.JobIdDataType(Id=str(number) if error is ErrorCode.OK else "")
                return [ua.Variant(job), ua.Variant(int(error), ua.VariantType.Int32)]

            return called

        def plain(act: Callable[[], ErrorCode]) -> Callable[..., Awaitable[Any]]:
            async def called(_parent: Any, *_cause: Any) -> Any:
                from asyncua import ua

                return [ua.Variant(int(act()), ua.VariantType.Int32)]

            return called

        for node, name, function in (
            (inner, "StartSingleJob", starter(methods.single)),
            (inner, "StartContinuous", starter(methods.continuous)),
            (inner, "Stop", plain(methods.stop)),
            (inner, "Abort", plain(methods.stop)),
            (outer, "Halt", plain(methods.halt)),
            (outer, "Reset", plain(methods.reset)),
        ):
            self._server.link_method(await node.get_child([f"{self._index}:{name}"]), function)

    async def show(self, state: VisionState) -> None:
        """The state is what a client reads, and a client that subscribed hears of the change."""
        if state is self._shown:
            return
        self._shown = state
        assert self._outer is not None
        assert self._inner is not None
        await self._current(self._outer, "Operational" if state.is_operational else str(state))
        await self._current(self._inner, str(state) if state.is_operational else "Initialized")
        await self._changes.trigger(message=f"the vision system is {state}")

    async def _current(self, machine: Node, state: str) -> None:
        from asyncua import ua

        current = await machine.get_child(["0:CurrentState"])
        await current.write_value(ua.LocalizedText(state))
        kind = self._server.get_node(await machine.read_type_definition())
        which = await kind.get_child([f"{self._index}:{state}"])
        await (await current.get_child(["0:Id"])).write_value(which.nodeid, ua.VariantType.NodeId)

    async def tell_result(self, answer: PlantAnswer, job: Job | None) -> None:
        """A `ResultReadyEvent` with the answer was sent to every client that subscribed.

        Args:
            answer: The answer.
            job: What it belongs to; `None` for a part that no client asked for.
        """
        from asyncua import ua

        event = self._results.event
        now = datetime.now(UTC).replace(tzinfo=None)
        event.ResultId = ua.ResultIdDataType(Id=str(answer.inspection))
        event.JobId = ua.JobIdDataType(Id="" if job is None else str(job.number))
        event.MeasId = ua.MeasIdDataType(Id="" if job is None else job.meas)
        event.PartId = ua.PartIdDataType(Id=answer.serial)
        event.ProductId = ua.ProductIdDataType(Id="" if job is None else job.product)
        event.ExternalRecipeId = ua.RecipeIdExternalDataType(Id=answer.product)
        event.CreationTime = now
        event.IsPartial, event.IsSimulated = False, False
        event.ResultState = _COMPLETED
        event.ResultContent = json.dumps(result_of(answer))
        await self._results.trigger(message=str(answer.verdict))


def _id(variant: Any) -> str:
    """The `Id` of a structure that a client gave; empty where it gave none."""
    value = getattr(variant, "Value", variant)
    return str(getattr(value, "Id", "") or "")


async def _found(node: Node, name: str) -> Node:
    """The type of that name below another, at any depth."""
    from asyncua import ua

    for child in await node.get_children(refs=ua.ObjectIds.HasSubtype):
        if (await child.read_browse_name()).to_string() == name:
            return child
        try:
            return await _found(child, name)
        except LookupError:
            continue
    raise LookupError(name)
