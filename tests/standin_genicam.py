"""A machine-vision camera made of a table of features and a list of buffers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from lineside.capture.genicam.device import Grabbed, Node, NodeKind
from lineside.core.errors import SettingsError, SourceError
from lineside.core.geometry import Size


class TableNodes:
    """Features in a table: a node and its value. `TriggerMode` is one for each entry of `TriggerSelector`."""

    def __init__(self, **features):
        self.table = {name: list(pair) for name, pair in features.items()}
        self.log = []
        self.modes = {}
        self.rounds_to = {}

    def names(self):
        return list(self.table)

    def describe(self, name):
        return self.table[name][0] if name in self.table else None

    def get(self, name):
        if name == "TriggerMode" and "TriggerSelector" in self.table:
            return self.modes.get(self.get("TriggerSelector"), "Off")
        if self.table[name][1] is SettingsError:
            raise SettingsError(f"{name} cannot be read")
        return self.table[name][1]

    def set(self, name, value):
        self.log.append((name, value))
        if name == "TriggerMode" and "TriggerSelector" in self.table:
            self.modes[self.get("TriggerSelector")] = value
        elif self.table[name][0].kind is not NodeKind.COMMAND:
            self.table[name][1] = self.rounds_to.get(name, value)


def integer(value, low=0, high=4096, step=1, *, writable=True):
    return Node(NodeKind.INTEGER, writable, low, high, step), value


def real(value, low=0.0, high=1e6):
    return Node(NodeKind.FLOAT, low=low, high=high), value


def choice(value, *entries):
    return Node(NodeKind.ENUMERATION, entries=entries), value


def switch(value):
    return Node(NodeKind.BOOLEAN), value


def command():
    return Node(NodeKind.COMMAND), None


def triggered_nodes(**more):
    """What a camera with triggers has."""
    return TableNodes(
        PixelFormat=choice("Mono8", "Mono8", "Mono12", "Jpeg"),
        Width=integer(4),
        Height=integer(2),
        TriggerSelector=choice("AcquisitionStart", "AcquisitionStart", "FrameStart"),
        TriggerMode=choice("Off", "On", "Off"),
        TriggerSource=choice("Line0", "Software", "Line0", "Line1"),
        TriggerActivation=choice("RisingEdge", "RisingEdge", "FallingEdge"),
        TriggerSoftware=command(),
        AcquisitionFrameRate=real(25.0, 1, 100),
        AcquisitionFrameRateEnable=switch(False),
        **more,
    )


@dataclass
class ListDevice:
    """Hands out the buffers of a list; an error in it is raised, a number is how many pictures found no room by then."""

    nodes: TableNodes = field(default_factory=triggered_nodes)
    buffers: list = field(default_factory=list)
    number_bits: int = 0
    is_started: bool = False
    closed: int = 0
    released: list = field(default_factory=list)
    without_room: int = 0
    next_buffers: list = field(default_factory=list)
    chunks: tuple = ()

    def read_chunks(self, names):
        self.chunks = tuple(names)

    def start(self):
        self.is_started = True
        self.left = deque(self.buffers)
        self.buffers = self.next_buffers

    def stop(self):
        self.is_started = False
        self.left.clear()

    def grab(self, timeout_s):
        while self.left and isinstance(self.left[0], int):
            self.without_room = self.left.popleft()
        if not self.left:
            return None
        one = self.left.popleft()
        if isinstance(one, SourceError):
            raise one
        return replace(one, release=lambda: self.released.append(one.number))

    def no_room(self):
        return self.without_room

    def close(self):
        self.closed += 1


def buffer(number, level=7, **other):
    """A grey picture of 4x2."""
    about = {
        "raw": np.full(8, level, np.uint8), "form": "Mono8", "size": Size(2, 4), "number": number, **other
    }  # fmt: skip
    return Grabbed(release=lambda: None, **about)


def damaged(number=None):
    return Grabbed(lambda: None, np.empty(0, np.uint8), number=number, fault="packets are missing")
