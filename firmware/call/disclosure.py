"""Disclosure: which of our addresses the peer of a call may know, and when.

Knows no call state and no bytes. An address tells where somebody is, so a stranger learns nothing
of a callee before the callee lifts, and of a caller nothing that is private.
Source: RFC 8828 section 5 (addresses of hosts are private matters), RFC 8838 section 5.
"""

from __future__ import annotations

from firmware.events import OwnCandidatesFound
from firmware.model import Candidate, Endpoint


class Disclosure:
    """Our candidates, and who is told which; in a call that is `relayed_only` nobody any."""

    def __init__(self, found: OwnCandidatesFound | None = None) -> None:
        self.relayed_only = False
        self._found = found or OwnCandidatesFound((), ())

    def find(self, found: OwnCandidatesFound) -> None:
        """These are our candidates from now on."""
        self._found = found

    def in_invite(self, *, is_contact: bool) -> tuple[Candidate, ...]:
        """For the callee, whose number was dialled."""
        return () if self.relayed_only else self.to_all() if is_contact else self._found.public

    def in_ringing(self, *, is_contact: bool) -> tuple[Candidate, ...]:
        """For the caller, before we lift."""
        return self.to_all() if is_contact else ()

    def to_all(self) -> tuple[Candidate, ...]:
        """For the other side of a conversation; the local network first, it is the nearest."""
        return () if self.relayed_only else self._found.private + self._found.public

    def usable(self, endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        """Those of a callee's endpoints to which something may be sent.

        Relayed only: through exchanges, but not through one at an address of the callee's own.
        """
        if not self.relayed_only:
            return endpoints
        own = {endpoint.host for endpoint in endpoints if not endpoint.channel}
        return tuple(one for one in endpoints if one.channel and one.host not in own)
