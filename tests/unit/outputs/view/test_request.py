"""What is read of a browser's request, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lineside.outputs.view.answer import Answer
from lineside.outputs.view.place import Address
from lineside.outputs.view.request import Request, parsed, refusal_of

HERE = Address("127.0.0.1", 8080)


def refused(host, address=HERE, hosts=(), **headers):
    answer = refusal_of(Request("GET", "/", {"host": host, **headers}), address, hosts)
    return None if answer is None else answer.status


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:9000", "[::1]:8080", "127.0.0.1"])
def test_this_machine_may_be_called_by_its_own_names(host):
    assert refused(host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.5",
        "",
        "localhost@evil",
        "a b",
        "[::1",
        "localhost.evil:80",
    ],
)
def test_a_foreign_name_that_points_here_is_refused(host):
    assert refused(host) == 421


def test_a_public_view_answers_to_addresses_and_to_the_names_that_were_given():
    public = Address("0.0.0.0", 80)
    assert refused("10.0.0.5", public) is None
    assert refused("line-1.plant:80", public) == 421
    assert refused("line-1.plant:80", public, ["Line-1.plant"]) is None


def test_another_sites_page_may_link_here_and_embed_nothing():
    assert refused("localhost", **{"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}) == 403
    assert refused("localhost", **{"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}) is None
    assert refused("localhost", **{"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}) is None


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a", 405),
        (b"GET / HTTP/2", 400),
        (b"GET http://a/ HTTP/1.1", 400),
        (b"GET /\x00 HTTP/1.1", 400),
        (b"", 400),
        (b"GET / HTTP/1.1\r\nno header", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded", 400),
    ],
)
def test_what_is_no_plain_request_is_refused(head, status):
    assert parsed(head).status == status


def test_what_stands_behind_the_question_mark_is_left_out():
    assert parsed(b"GET /a?b=../../c HTTP/1.1\r\nHost: x\r\nX-A:  b ").path == "/a"


@given(st.binary(max_size=300))
@example(b"GET / HTTP/1.1\r\nHost: \xff")
def test_any_bytes_are_a_request_or_are_refused(head):
    assert isinstance(parsed(head), Request | Answer)
