"""How much of our answering one address, and all of them together, may use up.

Source addresses can be forged, so whoever has proved nothing gets few bytes: nobody can make us
flood a victim with answers that are larger than the questions. An address proves itself by
answering a query of ours or by bringing back a token, which only its holder can have read.
Knows no message. Units: `_s` monotonic seconds; one token = one answer.
"""

from __future__ import annotations

ANSWERS_PER_S = 10.0  # per address; a lookup needs one or two of one node
ANSWERS_BURST = 50.0
ALL_ANSWERS_PER_S = 400.0  # about 100 kB/s
ALL_ANSWERS_BURST_S = 2.0
# Together 2 kB in any second. The burst is one answer of the longest kind (server.py), for somebody
# behind a NAT whom we cannot ask; the rate is a small answer a second.
UNPROVED_BURST_BYTES = 1500.0
UNPROVED_BYTES_PER_S = 500.0
ALL_UNPROVED_BURST_BYTES = 100_000.0
ALL_UNPROVED_BYTES_PER_S = 50_000.0
FULL_AGAIN_S = max(ANSWERS_BURST / ANSWERS_PER_S, UNPROVED_BURST_BYTES / UNPROVED_BYTES_PER_S)
PROOF_LIFE_S = 5 * 60.0  # half a minute more or less
PROOF_STEP_S = 60.0
ADDRESSES_MAX = 4096
PROVED_MAX = 4096


class _Bucket:
    __slots__ = ("level", "since_s")

    def __init__(self, level: float, since_s: float) -> None:
        self.level = level
        self.since_s = since_s

    def take(self, amount: float, burst: float, per_s: float, now_s: float) -> bool:
        self.level = min(burst, self.level + (now_s - self.since_s) * per_s)
        self.since_s = now_s
        if self.level < amount:
            return False
        self.level -= amount
        return True


class _Address:
    __slots__ = ("answers", "heard_s", "unproved")

    def __init__(self, now_s: float) -> None:
        self.answers = _Bucket(ANSWERS_BURST, now_s)
        self.unproved = _Bucket(UNPROVED_BURST_BYTES, now_s)
        self.heard_s = now_s


class RateLimit:
    """At the limit of ADDRESSES_MAX the address heard longest ago is forgotten.

    Whoever was silent for FULL_AGAIN_S is as good as new and forgotten, too. Proofs are kept apart,
    so that a flood from forged addresses cannot displace them.
    """

    __slots__ = (
        "_addresses",
        "_all_answers",
        "_all_per_s",
        "_all_unproved",
        "_proof_until_s",
        "_proved",
    )

    def __init__(self, all_answers_per_s: float = ALL_ANSWERS_PER_S) -> None:
        self._all_per_s = all_answers_per_s
        self._addresses: dict[str, _Address] = {}  # heard longest ago first
        self._proved: dict[str, float] = {}  # until when; proved longest ago first
        self._proof_until_s = 0.0  # of a proof that comes now: one object for many
        self._all_answers = _Bucket(ALL_ANSWERS_BURST_S * all_answers_per_s, 0.0)
        self._all_unproved = _Bucket(ALL_UNPROVED_BURST_BYTES, 0.0)

    def __len__(self) -> int:
        return len(self._addresses)

    def allows(self, owner: str, now_s: float) -> bool:
        """Take one token of `owner` and of all; False if either has none."""
        answers = self._address(owner, now_s).answers
        if not answers.take(1.0, ANSWERS_BURST, ANSWERS_PER_S, now_s):
            return False
        if self._all_answers.take(
            1.0, ALL_ANSWERS_BURST_S * self._all_per_s, self._all_per_s, now_s
        ):
            return True
        answers.level += 1.0
        return False

    def proved(self, owner: str, now_s: float) -> None:
        """`owner` receives what we send to it; that counts for PROOF_LIFE_S."""
        if self._proof_until_s - now_s < PROOF_LIFE_S - PROOF_STEP_S / 2:
            self._proof_until_s = now_s + PROOF_LIFE_S + PROOF_STEP_S / 2
        self._proved.pop(owner, None)
        self._proved[owner] = self._proof_until_s
        first = next(iter(self._proved))
        if len(self._proved) > PROVED_MAX or self._proved[first] <= now_s:
            del self._proved[first]

    def may_send(self, owner: str, size_bytes: int, now_s: float) -> bool:
        """Take `size_bytes` for what `owner` has caused; False if it must prove itself first."""
        if now_s < self._proved.get(owner, now_s):
            return True
        unproved = self._address(owner, now_s).unproved
        if not unproved.take(size_bytes, UNPROVED_BURST_BYTES, UNPROVED_BYTES_PER_S, now_s):
            return False
        if self._all_unproved.take(
            size_bytes, ALL_UNPROVED_BURST_BYTES, ALL_UNPROVED_BYTES_PER_S, now_s
        ):
            return True
        unproved.level += size_bytes
        return False

    def _address(self, owner: str, now_s: float) -> _Address:
        address = self._addresses.pop(owner, None) or _Address(now_s)
        address.heard_s = now_s
        self._addresses[owner] = address  # to the end of the order
        for _ in range(2):  # more than can come, so that in the end all that is old is gone
            first = next(iter(self._addresses))
            is_old = now_s - self._addresses[first].heard_s >= FULL_AGAIN_S
            if is_old or len(self._addresses) > ADDRESSES_MAX:
                del self._addresses[first]
        return address
