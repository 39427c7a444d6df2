from __future__ import annotations

import json
import subprocess
import sys

import pytest

from environments import made_wheel, without_onnxruntime

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="environments are made of links")


@pytest.fixture
def elsewhere(tmp_path):
    """Runs the command in an environment without onnxruntime, or with what stands in `place`."""
    place = tmp_path / "place"
    place.mkdir()
    variables = without_onnxruntime(tmp_path, place)

    def run(*arguments: object, code: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-S", "-m", "lineside.cli.app", *map(str, arguments)],
            cwd=tmp_path,
            env=variables | {"LINESIDE_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{done.returncode}: {done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr + done.stdout
        return done

    run.place = place
    return run


def row(document, name):
    return next(each for each in document["providers"] if each["name"] == name)


def test_the_cpu_is_ready_and_told_with_its_hardware(cli):
    document = json.loads(cli("devices", "--json", "--no-measure").stdout)
    assert document["schema"] == 1
    assert row(document, "cpu")["state"] == "ready"
    assert document["hardware"]["processor"]["usable"] >= 1
    assert document["runtime"]["conflict"] == ""


def test_the_tables_name_the_hardware_and_the_providers(cli):
    shown = cli("devices", "--no-measure").stdout
    assert "HARDWARE" in shown
    assert "PROVIDERS" in shown
    assert "cpu:0" in shown


def test_without_a_runtime_the_hardware_and_the_line_are_told_and_the_exit_code_is_3(elsewhere):
    document = json.loads(elsewhere("devices", "--json", code=3).stdout)
    assert row(document, "cpu")["state"] == "not installed"
    assert row(document, "cpu")["lines"] == ["pip install 'lineside[cpu]'"]
    assert "pip install 'lineside[cpu]'" in [offer["line"] for offer in document["offers"]]
    assert "pip install 'lineside[cpu]'" in elsewhere("devices", code=3).stdout


def test_two_wheels_are_told_with_the_two_lines_that_mend_it(elsewhere):
    made_wheel(elsewhere.place, "onnxruntime", "1.32.0")
    made_wheel(elsewhere.place, "onnxruntime-gpu", "1.31.1")
    shown = elsewhere("devices", code=3).stdout
    assert "onnxruntime 1.32.0 and onnxruntime-gpu 1.31.1 are installed together" in shown
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in shown


def test_the_shell_that_a_removed_wheel_leaves_is_told(elsewhere):
    made_wheel(elsewhere.place, "onnxruntime", "1.32.0")
    (elsewhere.place / "onnxruntime" / "__init__.py").unlink()
    document = json.loads(elsewhere("devices", "--json", code=3).stdout)
    assert "onnxruntime is damaged" in document["runtime"]["conflict"]
    assert row(document, "cpu")["state"] == "wheels conflict"


def test_a_command_that_needs_the_runtime_refuses_two_wheels(elsewhere, plant):
    made_wheel(elsewhere.place, "onnxruntime", "1.32.0")
    made_wheel(elsewhere.place, "onnxruntime-gpu", "1.31.1")
    told = elsewhere("detect", plant.model, plant.pictures[0], code=3).stderr
    assert "[plugin.runtime_conflict]" in told
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in told
    assert "pip install 'lineside[" in told


def test_each_device_is_timed_with_the_small_model(cli):
    document = json.loads(cli("devices", "--json").stdout)
    (device,) = row(document, "cpu")["devices"]
    assert device["speed"]["p50_ms"] > 0
    assert device["speed"]["runs"] >= 1
    assert (device["speed"]["share"], device["speed"]["precision"]) == (1.0, "float32")


def test_a_list_is_tried_and_each_entry_is_told(cli):
    report = json.loads(cli("devices", "--devices", "tensorrt:7,cpu", "--json").stdout)
    assert (report["got"], report["demoted"]) == ("cpu", True)
    assert [one["placement"] for one in report["passed_over"]] == ["tensorrt:7"]
    shown = cli("devices", "--devices", "tensorrt:7,cpu").stdout
    assert "passed over" in shown
    assert "100% of the nodes" in shown


def test_a_list_whose_first_entry_must_work_and_does_not_is_exit_3(cli):
    shown = cli("devices", "--devices", "tensorrt:7,cpu", "--demotion", "require", code=3).stdout
    assert "passed over" in shown
    cli("devices", "--devices", "cpu", "--demotion", "require", code=0)


def test_a_list_of_which_nothing_works_is_exit_3_with_the_reason(cli):
    assert "[device." in cli("devices", "--devices", "tensorrt:7", code=3).stderr


@pytest.mark.parametrize("listed", ["", "tensorrrt", "cpu?threads", "cpu?no_such_option=1"])
def test_a_list_that_is_malformed_is_exit_2(cli, listed):
    assert "[settings." in cli("devices", "--devices", listed, code=2).stderr


def test_a_demotion_that_does_not_exist_is_exit_2(cli):
    assert "prefer or require" in cli("devices", "--demotion", "never", code=2).stderr
