from __future__ import annotations

import multiprocessing
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.dispatch.channel import Channel


@pytest.fixture
def ends():
    there, here = multiprocessing.Pipe(duplex=False)
    with there, here:
        yield Channel(here), Channel(there), here, there


@given(messages=st.lists(st.binary(max_size=3000), max_size=12))
def test_messages_arrive_as_they_were_sent_and_apart(messages):
    there, here = multiprocessing.Pipe(duplex=False)
    with there, here:
        sender, receiver = Channel(here), Channel(there)
        for message in messages:
            sender.send(message)  # at most 36 kB: a pipe takes that without a reader
        assert [receiver.receive() for _ in messages] == messages


def test_a_message_larger_than_a_pipe_arrives_whole(ends):
    sender, receiver, _, _ = ends
    message = bytes(range(256)) * 8192
    thread = threading.Thread(target=lambda: [sender.send(message), sender.send(b"after")])
    thread.start()
    assert receiver.receive() == message
    assert receiver.receive() == b"after"
    thread.join()


def test_what_was_sent_before_the_end_was_closed_is_heard_and_then_its_end(ends):
    sender, receiver, here, _ = ends
    sender.send(b"last")
    here.close()
    assert receiver.receive() == b"last"
    with pytest.raises(EOFError):
        receiver.receive()


def test_where_nobody_hears_it_that_is_told(ends):
    sender, _, _, there = ends
    there.close()
    with pytest.raises(OSError, match="pipe"):
        sender.send(b"x")
    sender.close()
    with pytest.raises(OSError, match="descriptor"):
        sender.send(b"x")
