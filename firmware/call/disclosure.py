"""Disclosure: which of our addresses the peer of a call may know, and when.

Knows no call state and no bytes. An address tells where somebody is, so a stranger learns nothing
of a callee before the callee lifts, and of a caller nothing that is private.
Source: RFC 8828 section 5 (addresses of hosts are private matters), RFC 8838 section 5.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from firmware.channel import target_of
from firmware.events import OwnCandidatesFound
from firmware.model import Candidate, CandidateKind, Endpoint


class Disclosure:
    """Our candidates, and who is told which.

    In a call that is `relayed_only` the callee tells its exchanges, the caller nothing at all.
    """

    def __init__(self, found: OwnCandidatesFound | None = None) -> None:
        self.relayed_only = False
        self.is_callee = False
        self._found = found or OwnCandidatesFound((), ())

    def find(self, found: OwnCandidatesFound) -> None:
        """These are our candidates from now on."""
        self._found = found

    def in_invite(self, *, is_contact: bool) -> tuple[Candidate, ...]:
        """For the callee, whose number was dialled."""
        if is_contact or self.relayed_only:
            return self.to_all()
        return self._found.public + self._found.relays

    def in_ringing(self, *, is_contact: bool) -> tuple[Candidate, ...]:
        """For the caller, before we lift."""
        return self.to_all() if is_contact else ()

    def to_all(self) -> tuple[Candidate, ...]:
        """For the other side of a conversation; the local network first, it is the nearest."""
        if self.relayed_only:
            return self._found.relays if self.is_callee else ()
        return self._found.private + self._found.public + self._found.relays

    def places(self, told: Iterable[Candidate], public_key: bytes) -> tuple[Candidate, ...]:
        """Where the peer may be tried that says `told`: its exchanges by a channel to its key."""
        return tuple(
            replace(one, endpoint=one.endpoint._replace(channel=target_of(public_key)))
            if one.kind is CandidateKind.RELAY
            else one
            for one in told
            if one.kind is CandidateKind.RELAY or not self.relayed_only
        )

    def usable(self, endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        """Those of a callee's endpoints to which something may be sent.

        Relayed only: through exchanges, but not through one at an address of the callee's own.
        """
        if not self.relayed_only:
            return endpoints
        own = {endpoint.host for endpoint in endpoints if not endpoint.channel}
        return tuple(one for one in endpoints if one.channel and one.host not in own)
