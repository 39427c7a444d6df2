"""Work for a process of its own: fine, or as bad as drivers are."""

from __future__ import annotations

import os
import time


def fine(items):
    for item in items:
        yield item
        yield item, item.upper()


def crashes_at_b(items):
    for item in items:
        yield item
        if item == "b":
            os.abort()
        yield item, item.upper()


def hangs_at_a(items):
    for item in items:
        yield item
        if item == "a":
            time.sleep(3600)
        yield item, item.upper()


def raises_at_c(items):
    for item in items:
        yield item
        if item == "c":
            raise KeyError("no such thing")
        yield item, item.upper()


def crashes_after_all_began(items):
    yield from items
    if "b" in items:
        yield "b"
        os.abort()
    yield from ((item, item.upper()) for item in items)


def prints(items):
    for item in items:
        os.write(1, b"a library prints this")
        os.write(2, b"and logs that")
        yield item, item.upper()
