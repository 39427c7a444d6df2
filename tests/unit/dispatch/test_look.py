from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import CancelledError, as_completed, wait

import pytest

from lineside.core.errors import UnansweredError
from lineside.core.verdict import Reason
from lineside.dispatch.look import LookFuture

REFUSAL = UnansweredError("too late", Reason.LATE)


def later(do):
    """Do something in another thread."""
    thread = threading.Thread(target=do)
    thread.start()
    return thread


def test_an_answer_is_there_for_whoever_asks_after_it():
    future = LookFuture()
    assert not future.done()
    future.settle("seen")
    assert future.done()
    assert future.result() == "seen"
    assert future.exception() is None
    assert "finished" in repr(future)


def test_a_refusal_is_raised():
    future = LookFuture()
    future.settle(None, REFUSAL)
    assert future.exception() is REFUSAL
    with pytest.raises(UnansweredError, match="too late"):
        future.result()


@pytest.mark.parametrize("refusal", [None, REFUSAL], ids=["answer", "refusal"])
def test_whoever_waits_already_is_woken(refusal):
    future = LookFuture()
    waits, seen = threading.Event(), []

    def waiter():
        waits.set()
        seen.append(future.exception(10))

    threads = [later(waiter) for _ in range(3)]
    assert waits.wait(10)
    future.settle("seen", refusal)
    for thread in threads:
        thread.join(10)
    assert seen == [refusal] * 3


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_asked():
    with pytest.raises(TimeoutError):
        LookFuture().result(0.001)


def test_a_group_of_futures_is_waited_for_as_any_others():
    futures = [LookFuture() for _ in range(4)]
    futures[0].settle(0)
    assert wait(futures, 0).done == {futures[0]}
    thread = later(lambda: [future.settle(number) for number, future in enumerate(futures) if number])
    assert {future.result() for future in as_completed(futures, 10)} == {0, 1, 2, 3}
    assert not wait(futures, 10).not_done
    thread.join(10)


def test_a_refusal_and_a_cancellation_end_a_wait_for_a_group():
    futures = [LookFuture() for _ in range(2)]
    futures[1].cancel()
    thread = later(lambda: (futures[0].settle(None, REFUSAL), futures[1].settle("nobody waits")))
    assert not wait(futures, 10).not_done
    thread.join(10)
    assert futures[1].cancelled()


def test_it_can_be_awaited():
    async def ask():
        future = LookFuture()
        thread = later(lambda: future.settle("seen"))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), 10)
        finally:
            thread.join(10)

    assert asyncio.run(ask()) == "seen"


def test_callbacks_are_called_once_in_their_order_and_at_once_where_it_is_done():
    future, called = LookFuture(), []
    future.add_done_callback(lambda done: called.append((1, done)))
    future.add_done_callback(lambda done: called.append((2, done)))
    future.settle("seen")
    future.settle("seen again")
    future.add_done_callback(lambda done: called.append((3, done)))
    assert called == [(1, future), (2, future), (3, future)]
    assert future.result() == "seen"


def test_a_callback_that_fails_is_logged_and_the_next_one_called(caplog):
    future, called = LookFuture(), []
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(called.append)
    future.settle("seen")
    future.add_done_callback(lambda _: 1 / 0)
    assert called == [future]
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError] * 2


def test_a_callback_that_asks_to_exit_ends_no_thread_of_a_workers(caplog):
    future, called = LookFuture(), []
    future.add_done_callback(lambda _: sys.exit("stop"))
    future.add_done_callback(called.append)
    later(lambda: (future.settle("seen"), called.append("went on"))).join(10)
    assert called == [future, "went on"]
    assert caplog.records[0].exc_info[0] is SystemExit


def test_a_program_that_is_asked_to_exit_during_a_callback_does():
    future = LookFuture()
    future.add_done_callback(lambda _: sys.exit("stop"))  # as a handler of a signal would in the main thread
    with pytest.raises(SystemExit):
        future.settle("seen")


def test_one_that_was_cancelled_stays_so():
    future, called = LookFuture(), []
    future.add_done_callback(called.append)
    assert future.cancel()
    future.settle("seen")
    assert called == [future]
    with pytest.raises(CancelledError):
        future.result()


def test_answers_reach_every_waiter_whoever_is_first():
    for _ in range(300):
        future, called = LookFuture(), []
        threads = [
            later(lambda f=future: f.settle(7)),
            later(lambda f=future, c=called: f.add_done_callback(c.append)),
        ]
        assert future.result(10) == 7
        for thread in threads:
            thread.join(10)
        assert called == [future]
