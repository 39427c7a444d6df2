"""Without its package each kind of link names the line that installs it, and the others still work."""

from __future__ import annotations

import json
import subprocess
import sys

NEEDS = {
    "modbus_server": ("pymodbus", "modbus", {}),
    "modbus_client": ("pymodbus", "modbus", {"host": "plc"}),
    "s7": ("snap7", "s7", {"host": "plc"}),
    "ads": ("pyads", "ads", {"host": "plc", "net_id": "1.2.3.4.1.1"}),
    "ethernetip": ("pylogix", "ethernetip", {"host": "plc"}),
    "gpio": ("gpiod", "gpio", {"trigger": 1, "results_valid": 2, "passed": 3}),
}
CODE = """
import json, sys
from lineside.core.errors import LinesideError
from lineside.outputs.plant.link import open_link
needs = json.loads(sys.argv[1])
gone = {package for package, _, _ in needs.values()}

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name in gone:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Gone())
said = {}
for kind, (_, _, settings) in needs.items():
    try:
        open_link({"kind": kind, **settings})
    except LinesideError as refusal:
        said[kind] = [refusal.code, str(refusal)]
open_link({"kind": "tcp"})
print(json.dumps(said))
"""


def test_what_is_not_installed_is_named_with_the_line_that_installs_it():
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(NEEDS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said) == set(NEEDS)
    for kind, (package, extra, _) in NEEDS.items():
        code, sentence = said[kind]
        assert code == "plugin.not_installed"
        assert f"lineside[{extra}]" in sentence
        assert package in sentence
