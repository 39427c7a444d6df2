"""Device profiles and the notation of a list of devices."""

from __future__ import annotations

import pytest

from lineside.core.errors import ModelOutputError, SettingsError, UnknownNameError
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.simulation.handover import Handover
from lineside.dispatch.simulation.measuring import measure_profile
from lineside.dispatch.simulation.profile_text import check_profiles, write_profiles
from lineside.dispatch.simulation.profiles import (
    DeviceProfile,
    ProfileFile,
    parse_devices,
    read_profiles,
    shipped,
    shipped_profiles,
)

KNOWN = shipped_profiles()


def test_every_shipped_profile_says_that_it_is_assumed():
    assert KNOWN
    assert all(profile.source.startswith("assumed") for profile in KNOWN.values())


def test_a_list_names_devices_one_by_one():
    devices = parse_devices("fastx2, cpu", KNOWN)
    assert [device.name for device in devices] == ["fast-1", "fast-2", "cpu-1"]
    assert devices[0].times.seconds[1] == pytest.approx(0.002)


def test_times_can_be_given_in_the_list():
    card, _, cpu = parse_devices("card=1.5+2.5b@4x2,cpu2=14", KNOWN)
    assert card.times.seconds == pytest.approx((0, 0.004, 0.0065, 0.009, 0.0115))
    assert cpu.times.seconds == pytest.approx((0, 0.014))
    assert cpu.name == "cpu2-1"


def test_a_name_that_ends_like_a_count_is_a_name_where_it_is_known():
    known = {"gx2": DeviceProfile("gx2", ServiceTimes((0.0, 0.003)), "a test")}
    assert [d.name for d in parse_devices("gx2,gx2x2", known)] == ["gx2-1", "gx2-2", "gx2-3"]


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match=r'no profile "fats"; did you mean "fast"\? known: fast, mid'):
        parse_devices("fatsx2", KNOWN)


@pytest.mark.parametrize("text", ["rtx5090", "rtx5090x2", "rtx50900"])
def test_a_card_whose_name_looks_like_a_count_is_told_by_its_name(text):
    with pytest.raises(UnknownNameError, match=r'no profile "rtx5090'):
        parse_devices(text, KNOWN)


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "100000000", "05"])
@pytest.mark.parametrize("what", ["rtx4000", "card=1+1b@8"])
def test_a_count_that_is_none_is_told(what, count):
    with pytest.raises(SettingsError, match=f'expected a count of 1 to 9999 after "x"; got "{count}"'):
        parse_devices(f"{what}x{count}", KNOWN)


@pytest.mark.parametrize(
    "text", ["", " , ", "fast*2", "x2", "card=", "card=fast", "card=0", "card=1+1b@0", "2x"]
)
def test_another_form_is_refused_with_the_right_one(text):
    with pytest.raises(SettingsError, match=r"devices: (expected a comma list|no profile)"):
        parse_devices(text, KNOWN)


@pytest.mark.parametrize("times", ["0.0000001", "0.001+0.001b@8"])
def test_a_run_that_takes_no_time_is_refused(times):
    with pytest.raises(SettingsError, match=r"expected at least 0\.01 ms for a run of one picture"):
        parse_devices(f"card={times}", KNOWN)


def test_one_name_has_one_set_of_times():
    with pytest.raises(SettingsError, match='"card" stands there with two sets of times'):
        parse_devices("card=1+1b,card=2+1b", KNOWN)


def test_a_profile_comes_back_from_its_file_and_leaves_the_others(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[profiles.a]\nmilliseconds = {1 = 3.0, 2 = 5.0}\nsource = "by hand"\n')
    write_profiles(
        path,
        ProfileFile({"here": DeviceProfile("here", ServiceTimes((0.0, 0.0125)), 'measured: "this" machine')}),
    )
    found = read_profiles(path).profiles
    assert sorted(found) == ["a", "here"]
    assert found["a"].times.seconds == pytest.approx((0, 0.003, 0.005))
    assert found["here"].times.seconds == pytest.approx((0, 0.0125))
    assert found["here"].source == "measured: 'this' machine"


HERE = ProfileFile(
    {"here": DeviceProfile("here", ServiceTimes((0.0, 0.0125)), "measured")}, Handover.constant(5)
)

BY_HAND = """# the cards of the press line
[profiles.press]  # the newer one
milliseconds = { 1 = 3.1, 2 = 4.4, 4 = 7.2, 8 = 12.9 }
source = 'by "hand"'

[ profiles . here ]
source = "long ago"
[profiles.here.milliseconds]
1 = 99

# of the other computer
[handover]
start_us = { 50 = 100 }
end_us = { 50 = 80 }
source = "told"

[profiles.last]
milliseconds = { 1 = 7 }
source = "a guess" # to be measured"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_somebody_wrote_stays_when_a_measured_profile_comes(tmp_path, mark, end):
    path = tmp_path / "mine.toml"
    path.write_bytes((mark + BY_HAND.replace("\n", end)).encode())
    write_profiles(path, HERE)
    text = path.read_bytes().decode().replace(end, "\n")
    found = read_profiles(path)
    first, _, rest = BY_HAND.partition("[ profiles . here ]")
    assert text.startswith(mark + first)
    assert "# of the other computer\n[handover]\n" in text
    assert text.endswith(rest[rest.index("[profiles.last]") :])
    assert found.profiles["here"].times.seconds == pytest.approx((0, 0.0125))
    assert found.handover.start_s == ((50, 5e-6),)
    again = path.read_bytes()
    write_profiles(path, HERE)
    assert path.read_bytes() == again


def test_a_profile_in_a_form_that_cannot_be_replaced_alone_is_told_before_it_is_measured(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[profiles]\nhere.milliseconds = { 1 = 3 }\nhere.source = 'x'\n")
    with pytest.raises(SettingsError, match=r"profiles\.here cannot be replaced without touching the rest"):
        check_profiles(path, HERE)


def test_a_hand_over_comes_back_from_its_file_and_stays_with_the_next_profile(tmp_path):
    path = tmp_path / "mine.toml"
    spread = {50: 110.0, 99: 270.0, 99.9: 400.0}
    handover = Handover.measured(spread, {50: 70.0}, "measured", settle=8, each=5.5, next=9, python=37)
    write_profiles(path, ProfileFile({}, handover))
    write_profiles(
        path, ProfileFile({"here": DeviceProfile("here", ServiceTimes((0.0, 0.0125)), "measured")})
    )
    found = read_profiles(path)
    assert found.handover == handover
    assert list(found.profiles) == ["here"]


def test_a_file_goes_before_what_comes_with_lineside():
    mine = ProfileFile({}, Handover.constant(5))
    assert mine.over(shipped()).handover == mine.handover
    assert mine.over(shipped()).profiles == KNOWN
    assert ProfileFile({}).over(shipped()).handover == shipped().handover


def test_the_shipped_hand_over_says_where_it_was_measured():
    assert shipped().handover.source.startswith("measured ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[handover]\nstart_us = {50 = 3}\nend_us = {50 = 3}", "handover.source: this key is missing"),
        ("[handover]\nstart_us = {}\nend_us = {50 = 3}\nsource = 'x'", "handover.start_us"),
        ("[handover]\nstart_us = {101 = 3}\nend_us = {50 = 3}\nsource = 'x'", "handover.start_us"),
        ("[handover]\nstart_us = {50 = -3}\nend_us = {50 = 3}\nsource = 'x'", "handover.start_us"),
        ("[profiles", "no TOML"),
        (
            "[profiles.a]\nmilliseconds = {1 = 3}\nsuorce = 'x'",
            'profiles.a.suorce: no such key; did you mean "source"',
        ),
        ("[profiles.a]\nmilliseconds = {1 = 3}", "profiles.a.source: this key is missing"),
        ("[profiles.a]\nmilliseconds = {1 = 0}\nsource = 'x'", "expected greater than 0; got 0"),
        (
            "[profiles.a]\nmilliseconds = {1 = 1e-6}\nsource = 'x'",
            "expected at least 0.01 ms for a run; got 1e-06",
        ),
        ("[profiles.a]\nmilliseconds = {2 = 3}\nsource = 'x'", "profiles.a.milliseconds: .*batch of 1"),
        ("[profiles.a]\nmilliseconds = {one = 3}\nsource = 'x'", "profiles.a.milliseconds.one"),
        ("[profiles.a]\nmilliseconds = {1 = 3, 999 = 5}\nsource = 'x'", "batches of at most 256"),
        ("[profiles.'a b']\nmilliseconds = {1 = 3}\nsource = 'x'", 'got "a b"'),
    ],
)
def test_a_malformed_file_is_refused_with_its_key(tmp_path, text, says):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says):
        read_profiles(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml: the profiles cannot be read"):
        read_profiles(tmp_path / "none.toml")


class Batches:
    """Calls of a model that takes so many seconds by batch size, on a clock of its own."""

    def __init__(self, seconds, fails_at=None):
        self.now_s, self.seconds, self.fails_at = 0.0, seconds, fails_at

    def __call__(self, size=1):
        if size == self.fails_at:
            raise ModelOutputError("a batch is answered otherwise than alone")
        self.now_s += self.seconds[size]

    def profile(self):
        return measure_profile("here", self, batch=self, source="a test", runs=4, clock=lambda: self.now_s)


def test_batches_are_measured_as_far_as_each_size_pays():
    found = Batches({1: 0.010, 2: 0.014, 4: 0.020, 8: 0.0399}).profile()
    assert found.times.max_batch == 4
    assert found.times.seconds[1:] == pytest.approx((0.010, 0.014, 0.017, 0.020))


def test_a_model_that_answers_otherwise_in_batches_is_planned_with_one_picture_a_run():
    found = Batches({1: 0.010, 2: 0.014, 4: 0.020}, fails_at=4).profile()
    assert found.times.max_batch == 1
    assert "otherwise than alone" in found.source


def test_a_measured_profile_is_the_median_of_the_calls():
    ticks = iter([0.0, 0.010, 1.0, 1.030, 2.0, 2.012])
    calls = []
    found = measure_profile(
        "here", lambda: calls.append(1), source="a test", runs=3, clock=lambda: next(ticks)
    )
    assert found.times.seconds == pytest.approx((0.0, 0.012))
    assert len(calls) == 6
