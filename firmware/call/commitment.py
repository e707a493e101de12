"""What each side gives to the authentication digits of a call, and in which order it is told.

The caller commits itself in INVITE to a nonce that it keeps; the callee's nonce is told when a
person has lifted, and only then the caller's. So whoever sits between the two has had to fix its
own part at either end before it could know which digits come of it, and has nothing to search.
Knows no message, no key and no address.
Source: RFC 6189 section 4.4.1.1 (ZRTP's hash commitment), with nonces for Diffie-Hellman values.
"""

from __future__ import annotations

import hashlib
import hmac
from abc import ABC, abstractmethod

NONCE_BYTES = 32
COMMITMENT_BYTES = 32  # all of SHA-256: who commits itself must not find two nonces for it

_COMMITTED_AS = b"fernruf commitment"


def commitment_to(nonce: bytes, session_id: bytes) -> bytes:
    """What INVITE says of the caller's nonce; good for this session only."""
    return hashlib.sha256(_COMMITTED_AS + session_id + nonce).digest()


class Part(ABC):
    """One side's part; `both` is the caller's nonce and the callee's, empty until both are sure."""

    def __init__(self, nonce: bytes) -> None:
        assert len(nonce) == NONCE_BYTES
        self._nonce = nonce
        self.both = b""

    @property
    def offer(self) -> bytes:
        """What goes with OK and UPDATE, so that the peer tells its own; empty = nothing."""
        return b""

    @property
    def reveal(self) -> bytes:
        """What goes with the answer to an offer; empty = nothing."""
        return b""

    @abstractmethod
    def hear(self, nonce: bytes) -> bool:
        """Take the peer's; False if it cannot be, so that something is wrong with this call."""


class CallerPart(Part):
    """Told to who has told its own, and to nobody else."""

    def __init__(self, nonce: bytes, session_id: bytes) -> None:
        super().__init__(nonce)
        self.commitment = commitment_to(nonce, session_id)
        self._theirs = b""

    @property
    def reveal(self) -> bytes:
        """Ours, as soon as theirs is fixed."""
        return self._nonce if self._theirs else b""

    def hear(self, nonce: bytes) -> bool:
        """The first one counts: after it ours is known, and another could be a chosen one."""
        self._theirs = self._theirs or nonce
        self.both = self._nonce + self._theirs
        return hmac.compare_digest(self._theirs, nonce)


class CalleePart(Part):
    """Told when a person is in the call: each try to guess costs a caller somebody who lifts."""

    def __init__(self, nonce: bytes, session_id: bytes, commitment: bytes) -> None:
        super().__init__(nonce)
        self._session_id, self._commitment = session_id, commitment
        self._is_attended = False

    def attend(self) -> bool:
        """A person has lifted; True once."""
        is_new, self._is_attended = not self._is_attended, True
        return is_new

    @property
    def offer(self) -> bytes:
        """Ours, until theirs has come."""
        return self._nonce if self._is_attended and not self.both else b""

    def hear(self, nonce: bytes) -> bool:
        """It must be what the caller has committed itself to, and may not come before ours."""
        is_theirs = hmac.compare_digest(commitment_to(nonce, self._session_id), self._commitment)
        if not (self._is_attended and is_theirs):
            return False
        self.both = nonce + self._nonce
        return True
