"""How a box comes to its number: search for the modifier, look the number up, claim it if free.

Knows no network: the directory resolves. Units: tries are hashes computed.
Source: RFC 3972 (CGA, hash extension); docs/protocol.md.
"""

from __future__ import annotations

from collections import deque

from firmware import number as numbers
from firmware.errors import MalformedError
from firmware.events import (
    Argon2Computed,
    ClaimProgressed,
    ComputeArgon2,
    Message,
    NumberClaimed,
    NumberResolved,
    NumberUnresolved,
    ResolveNumber,
    Started,
    StoreState,
    Untimed,
)
from firmware.identity import Certificate, Identity, IdentityFile
from firmware.number import MODIFIER_BYTES

IDENTITY_FILE = "identity.json"
HASHES_AT_ONCE_MAX = 2  # 19 MiB each
TRIES_EXPECTED = 366  # 2**8 for the zero bits, of which 7 in 10 first digits are not reserved
PROGRESS_TRIES = 4


class Claim(Untimed):
    """A core that is used once, by a box whose identity has no modifier yet.

    Modifiers are tried from 0 on: the key is in the hash, so each box has a search of its own, and
    a key that is restored without its modifier finds its number again.
    Two boxes may claim a number in the same minute and not see each other: then it is a conflict
    for callers, and nobody is called under it.
    """

    def __init__(self, identity: Identity, name: str) -> None:
        self._identity = identity
        self._name = name
        self._public_key = identity.public_key
        self._next_modifier = 0
        self._outstanding: dict[tuple[bytes, bytes], bytes] = {}  # question: modifier
        self._hits: deque[tuple[str, bytes]] = deque()  # number, modifier; the first is looked up
        self._tried = 0
        self._is_over = False

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Started, Argon2Computed, NumberResolved, NumberUnresolved; of others nothing follows."""
        del now_s
        match fact:
            case Started():
                return self._search()
            case Argon2Computed(secret, salt, digest):
                return self._hashed((secret, salt), digest)
            case NumberResolved(number, certificate) if self._awaits(number):
                return self._claim() if self._is_ours(certificate) else self._go_on()
            case NumberUnresolved(number, conflict) if self._awaits(number):
                return self._go_on() if conflict else self._claim()
        return []

    def _search(self) -> list[Message]:
        commands: list[Message] = []
        while len(self._outstanding) < HASHES_AT_ONCE_MAX:
            modifier = self._next_modifier.to_bytes(MODIFIER_BYTES, "big")
            self._next_modifier += 1
            question = numbers.hash_question(self._public_key, modifier)
            self._outstanding[question] = modifier
            commands.append(ComputeArgon2(*question))
        return commands

    def _hashed(self, question: tuple[bytes, bytes], digest: bytes) -> list[Message]:
        modifier = self._outstanding.pop(question, None)
        if modifier is None or self._is_over:
            return []
        self._tried += 1
        out: list[Message] = []
        if self._tried % PROGRESS_TRIES == 0:
            out.append(ClaimProgressed(self._tried, TRIES_EXPECTED))
        number = numbers.from_digest(digest)
        if number is not None:
            self._hits.append((number, modifier))
            if len(self._hits) == 1:
                out.append(ResolveNumber(number))
        return out if self._hits else out + self._search()

    def _awaits(self, number: str) -> bool:
        return not self._is_over and bool(self._hits) and self._hits[0][0] == number

    def _is_ours(self, certificate: bytes) -> bool:
        try:
            return Certificate.decode(certificate).public_key == self._public_key
        except MalformedError:
            return False

    def _go_on(self) -> list[Message]:
        """The number is taken: the next hit, or the next hashes."""
        self._hits.popleft()
        return [ResolveNumber(self._hits[0][0])] if self._hits else self._search()

    def _claim(self) -> list[Message]:
        number, modifier = self._hits[0]
        self._is_over = True
        certificate = self._identity.certify(modifier, self._name)
        stored = IdentityFile(self._identity, modifier).encode()
        return [
            ClaimProgressed(self._tried, self._tried),
            StoreState(IDENTITY_FILE, stored),
            NumberClaimed(number, certificate.encode()),
        ]
