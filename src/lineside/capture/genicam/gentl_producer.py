"""A GenTL producer: a maker's library that reaches cameras, loaded once in a process."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from lineside.capture.genicam.bindings import bound
from lineside.core.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SEARCH_MS = 1000


class Producer:
    """A loaded producer and the cameras that it reaches.

    Args:
        path: Its `.cti` file.

    Raises:
        NotInstalledError: harvesters or genicam are not installed.
        SourceError: The file is not there, or is no producer.
    """

    def __init__(self, path: Path) -> None:
        self._gentl, self._core = bound("genicam.gentl", "gentl"), bound("harvesters.core", "gentl")
        self._path = path
        self._lock = Lock()
        self._open = 0
        if not path.is_file():
            raise SourceError(f"{path}: expected a GenTL producer, a .cti file; there is none")
        self._harvester = self._core.Harvester()
        try:
            self._harvester.add_file(str(path), check_validity=True)
        except (OSError, self._gentl.GenericException) as fault:
            raise SourceError(f"{path}: this GenTL producer cannot be loaded: {fault}") from fault

    def found(self) -> Sequence[Any]:
        """Its entries for the cameras that it reaches now.

        Raises:
            SourceError: It cannot look for cameras.
        """
        with self._lock:
            try:
                return self._searched()
            except self._gentl.GenericException as fault:
                raise SourceError(f"{self._path}: this GenTL producer finds no cameras: {fault}") from fault

    def _searched(self) -> Sequence[Any]:
        """Harvesters ends every open camera when it searches, so then the interfaces are asked one by one."""
        if not self._open:
            self._harvester.update()
            return list(self._harvester.device_info_list)
        known = self._harvester.device_info_list
        for interface in {id(info.parent): info.parent for info in known}.values():
            interface.update_device_info_list(_SEARCH_MS)
            names = {info.id_ for info in known}
            known.extend(
                self._core.DeviceInfo(module=info, parent=interface)
                for info in interface.device_info_list
                if info.id_ not in names
            )
        return list(known)

    def open(self, info: Any, who: str) -> Any:
        """Harvesters' object for a camera under our control; `closed` is called when it was destroyed.

        Raises:
            SourceError: It is in use, or does not answer.
        """
        genapi = bound("genicam.genapi", "gentl")
        with self._lock:
            try:
                acquirer = self._harvester.create(info)
            except (self._gentl.GenericException, genapi.GenericException, ValueError) as fault:
                raise SourceError(f"{who}: it cannot be opened: {fault}") from fault
            self._open += 1
            return acquirer

    def closed(self) -> None:
        """A camera of it was destroyed."""
        with self._lock:
            self._open -= 1


@lru_cache(maxsize=16)
def _loaded(path: Path) -> Producer:
    return Producer(path)


def producer(path: Path) -> Producer:
    """The producer of a file. One stays loaded: the standard lets a process initialise each only once.

    Args:
        path: Its `.cti` file.

    Raises:
        NotInstalledError: harvesters or genicam are not installed.
        SourceError: The file is not there, or is no producer.
    """
    return _loaded(path.resolve())


def names_of(info: Any) -> tuple[str, ...]:
    """What a camera may be called: serial number, identifier, the user's name, the maker's; those that the producer knows."""
    gentl = bound("genicam.gentl", "gentl")
    unknown = (gentl.NotAvailableException, gentl.NotImplementedException)
    names = []
    for what in ("serial_number", "id_", "user_defined_name", "display_name"):
        with suppress(*unknown):
            names.append(getattr(info, what))
    return tuple(name for name in names if name)
