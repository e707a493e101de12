"""Checks: the STUN Binding messages by which two boxes try the ways between them.

Knows no way and no schedule. Every check is proved with the key of the call; a request says which
role sent it, so that one which is reflected to its sender is nobody's. The caller's requests name
the way it has chosen by a number that counts up, so that an old choice never undoes a newer one.
Sources: RFC 8489 (Binding), RFC 8445 section 7 (checks); NOMINATION as in
draft-thatcher-ice-renomination-01.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from firmware import stun
from firmware.errors import MalformedError
from firmware.model import Endpoint
from firmware.stun import Attribute, Kind, StunMessage

PROOF_BYTES = 16  # of MESSAGE-INTEGRITY-SHA256; checks are short-lived

_NOMINATION = 0xC001
_CALLER, _CALLEE = b"caller", b"callee"


@dataclass(frozen=True, slots=True)
class Ask:
    """The peer tries a way; `nomination` > 0: it has chosen this one."""

    transaction_id: bytes
    nomination: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The peer answers a check of ours, and where it saw us."""

    transaction_id: bytes
    mapped: Endpoint | None


class CheckCodec:
    """Makes and reads the checks of one call, at one of its ends."""

    def __init__(self, key: bytes, *, is_caller: bool) -> None:
        self._key = key
        tag = hmac.digest(key, b"fernruf path name", "sha256")[:8].hex().encode()
        roles = (_CALLER, _CALLEE) if is_caller else (_CALLEE, _CALLER)
        self._own_name, self._peer_name = (tag + b":" + role for role in roles)

    def ask(self, transaction_id: bytes, nomination: int = 0) -> bytes:
        """A request, 76 or 84 bytes."""
        attributes: tuple[tuple[int, bytes], ...] = ((Attribute.USERNAME, self._own_name),)
        if nomination:
            attributes += ((_NOMINATION, nomination.to_bytes(4, "big")),)
        message = StunMessage(Kind.REQUEST, transaction_id, attributes)
        return stun.encode(message, key=self._key, proof_bytes=PROOF_BYTES)

    def reply(self, ask: Ask, source: Endpoint) -> bytes:
        """The response to a request from `source`; never longer than the request."""
        mapped = stun.mapped_attribute(source, ask.transaction_id)
        message = StunMessage(Kind.SUCCESS, ask.transaction_id, (mapped,))
        return stun.encode(message, key=self._key, proof_bytes=PROOF_BYTES)

    def read(self, data: bytes) -> Ask | Reply:
        """What an authentic check of the peer says; MalformedError if it is none."""
        message = stun.decode(data)
        if message.kind is Kind.SUCCESS:
            if not stun.is_authentic(data, self._key):
                raise MalformedError("reply to a check is not authentic")
            return Reply(message.transaction_id, message.mapped)
        name = message.value(Attribute.USERNAME)
        if message.kind is not Kind.REQUEST or name != self._peer_name:
            raise MalformedError("check of another call, or our own")
        if not stun.is_authentic(data, self._key):
            raise MalformedError("check is not authentic")
        return Ask(message.transaction_id, _nomination(message))


def _nomination(message: StunMessage) -> int:
    value = next((value for kind, value in message.attributes if kind == _NOMINATION), None)
    if value is None:
        return 0
    if len(value) != 4:
        raise MalformedError("NOMINATION is not 4 bytes")
    return int.from_bytes(value, "big")
