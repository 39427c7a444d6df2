from __future__ import annotations

from lineside.engine.speed import Speed, interleaved


class Devices:
    """Devices with a time for each run, on a clock of their own."""

    def __init__(self, **takes_s: float) -> None:
        self.now_s = 0.0
        self.order: list[str] = []
        self.runs = {name: lambda name=name, s=s: self._run(name, s) for name, s in takes_s.items()}

    def _run(self, name: str, takes_s: float) -> None:
        self.order.append(name)
        self.now_s += takes_s

    def measured(self, **limits):
        words = list(interleaved(self.runs, clock=lambda: self.now_s, **limits))
        return dict(word for word in words if not isinstance(word, str))


def test_devices_take_turns_until_each_has_used_its_time():
    devices = Devices(quick=0.25, slow=0.5)
    assert devices.measured(budget_s=1.0) == {"quick": (0.25, 4), "slow": (0.5, 2)}
    assert devices.order == ["quick", "slow", "quick", "slow", "quick", "quick"]


def test_a_device_slower_than_its_time_still_runs_once():
    assert Devices(very_slow=9.0).measured(budget_s=1.0) == {"very_slow": (9.0, 1)}


def test_a_quick_device_stops_where_more_runs_would_tell_nothing():
    assert Devices(quick=0.001).measured(budget_s=1.0, most=5)["quick"][1] == 5


def test_the_device_that_is_about_to_run_is_named_first():
    words = interleaved({"a": lambda: None}, clock=lambda: 0.0, most=1)
    assert list(words) == ["a", ("a", (0.0, 1))]


def test_a_speed_says_what_ran_where_or_why_not():
    assert str(Speed(12.34, 80, 0.98, "float16")) == "12.3 ms, 98% of the nodes, float16"
    assert str(Speed(None, fault="out of memory")) == "did not run the small model: out of memory"
