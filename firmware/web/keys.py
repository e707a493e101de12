"""What opens the page and the API for good: a password, and tokens for programs.

Knows no file: `encode` gives what is to be kept, and neither the password nor a token can be had
out of it. The memory-hard hash takes a tenth of a second: call it in a worker thread.
Source: RFC 9106 (Argon2id); OWASP's password storage cheat sheet (19 MiB, two passes, one lane).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import argon2
from argon2.low_level import Type

from firmware.errors import CommandError, MalformedError

KEYS_FILE = "page.json"  # in the state directory
PASSWORD_CHARACTERS_MIN = 8
PASSWORD_CHARACTERS_MAX = 256
TOKENS_MAX = 16
TOKEN_NAME_CHARACTERS_MAX = 40
TOKEN_BYTES = 32
FILE_BYTES_MAX = 16_384
VERSION = 1
_HASHER = argon2.PasswordHasher(
    time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)


@dataclass(frozen=True, slots=True)
class Token:
    """A program that may ask: SHA-256 of its token, which has 256 bits, needs no slow hash."""

    name: str
    digest: str
    may_dial: bool


@dataclass(frozen=True, slots=True)
class Keys:
    """All of them; a change makes a new value."""

    password_hash: str = ""  # in PHC's form; empty = there is none
    tokens: tuple[Token, ...] = ()

    def encode(self) -> bytes:
        """What is kept."""
        kept = {"version": VERSION, "password": self.password_hash}
        return json.dumps(kept | {"tokens": [asdict(each) for each in self.tokens]}).encode()

    @classmethod
    def decode(cls, data: bytes) -> Keys:
        """What was kept; MalformedError for anything else."""
        try:
            if len(data) > FILE_BYTES_MAX:
                raise ValueError
            found = json.loads(data)
            if found["version"] != VERSION or len(found["tokens"]) > TOKENS_MAX:
                raise ValueError
            tokens = tuple(_token(each) for each in found["tokens"])
            return cls(_text(found["password"]), tokens)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise MalformedError("not the keys of a page") from None

    def with_token(
        self, name: str, *, may_dial: bool, random_bytes: Callable[[int], bytes]
    ) -> tuple[Keys, str]:
        """One token more, and its text, which is shown once."""
        if not 0 < len(name) <= TOKEN_NAME_CHARACTERS_MAX or not name.isprintable():
            raise CommandError(f"a name of up to {TOKEN_NAME_CHARACTERS_MAX} characters, please")
        if any(each.name == name for each in self.tokens):
            raise CommandError("there is a token of this name already")
        if len(self.tokens) == TOKENS_MAX:
            raise CommandError(f"there are {TOKENS_MAX} tokens already")
        text = random_bytes(TOKEN_BYTES).hex()
        return replace(self, tokens=(*self.tokens, Token(name, _digest(text), may_dial))), text

    def without_token(self, name: str) -> Keys:
        """The others; harmless if there is none of this name."""
        return replace(self, tokens=tuple(each for each in self.tokens if each.name != name))

    def token(self, text: str) -> Token | None:
        """Whose token it is."""
        digest, found = _digest(text), None
        for each in self.tokens:  # all of them: how long it takes tells nothing
            if hmac.compare_digest(each.digest, digest):
                found = each
        return found

    def is_password(self, text: str) -> bool:
        """Slow."""
        if not self.password_hash or len(text) > PASSWORD_CHARACTERS_MAX:
            return False
        try:
            return _HASHER.verify(self.password_hash, text)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        except UnicodeEncodeError:  # JSON can say half a character; no password has one
            return False


def hash_password(text: str) -> str:
    """Slow; CommandError for one that is too short to be any good."""
    if not PASSWORD_CHARACTERS_MIN <= len(text) <= PASSWORD_CHARACTERS_MAX:
        raise CommandError(f"at least {PASSWORD_CHARACTERS_MIN} characters, please")
    try:
        return _HASHER.hash(text)
    except UnicodeEncodeError:
        raise CommandError("a password that can be written, please") from None


def _token(found: Any) -> Token:
    if not isinstance(found["may_dial"], bool):
        raise TypeError
    return Token(_text(found["name"]), _text(found["digest"]), found["may_dial"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
