from __future__ import annotations

import random

import pytest

from firmware.errors import MalformedError
from firmware.media.path.checks import Ask, CheckCodec, Reply
from firmware.model import Endpoint

KEY = bytes(range(32))
TRANSACTION = bytes(12)
SOURCES = (Endpoint("192.0.2.1", 6881), Endpoint("2001:db8::1", 6881))
CALLER, CALLEE = CheckCodec(KEY, is_caller=True), CheckCodec(KEY, is_caller=False)


@pytest.mark.parametrize("nomination", [0, 1, 2**32 - 1])
def test_check_says_what_it_was_made_of(nomination: int) -> None:
    assert CALLEE.read(CALLER.ask(TRANSACTION, nomination)) == Ask(TRANSACTION, nomination)


@pytest.mark.parametrize("source", SOURCES)
def test_reply_tells_where_the_check_came_from_and_is_no_longer_than_it(source: Endpoint) -> None:
    request = CALLER.ask(TRANSACTION)
    reply = CALLEE.reply(Ask(TRANSACTION, 0), source)
    assert CALLER.read(reply) == Reply(TRANSACTION, source)
    assert len(reply) <= len(request)


def test_check_that_is_reflected_to_its_sender_is_nobodys() -> None:
    with pytest.raises(MalformedError):
        CALLER.read(CALLER.ask(TRANSACTION))


@pytest.mark.parametrize("make", ["ask", "reply"])
def test_check_of_another_call_is_refused(make: str) -> None:
    other = CheckCodec(bytes(32), is_caller=True)
    data = other.ask(TRANSACTION) if make == "ask" else other.reply(Ask(TRANSACTION, 0), SOURCES[0])
    with pytest.raises(MalformedError):
        CALLEE.read(data)


def test_truncated_or_changed_check_is_malformed() -> None:
    data = CALLER.ask(TRANSACTION, 7)
    for length in range(len(data)):
        with pytest.raises(MalformedError):
            CALLEE.read(data[:length])
    dice = random.Random(7)
    for _ in range(2000):
        place = dice.randrange(len(data) - 8)  # the fingerprint is optional
        changed = data[:place] + bytes([data[place] ^ dice.randrange(1, 256)]) + data[place + 1 :]
        with pytest.raises(MalformedError):
            CALLEE.read(changed)
