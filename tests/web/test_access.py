"""The door of the page: the right code once, few guesses, sessions that end."""

from __future__ import annotations

import random

import pytest

from firmware.web.access import (
    CODE_DIGITS,
    CODE_S,
    GUESSES_MAX,
    INVITATION_S,
    INVITATIONS_MAX,
    PAUSE_MAX_S,
    PAUSE_S,
    SESSION_S,
    SESSIONS_MAX,
    Access,
    is_near,
)


def access() -> Access:
    names = frozenset({"localhost", "fernruf.local"})
    return Access(random.Random(1).randbytes, names)


def right(door: Access, now_s: float = 0.0) -> str:
    code = door.code(now_s)
    assert code is not None
    return code


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def test_right_code_opens_a_session_once() -> None:
    door = access()
    code = right(door)
    token = door.enter(code, 1.0)
    assert token is not None
    assert door.knows(token, 2.0)
    assert door.enter(code, 3.0) is None, "a code is used up"


def test_code_stays_the_same_while_it_is_good() -> None:
    door = access()
    assert right(door, 0.0) == right(door, CODE_S - 1)
    assert right(door, 0.0) != right(door, CODE_S)


def test_old_code_opens_nothing() -> None:
    door = access()
    assert door.enter(right(door), CODE_S) is None


def test_nobody_enters_before_a_code_was_asked_for() -> None:
    assert access().enter("000000", 0.0) is None


def test_guesses_are_few_and_then_have_to_wait() -> None:
    door = access()
    code = right(door)
    for _ in range(GUESSES_MAX):
        assert door.enter(wrong(code), 1.0) is None
    assert door.enter(code, 1.0) is None, "the code was burnt"
    assert door.code(1.0 + PAUSE_S - 0.1) is None
    assert door.enter(right(door, 1.0 + PAUSE_S), 1.0 + PAUSE_S) is not None


def test_guessing_for_a_year_is_hopeless() -> None:
    door, now_s, guesses = access(), 0.0, 0
    while now_s < 365 * 86_400.0:
        code = door.code(now_s)
        if code is not None:
            for _ in range(GUESSES_MAX):
                assert door.enter(wrong(code), now_s) is None
            guesses += GUESSES_MAX
        assert 0.0 < door.code_wait_s(now_s) <= PAUSE_MAX_S
        now_s += door.code_wait_s(now_s)
    assert guesses / 10**CODE_DIGITS < 0.2, "and each burnt code is seen on the display"


def test_right_code_ends_the_long_pauses() -> None:
    door, now_s = access(), 0.0
    for _ in range(3):
        code = right(door, now_s)
        for _ in range(GUESSES_MAX):
            door.enter(wrong(code), now_s)
        now_s += door.code_wait_s(now_s)
    assert door.enter(right(door, now_s), now_s) is not None
    code = right(door, now_s)
    for _ in range(GUESSES_MAX):
        door.enter(wrong(code), now_s)
    assert door.code_wait_s(now_s) == PAUSE_S


def test_session_ends_when_it_is_not_used() -> None:
    door = access()
    token = door.enter(right(door), 0.0)
    assert token is not None
    assert door.knows(token, SESSION_S - 1)
    assert door.knows(token, 2 * SESSION_S - 2), "use keeps it"
    assert not door.knows(token, 3 * SESSION_S)


def test_session_that_was_left_is_unknown() -> None:
    door = access()
    token = door.enter(right(door), 0.0)
    assert token is not None
    door.leave(token)
    assert not door.knows(token, 1.0)


def test_at_the_limit_the_session_that_was_used_longest_ago_ends() -> None:
    door = access()
    tokens = [door.enter(right(door, float(i)), float(i)) for i in range(SESSIONS_MAX)]
    assert tokens[0] is not None
    assert tokens[1] is not None
    assert door.knows(tokens[0], 100.0)
    door.enter(right(door, 101.0), 101.0)
    assert door.knows(tokens[0], 102.0)
    assert not door.knows(tokens[1], 102.0)


def test_invitation_is_good_once_and_for_a_while() -> None:
    door = access()
    early, late = door.invite(0.0), door.invite(0.0)
    session = door.accept(early, INVITATION_S - 1)
    assert session is not None
    assert door.knows(session, INVITATION_S)
    assert door.accept(early, INVITATION_S - 1) is None
    assert door.accept(late, INVITATION_S) is None
    assert door.accept("", 0.0) is None


def test_invitations_are_few() -> None:
    door = access()
    first, *others = [door.invite(0.0) for _ in range(INVITATIONS_MAX + 1)]
    assert door.accept(first, 0.0) is None
    assert all(door.accept(each, 0.0) for each in others)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("fernruf.local", True),
        ("FERNRUF.local.:80", True),
        ("192.168.1.7", True),
        ("192.168.1.7:8080", True),
        ("[fe80::1]", True),
        ("[fe80::1]:80", True),
        ("localhost:1", True),
        ("evil.example", False),
        ("evil.example:80", False),
        ("fernruf.local.evil.example", False),
        ("", False),
        ("[fernruf", False),
    ],
)
def test_page_answers_to_its_own_names_only(host: str, is_ours: bool) -> None:
    assert access().answers_to(host) is is_ours


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.7.9", True),
        ("10.1.2.3", True),
        ("169.254.3.4", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::ffff:192.168.1.1", True),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("2606:4700::1", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_only_local_networks_are_near(address: str, near: bool) -> None:
    assert is_near(address) is near
