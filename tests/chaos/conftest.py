"""What all the lines of these tests borrow, because it takes seconds to make."""

from __future__ import annotations

import pytest

pytest.importorskip("pymodbus", reason="the extra modbus is not installed")

from chaos_line import Chaos, SharedEngine, learned, said
from lineside.core.verdict import Verdict

CLEAN = 14  # parts; no line sees more


@pytest.fixture(scope="package")
def baselines():
    return learned()


@pytest.fixture(scope="package")
def engines():
    """The engines that lines borrow, each opened when it is first asked for."""
    opened = {}

    def engine(kind):
        if kind not in opened:
            opened[kind] = getattr(SharedEngine, f"of_{kind}")()
        return opened[kind]

    yield engine
    for shared in opened.values():
        shared.engine.close()


@pytest.fixture(scope="package")
def clean(tmp_path_factory, baselines, engines):
    """What is said of each part where nothing breaks."""
    with Chaos(tmp_path_factory.mktemp("clean"), baselines, engines("threads")) as line:
        line.parts(CLEAN)
    line.check_once()
    line.check_kept()
    verdicts = {answer.part: said(answer) for answer in line.answers}
    assert {verdict for verdict, _, _ in verdicts.values()} == {Verdict.PASS, Verdict.FAIL}
    return verdicts
