"""The boxes that are registered at an exchange, and how each is found.

Knows no message. At a limit a newcomer is refused; who is here stays. Anybody may register any
hash: several boxes may share one, until it is known whose it is (contest.py).
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from firmware.bucket import Bucket
from firmware.model import Endpoint
from firmware.overlay.dht.address import owner_of

SILENCE_MAX_S = 90.0  # a box says something every 20 s
PER_OWNER_MAX = 64  # of one address: behind it may be a provider's NAT
PER_HASH_MAX = 4


@dataclass(slots=True, eq=False)
class Registration:
    """One box. The endpoint has proved itself by a token, the lease by its signature."""

    target: bytes
    registration_id: bytes
    certificate: bytes = field(repr=False)
    lease: bytes = field(repr=False)
    expires_utc_s: int
    hashes: tuple[bytes, ...]
    endpoint: Endpoint
    heard_s: float
    rings: Bucket = field(repr=False)  # calls to itself that it may ask for
    is_true: bool | None = None  # its hashes are those of its number (contest.py); None: not asked


class Registrations:
    """At most `most`; whoever was silent for SILENCE_MAX_S is gone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_target: OrderedDict[bytes, Registration] = OrderedDict()  # silent longest first
        self._by_id: dict[bytes, Registration] = {}
        self._by_hash: dict[bytes, list[Registration]] = {}
        self._owners: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_target)

    def find(self, target: bytes) -> Registration | None:
        """The box of that key."""
        return self._by_target.get(target)

    def holder(self, info_hash: bytes) -> Registration | None:
        """A box of that hash: the one that is proved, if there is one, else each time the next."""
        holders = self._by_hash.get(info_hash)
        if not holders:
            return None
        proved = next((holder for holder in holders if holder.is_true), None)
        if proved is not None:
            return proved
        if len(holders) > 1:
            holders.append(holders.pop(0))
        return holders[-1]

    def rivals(self, registration: Registration) -> list[Registration]:
        """All boxes of one of its hashes, itself among them, if there are others."""
        rivals = {id(one): one for h in registration.hashes for one in self._by_hash[h]}
        return list(rivals.values()) if len(rivals) > 1 else []

    def endpoints(self) -> list[tuple[bytes, Endpoint]]:
        """Everybody's identifier and address."""
        return [(one.registration_id, one.endpoint) for one in self._by_target.values()]

    def has_room(self, target: bytes, endpoint: Endpoint, hashes: tuple[bytes, ...]) -> bool:
        """True if that box may register, be it new or known."""
        known = self._by_target.get(target)
        if known is None and len(self._by_target) >= self._most:
            return False
        owner = owner_of(endpoint)
        is_new_there = known is None or owner_of(known.endpoint) != owner
        if is_new_there and self._owners[owner] >= PER_OWNER_MAX:
            return False
        return all(
            len(holders) < PER_HASH_MAX or known in holders
            for info_hash in hashes
            if (holders := self._by_hash.get(info_hash)) is not None
        )

    def put(self, registration: Registration) -> list[bytes]:
        """In place of an earlier one of the same box; the hashes that nobody has any more.

        Ask has_room() first.
        """
        before = self.remove(registration.target)
        self._by_target[registration.target] = registration
        self._by_id[registration.registration_id] = registration
        self._owners[owner_of(registration.endpoint)] += 1
        for info_hash in set(registration.hashes):
            self._by_hash.setdefault(info_hash, []).append(registration)
        return [info_hash for info_hash in before if info_hash not in self._by_hash]

    def keep(self, registration_id: bytes, source: Endpoint, now_s: float) -> Registration | None:
        """A box speaks; None if it is not known, or comes from somewhere else."""
        registration = self._by_id.get(registration_id)
        if registration is None or registration.endpoint != source:
            return None
        registration.heard_s = now_s
        self._by_target.move_to_end(registration.target)
        return registration

    def leave(self, registration_id: bytes, source: Endpoint) -> list[bytes]:
        """A box gives its registration up; the hashes that nobody has any more."""
        registration = self._by_id.get(registration_id)
        if registration is None or registration.endpoint != source:
            return []
        return self.remove(registration.target)

    def remove(self, target: bytes) -> list[bytes]:
        """It may be gone already; the hashes that nobody has any more."""
        registration = self._by_target.pop(target, None)
        if registration is None:
            return []
        del self._by_id[registration.registration_id]
        owner = owner_of(registration.endpoint)
        self._owners[owner] -= 1
        if not self._owners[owner]:
            del self._owners[owner]
        for info_hash in set(registration.hashes):
            holders = self._by_hash[info_hash]
            holders.remove(registration)
            if not holders:
                del self._by_hash[info_hash]
        return [info_hash for info_hash in registration.hashes if info_hash not in self._by_hash]

    def remove_one(self, registration: Registration) -> list[bytes]:
        """This one, unless its box has registered anew."""
        is_there = self._by_target.get(registration.target) is registration
        return self.remove(registration.target) if is_there else []

    def expire(self, now_s: float) -> list[bytes]:
        """Forget the silent ones; the hashes that nobody has any more."""
        left: list[bytes] = []
        while self._by_target:
            first = next(iter(self._by_target.values()))
            if now_s - first.heard_s < SILENCE_MAX_S:
                break
            left += self.remove(first.target)
        return left
