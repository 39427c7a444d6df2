"""Machine-vision cameras without hardware: Aravis' fake, which speaks GigE Vision on loopback; pylon's emulator; a GenTL producer.

`LINESIDE_EXPECT=aravis,pylon,gentl` makes one that is missing a failure, so that continuous integration cannot pass it over.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from lineside.capture.camera import CameraSettings, open_camera
from lineside.core.errors import NotInstalledError

_GVCP_PORT = 3956  # the standard's; cameras differ by their addresses
_addresses = itertools.count(1)


def missing(name, reason):
    """Skip, or fail where the environment promises it."""
    if name in os.environ.get("LINESIDE_EXPECT", "").split(","):
        pytest.fail(f"LINESIDE_EXPECT promises {name}, but {reason}")
    pytest.skip(reason)


def require_aravis():
    """The fake camera's program; its library is there, too."""
    from lineside.capture.genicam.aravis_library import aravis

    program = shutil.which("arv-fake-gv-camera-0.8")
    if program is None:
        missing("aravis", "arv-fake-gv-camera-0.8 is not installed (apt-get install aravis-tools)")
    try:
        aravis()
    except NotInstalledError as error:
        missing("aravis", str(error))
    return program


def require_pylon():
    if find_spec("pypylon") is None:
        missing("pylon", "pypylon is not installed")
    os.environ.setdefault("PYLON_CAMEMU", "4")  # read whenever pylon looks for cameras


def require_gentl():
    """The producer inside the `genicam` wheel: three virtual cameras."""
    spec = find_spec("genicam")
    if spec is None or find_spec("harvesters") is None:
        missing("gentl", "harvesters and genicam are not installed")
    producer = Path(spec.origin).parent / "viky.cti"
    if not producer.exists():
        missing("gentl", f"{producer} is not in the wheel")
    return producer


@contextmanager
def loopback():
    """An address of this computer that no other test uses; only root, or sudo without a password, can make one."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    own = os.getpid() % 65_000 + 256
    address = f"127.{own >> 8}.{own & 0xFF}.{next(_addresses)}"
    made = subprocess.run(
        [*as_root, "ip", "addr", "add", f"{address}/8", "dev", "lo"], capture_output=True, check=False
    )
    if made.returncode:
        missing("aravis", f"no address on loopback can be made: {made.stderr.decode().strip()}")
    try:
        yield address
    finally:
        subprocess.run([*as_root, "ip", "addr", "del", f"{address}/8", "dev", "lo"], check=True)


class FakeGige:
    """A real GigE Vision device without a sensor, in a process of its own."""

    def __init__(self, program, address, lost_per_1000=0, description=None):
        self.address = address
        self.serial = "SN" + address.replace(".", "")
        self._command = [program, "-i", address, "-s", self.serial, "-r", str(lost_per_1000)]
        if description is not None:
            self._command += ["-g", str(description)]
        self._process = None
        self.start()

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until_s = time.monotonic() + 20
        while not _is_bound(self.address, _GVCP_PORT):
            assert self._process.poll() is None, "the fake camera has ended"
            assert time.monotonic() < until_s, "the fake camera does not start"
            time.sleep(0.01)

    def kill(self):
        """As when its plug is pulled."""
        self._process.kill()
        self._process.wait()

    def open(self, **settings):
        return open_camera(CameraSettings("top", f"gige:{self.address}", **settings))


def _is_bound(address, port):
    there = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{port:04X}"
    return any(line.split()[1] == there for line in Path("/proc/net/udp").read_text().splitlines()[1:])


@contextmanager
def fake_gige(lost_per_1000=0):
    """A fake GigE Vision camera at an address of its own."""
    program = require_aravis()
    with loopback() as address:
        fake = FakeGige(program, address, lost_per_1000)
        try:
            yield fake
        finally:
            fake.kill()


_PTP_NODES = """
  <Boolean Name="PtpEnable"><pValue>PtpEnableReg</pValue></Boolean>
  <Enumeration Name="PtpStatus">
    <EnumEntry Name="Disabled"><Value>0</Value></EnumEntry>
    <EnumEntry Name="Listening"><Value>1</Value></EnumEntry>
    <EnumEntry Name="Master"><Value>2</Value></EnumEntry>
    <EnumEntry Name="Slave"><Value>3</Value></EnumEntry>
    <pValue>PtpStatusReg</pValue>
  </Enumeration>
  <Integer Name="TestPtpStatus"><pValue>PtpStatusReg</pValue></Integer>
  <Command Name="PtpDataSetLatch"><pValue>PtpLatchReg</pValue><CommandValue>1</CommandValue></Command>
  <Integer Name="PtpOffsetFromMaster"><pValue>PtpOffsetReg</pValue></Integer>
"""
_PTP_REGISTER = """
  <IntReg Name="{name}"><Address>{address}</Address><Length>4</Length><AccessMode>{access}</AccessMode><pPort>Device</pPort>
    <Cachable>NoCache</Cachable><Sign>Signed</Sign><Endianess>BigEndian</Endianess></IntReg>
"""


def _description_of(address):
    """What a camera says of itself, in GenICam's XML."""
    from lineside.capture.genicam.aravis_library import aravis

    library, length = aravis(), ctypes.c_size_t()
    camera = library.call("fake", "camera_new", address.encode())
    text = library.device_get_genicam_xml(library.camera_get_device(camera), ctypes.byref(length))
    own = ctypes.string_at(text, length.value).decode()
    library.glib.unref(camera)
    return own


@contextmanager
def fake_gige_with_ptp(folder):
    """Aravis' fake, described as a camera that has PTP: its states are plain memory of the device, which the test writes."""
    program = require_aravis()
    registers = {"PtpEnableReg": "RW", "PtpStatusReg": "RW", "PtpLatchReg": "WO", "PtpOffsetReg": "RW"}
    nodes = _PTP_NODES + "".join(
        _PTP_REGISTER.format(name=name, access=access, address=hex(0x8000 + 4 * i))
        for i, (name, access) in enumerate(registers.items())
    )
    with fake_gige() as plain:
        own = _description_of(plain.address)
    description = folder / "ptp.xml"
    description.write_text(own.replace("</RegisterDescription>", f"{nodes}</RegisterDescription>"))
    with loopback() as address:
        fake = FakeGige(program, address, description=description)
        try:
            yield fake
        finally:
            fake.kill()


@contextmanager
def fake_gige_with_chunks(fps=50):
    """viva-genicam's fake at an address of its own: unlike Aravis', it writes chunk data behind its pictures."""
    if find_spec("viva_genicam") is None:
        missing("viva", "viva-genicam is not installed")
    from viva_genicam.testing import FakeGigeCamera

    with loopback() as address, FakeGigeCamera(64, 48, fps, bind_ip=address):
        yield address


def next_frame(camera, patience_s=15.0):
    """The camera's next picture."""
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        if (frame := camera.read(0.5)) is not None:
            return frame
    raise AssertionError(f"no picture within {patience_s} s")
