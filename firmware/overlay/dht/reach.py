"""Whether strangers can reach us, decided from who asks us: BEP 43 out of and into "read-only".

Knows no message. A node that others have in their tables is asked by nodes it never sent anything
to. If many could do so and for long nobody does, a NAT or firewall is in the way: we say `ro` then
and spare them the time-outs. From time to time we try again. Units: `_s` monotonic seconds.
Source: BEP 43.
"""

from __future__ import annotations

import zlib

from firmware.overlay.dht.address import Scope, scope_of

TRIAL_S = 15 * 60.0  # as an ordinary node, in which a stranger must ask us
READ_ONLY_S = 60 * 60.0  # then another trial
SENT_MIN = 32  # queries of ours in a trial, to nodes on the Internet: so many know us at least
_FILTER_BITS = 2048
_GENERATION_S = 300.0  # a NAT lets answers in for some minutes; later whoever asks is a stranger


class Reachability:
    """`read_only` is what our queries say; `fixed` = it stays as it is."""

    __slots__ = ("_asked_by_stranger", "_fixed", "_sent", "_since_s", "_spoken_to", "read_only")

    def __init__(self, *, read_only: bool, fixed: bool) -> None:
        self.read_only = read_only
        self._fixed = fixed
        self._since_s: float | None = None
        self._sent = 0
        self._asked_by_stranger = False
        # Bloom filters of the hosts we sent a query to: this and the last generation.
        self._spoken_to: tuple[int, int, float] = (0, 0, 0.0)

    @property
    def is_shown(self) -> bool:
        """True if a stranger has asked us of late: we can be reached."""
        return self._asked_by_stranger and not self.read_only

    def queried(self, host: str, now_s: float) -> None:
        """We send a query to `host`."""
        if self._fixed or scope_of(host) is not Scope.GLOBAL or self._is_settled(now_s):
            return
        self._turn(now_s)
        new, old, since_s = self._spoken_to
        self._spoken_to = (new | _bits(host), old, since_s)
        self._sent += 1

    def has_spoken_to(self, host: str) -> bool:
        """True if we sent it a query of late, as far as we look; seldom though we did not."""
        new, old, _ = self._spoken_to
        bits = _bits(host)
        return bits & new == bits or bits & old == bits

    def asked_by(self, host: str, now_s: float) -> None:
        """`host` sent us a query."""
        if self._fixed or self.is_shown or scope_of(host) is not Scope.GLOBAL:
            return
        self._turn(now_s)
        if not self.has_spoken_to(host):
            self._asked_by_stranger = True
            if self.read_only:
                self._begin(now_s, read_only=False)

    def consider(self, now_s: float) -> None:
        """Change sides if it is time; call it every minute or so."""
        if self._fixed:
            return
        if self._since_s is None:
            self._since_s = now_s
        elif self.read_only:
            if now_s - self._since_s >= READ_ONLY_S:
                self._begin(now_s, read_only=False)
        elif now_s - self._since_s >= TRIAL_S and self._sent >= SENT_MIN:
            self._begin(now_s, read_only=not self._asked_by_stranger)

    def _begin(self, now_s: float, *, read_only: bool) -> None:
        self.read_only, self._since_s = read_only, now_s
        self._sent, self._asked_by_stranger = 0, False

    def _is_settled(self, now_s: float) -> bool:
        """A stranger has asked us, and the next trial is longer away than we look back."""
        return (
            self._asked_by_stranger
            and not self.read_only
            and self._sent >= SENT_MIN
            and self._since_s is not None
            and now_s - self._since_s < TRIAL_S - 2 * _GENERATION_S
        )

    def _turn(self, now_s: float) -> None:
        new, _, since_s = self._spoken_to
        if now_s - since_s >= _GENERATION_S:
            self._spoken_to = (0, new if now_s - since_s < 2 * _GENERATION_S else 0, now_s)


def _bits(host: str) -> int:
    mixed = zlib.crc32(host.encode())
    return 1 << mixed % _FILTER_BITS | 1 << (mixed >> 16) % _FILTER_BITS
