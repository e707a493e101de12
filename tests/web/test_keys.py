"""Password and tokens: what is kept gives neither away, and what is damaged is refused."""

from __future__ import annotations

import json
import random

import pytest

from firmware.errors import CommandError, MalformedError
from firmware.web.access import GUESSES_MAX, PAUSE_MAX_S, PAUSE_S, Access
from firmware.web.keys import (
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    TOKENS_MAX,
    Keys,
    hash_password,
)

PASSWORD = "correct horse"


def with_token(keys: Keys, name: str, *, may_dial: bool = False) -> tuple[Keys, str]:
    return keys.with_token(name, may_dial=may_dial, random_bytes=random.Random(name).randbytes)


def test_password_and_token_open_after_they_were_kept() -> None:
    keys, text = with_token(Keys(hash_password(PASSWORD)), "Home Assistant", may_dial=True)
    kept = keys.encode()
    assert PASSWORD.encode() not in kept
    assert text.encode() not in kept
    again = Keys.decode(kept)
    assert again.is_password(PASSWORD)
    assert not again.is_password(PASSWORD + "!")
    token = again.token(text)
    assert token is not None
    assert (token.name, token.may_dial) == ("Home Assistant", True)
    assert again.token("") is None
    assert again.token(text[:-1] + "\ud800") is None


def test_hash_is_argon2id_with_the_cost_that_owasp_wants() -> None:
    assert hash_password(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_no_password_opens_where_none_is_set() -> None:
    assert not Keys().is_password("")
    assert not Keys("nonsense").is_password("nonsense")


@pytest.mark.parametrize("length", [0, PASSWORD_CHARACTERS_MIN - 1, PASSWORD_CHARACTERS_MAX + 1])
def test_password_that_is_too_short_or_too_long_is_refused(length: int) -> None:
    with pytest.raises(CommandError):
        hash_password("x" * length)


def test_token_that_was_taken_away_opens_nothing() -> None:
    keys, text = with_token(Keys(), "one")
    keys, other = with_token(keys, "two")
    keys = keys.without_token("one").without_token("three")
    assert keys.token(text) is None
    assert keys.token(other) is not None


def test_tokens_have_names_of_their_own_and_are_few() -> None:
    keys = Keys()
    for index in range(TOKENS_MAX):
        keys, _ = with_token(keys, f"program {index}")
    for name in ("one more", "program 3", "", "x" * 41, "a\nb"):
        with pytest.raises(CommandError):
            with_token(keys, name)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 9000,
        b"x" * 20_000,
        b'{"version": 2, "password": "", "tokens": []}',
        b'{"version": 1, "password": 3, "tokens": []}',
        b'{"version": 1, "password": "", "tokens": [1]}',
        b'{"version": 1, "password": "", "tokens": [{"name": "a", "digest": "b"}]}',
        json.dumps({"version": 1, "password": "", "tokens": [{}] * (TOKENS_MAX + 1)}).encode(),
    ],
)
def test_damaged_file_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Keys.decode(data)


def test_wrong_passwords_have_to_wait_longer_and_longer() -> None:
    door, now_s, waits_s = Access(random.Random(1).randbytes), 0.0, []
    for _ in range(8):
        for _ in range(GUESSES_MAX):
            assert not door.password_wait_s(now_s)
            assert door.tried_password(now_s, is_right=False) is None
        waits_s.append(door.password_wait_s(now_s))
        now_s += waits_s[-1]
    assert waits_s[:3] == [PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S]
    assert waits_s[-1] == PAUSE_MAX_S
    session = door.tried_password(now_s, is_right=True)
    assert session is not None
    assert door.knows(session, now_s)


def test_changed_password_ends_all_other_sessions() -> None:
    door = Access(random.Random(1).randbytes)
    mine, other = (door.tried_password(0.0, is_right=True) for _ in range(2))
    assert mine is not None
    assert other is not None
    door.end_others(mine)
    assert door.knows(mine, 1.0)
    assert not door.knows(other, 1.0)
