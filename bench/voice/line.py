"""Bad lines, from a seed: what happens to each packet on its way. For every benchmark of speech.

Knows no packet's contents, no socket, no clock. A `Line` is a recipe; `Line.model(seed)` is one
direction of one call, asked once per packet, in the order of sending: when do copies of it arrive?
- loss: each packet on its own, or in bursts (two states, as Gilbert: in the bad one all are lost,
  the lengths of bursts are geometric with the given mean, the fraction lost is `loss`);
- jitter: uniform between 0 and `jitter_s` on top of `delay_s`, so packets overtake each other;
- bottleneck: a queue of `queue_s` before a link of `rate_bps`; what finds it full is dropped.
Units: `_s` seconds, `_bps` bit/s; sizes in bytes of UDP payload, IP and UDP headers are added.
Sources: E. N. Gilbert, "Capacity of a burst-noise channel" (1960); ITU-T G.1050 for the idea.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

HEADER_BYTES = 28  # IPv4 and UDP


@dataclass(frozen=True, slots=True)
class Line:
    """One condition of the matrix; a default Line is clean."""

    loss: float = 0.0  # fraction of the packets
    burst: float = 1.0  # mean packets lost in a row; 1 = each on its own
    jitter_s: float = 0.0
    delay_s: float = 0.001  # of every packet
    duplicates: float = 0.0  # fraction of the packets that come twice
    rate_bps: float = 0.0  # 0 = no bottleneck
    queue_s: float = 0.3

    def model(self, seed: int) -> LineModel:
        """One direction; the same seed gives the same fate to the n-th packet."""
        return LineModel(self, seed)


LINES = {
    "clean": Line(),
    "loss 5 %": Line(loss=0.05),
    "loss 10 %": Line(loss=0.10),
    "loss 20 %": Line(loss=0.20),
    "burst 5 %": Line(loss=0.05, burst=3.0),
    "burst 10 %": Line(loss=0.10, burst=3.0),
    "jitter 20 ms": Line(jitter_s=0.020),
    "jitter 60 ms": Line(jitter_s=0.060),
    "jitter 60 ms, loss 5 %": Line(jitter_s=0.060, loss=0.05),
}


class LineModel:
    """The fate of one packet after the other."""

    def __init__(self, line: Line, seed: int) -> None:
        self._line, self._dice = line, random.Random(f"line {seed}")
        self._in_burst = False
        self._free_s = 0.0  # when the bottleneck has sent all that waits

    def transits_s(self, now_s: float, size_bytes: int) -> list[float]:
        """How long each copy of a packet sent at `now_s` is under way; empty if it is lost."""
        line, dice = self._line, self._dice
        # always the same number of throws, so that a fate does not depend on those before
        lost, jitter, again, again_jitter = (dice.random() for _ in range(4))
        queued_s = self._queue(now_s, size_bytes)
        if self._is_lost(lost) or queued_s is None:
            return []
        transits = [line.delay_s + queued_s + jitter * line.jitter_s]
        if again < line.duplicates:
            transits.append(line.delay_s + queued_s + again_jitter * line.jitter_s)
        return transits

    def _is_lost(self, dice: float) -> bool:
        line = self._line
        if line.burst <= 1.0:
            return dice < line.loss
        leave = 1.0 / line.burst
        enter = leave * line.loss / (1.0 - line.loss)
        self._in_burst = dice >= leave if self._in_burst else dice < enter
        return self._in_burst

    def _queue(self, now_s: float, size_bytes: int) -> float | None:
        if not self._line.rate_bps:
            return 0.0
        if self._free_s - now_s > self._line.queue_s:
            return None
        begin_s = max(self._free_s, now_s)
        self._free_s = begin_s + (size_bytes + HEADER_BYTES) * 8 / self._line.rate_bps
        return self._free_s - now_s
