"""How much of our answering one address, and all of them together, may use up.

Source addresses can be forged, so whoever has proved nothing gets few bytes: nobody can make us
flood a victim with answers that are larger than the questions. An address proves itself by
answering a query of ours or by bringing back a token, which only its holder can have read.
What is known of addresses is forgotten generation by generation, so nothing is sorted or searched.
Knows no message. Units: `_s` monotonic seconds; one token = one answer.
"""

from __future__ import annotations

from firmware.bucket import Bucket

ANSWERS_PER_S = 10.0  # per address; a lookup needs one or two of one node
ANSWERS_BURST = 50.0
ALL_ANSWERS_PER_S = 400.0  # about 100 kB/s
ALL_ANSWERS_BURST_S = 2.0
# Together, and with three queries to a node that others named, 2 kB in a second. The burst is one
# answer of the longest kind (server.py), for somebody behind a NAT whom we cannot ask; the rate is
# a small answer a second.
UNPROVED_BURST_BYTES = 1460.0
UNPROVED_BYTES_PER_S = 225.0
ALL_UNPROVED_BURST_BYTES = 100_000.0
ALL_UNPROVED_BYTES_PER_S = 50_000.0
FULL_AGAIN_S = max(ANSWERS_BURST / ANSWERS_PER_S, UNPROVED_BURST_BYTES / UNPROVED_BYTES_PER_S)
PROOF_LIFE_S = 5 * 60.0  # at most, and half of it at least
ADDRESSES_MAX = 16_384
PROVED_MAX = 4096


class _Address:
    __slots__ = ("answers", "since_s", "unproved")

    def __init__(self, now_s: float) -> None:
        self.answers = ANSWERS_BURST
        self.unproved = UNPROVED_BURST_BYTES
        self.since_s = now_s

    def refill(self, now_s: float) -> None:
        passed_s = now_s - self.since_s
        self.since_s = now_s
        answers = self.answers + passed_s * ANSWERS_PER_S
        unproved = self.unproved + passed_s * UNPROVED_BYTES_PER_S
        self.answers = min(ANSWERS_BURST, answers)
        self.unproved = min(UNPROVED_BURST_BYTES, unproved)


class RateLimit:
    """Addresses are kept in two generations; the older one is forgotten when it is full again.

    Whoever was silent for FULL_AGAIN_S is as good as new. In a generation that holds half of
    ADDRESSES_MAX newcomers get nothing until they prove themselves: it is a flood. Proofs are kept
    apart, so that a flood from forged addresses cannot displace them.
    """

    __slots__ = (
        "_all_answers",
        "_all_unproved",
        "_new",
        "_old",
        "_proved",
        "_proved_before",
        "_proved_since_s",
        "_since_s",
    )

    def __init__(self, all_answers_per_s: float = ALL_ANSWERS_PER_S) -> None:
        self._new: dict[str, _Address] = {}
        self._old: dict[str, _Address] = {}
        self._since_s = 0.0  # when the new generation began
        self._proved: dict[str, None] = {}  # an empty dict is smaller than a set
        self._proved_before: dict[str, None] = {}
        self._proved_since_s = 0.0
        self._all_answers = Bucket(ALL_ANSWERS_BURST_S * all_answers_per_s, all_answers_per_s)
        self._all_unproved = Bucket(ALL_UNPROVED_BURST_BYTES, ALL_UNPROVED_BYTES_PER_S)

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def allows(self, owner: str, now_s: float) -> bool:
        """Take one token of `owner` and of all; False if either has none."""
        address = self._address(owner, now_s)
        if address.answers < 1.0 or not self._all_answers.take(1.0, now_s):
            return False
        address.answers -= 1.0
        return True

    def proved(self, owner: str, now_s: float) -> None:
        """`owner` receives what we send to it; that counts for PROOF_LIFE_S at most."""
        self._turn_proofs(now_s)
        if owner not in self._proved and len(self._proved) >= PROVED_MAX // 2:
            self._proved_before, self._proved, self._proved_since_s = self._proved, {}, now_s
        self._proved[owner] = None

    def release(self, now_s: float) -> None:
        """Forget who is as good as new; call it now and then."""
        self._turn(now_s)
        self._turn_proofs(now_s)

    def may_send(self, owner: str, size_bytes: int, now_s: float) -> bool:
        """Take `size_bytes` for what `owner` has caused; False if it must prove itself first."""
        self._turn_proofs(now_s)
        if owner in self._proved or owner in self._proved_before:
            return True
        address = self._address(owner, now_s)
        if address.unproved < size_bytes or not self._all_unproved.take(size_bytes, now_s):
            return False
        address.unproved -= size_bytes
        return True

    def _address(self, owner: str, now_s: float) -> _Address:
        self._turn(now_s)
        address = self._new.get(owner)
        if address is None:
            if owner in self._old:
                address = self._new[owner] = self._old.pop(owner)
            else:
                address = _Address(now_s)
                if len(self._new) >= ADDRESSES_MAX // 2:
                    address.unproved = 0.0
                    return address
                self._new[owner] = address
        if address.since_s < now_s:
            address.refill(now_s)
        return address

    def _turn(self, now_s: float) -> None:
        age_s = now_s - self._since_s
        if age_s >= FULL_AGAIN_S:
            self._old = self._new if age_s < 2 * FULL_AGAIN_S else {}
            self._new, self._since_s = {}, now_s

    def _turn_proofs(self, now_s: float) -> None:
        age_s = now_s - self._proved_since_s
        if age_s >= PROOF_LIFE_S / 2:
            self._proved_before = self._proved if age_s < PROOF_LIFE_S else {}
            self._proved, self._proved_since_s = {}, now_s
