"""Scenario `christmas`: a hundred times the usual calls for an hour, through exchanges at home.

The tables of channels are the product's own (overlay/exchange/channels.py), with their limits and
quotas; the network in between is left out, since it limits nothing here. The load of one exchange
does not depend on how many there are: beyond SAMPLE_MAX boxes that many are simulated.
Units: `_s` virtual seconds.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import dataclass

from firmware.channel import Data, target_of
from firmware.events.network import RelayUse
from firmware.model import Endpoint
from firmware.overlay.exchange.channels import Channel, Channels
from firmware.overlay.exchange.limits import Limits
from firmware.overlay.registrar.registrar import EXCHANGES
from firmware.sim import report
from firmware.sim.report import Json
from firmware.sim.world import Progress

SAMPLE_MAX = 20_000
BOXES_PER_EXCHANGE = 20
CALLS_PER_BOX_AND_HOUR = 0.1  # of ordinary life
RUSH = 100
RUSH_S = 3600.0
ORDINARY_S = 600.0
TALK_MEAN_S = 120.0
RING_S = 6.0
RELAYED = 0.2  # of the calls find no direct path
UPGRADE_S = 1.0  # until the others have found it
RELAYED_BYTES_PER_S = 2 * 50 * 98  # Opus both ways, frames included
SHARE_S = 10.0  # how often the bytes of a call are counted
STEP_S = 30.0
INVITE, RINGING = b"\xf0" + bytes(294), b"\xf0" + bytes(107)


@dataclass(slots=True)
class _Talk:
    """A call under way: how long it needs its channel."""

    caller: int
    callee: int
    end_s: float
    relayed_until_s: float
    exchange: Channels
    channel: Channel


class Evening:
    """All calls of one evening."""

    def __init__(self, boxes: int, seed: int, limits: Limits) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a simulation must repeat itself
        count = max(6, boxes // BOXES_PER_EXCHANGE)
        self.exchanges = [
            Channels(limits.channels, limits.bytes_per_s, self.dice.randbytes) for _ in range(count)
        ]
        self.places = [self.dice.sample(range(count), EXCHANGES) for _ in range(boxes)]
        self.targets = [target_of(index.to_bytes(32, "big")) for index in range(boxes)]
        self.busy: set[int] = set()
        self.counters: Counter[str] = Counter()
        self.now_s = 0.0
        self._heap: list[tuple[float, int, _Talk | float]] = []  # a float is a rate of calls
        self._order = 0
        self._nonce = 0

    def begin(self, calls_per_s: float) -> None:
        """So many more calls from now on."""
        self._push(self.now_s + self.dice.expovariate(calls_per_s), calls_per_s)

    def run(self, until_s: float) -> None:
        """Let the evening go on."""
        while self._heap and self._heap[0][0] <= until_s:
            self.now_s, _, talk = heapq.heappop(self._heap)
            self.counters["events"] += 1
            if isinstance(talk, _Talk):
                self._go_on(talk)
            else:
                self._dial()
                self.begin(talk)
        self.now_s = until_s
        for exchange in self.exchanges:
            exchange.expire(until_s)

    def _dial(self) -> None:
        boxes = len(self.places)
        caller, callee = self.dice.randrange(boxes), self.dice.randrange(boxes)
        if caller in self.busy or caller == callee:
            return
        self.counters["calls"] += 1
        self._nonce += 1
        came_from = Endpoint(f"10.{caller >> 16}.{caller >> 8 & 255}.{caller & 255}", 6881)
        goes_to = Endpoint(f"10.{callee >> 16}.{callee >> 8 & 255}.{callee & 255}", 6881)
        key = (came_from, self._nonce.to_bytes(8, "big") + self.targets[callee])
        for place in self.dice.sample(self.places[callee], EXCHANGES):
            exchange = self.exchanges[place]
            channel = exchange.open(key, self.targets[callee], goes_to, 321, self.now_s)
            if channel is None or not exchange.deliver(channel, INVITE, self.now_s):
                self.counters["refused"] += 1
                continue
            answer = Data(channel.registered.leg_id, RINGING).encode()
            exchange.relay(answer, goes_to, self.now_s)
            exchange.keep(channel.opener.next_id, came_from, self.now_s)
            self._talk(caller, callee, exchange, channel)
            return
        self.counters["blocked"] += 1

    def _talk(self, caller: int, callee: int, exchange: Channels, channel: Channel) -> None:
        if callee in self.busy:
            self.counters["busy"] += 1  # the callee's box says so, through the exchange
            return
        self.busy |= {caller, callee}
        end_s = self.now_s + RING_S + self.dice.expovariate(1 / TALK_MEAN_S)
        is_relayed = self.dice.random() < RELAYED
        until_s = end_s if is_relayed else self.now_s + RING_S + UPGRADE_S
        self.counters["relayed"] += is_relayed
        self._push(self.now_s + SHARE_S, _Talk(caller, callee, end_s, until_s, exchange, channel))

    def _go_on(self, talk: _Talk) -> None:
        since_s = max(self.now_s - SHARE_S, 0.0)
        relayed_s = max(0.0, min(self.now_s, talk.relayed_until_s) - since_s)
        use = RelayUse(talk.channel.opener.leg_id, int(relayed_s * RELAYED_BYTES_PER_S), 0)
        talk.exchange.used([use], self.now_s)
        if self.now_s < talk.end_s:
            self._push(self.now_s + SHARE_S, talk)
        else:
            self.busy -= {talk.caller, talk.callee}

    def _push(self, due_s: float, talk: _Talk | float) -> None:
        self._order += 1
        heapq.heappush(self._heap, (due_s, self._order, talk))


def run(nodes: int, seed: int, progress: Progress | None) -> Json:
    """Ten ordinary minutes, then an hour of the rush."""
    boxes, limits = min(nodes, SAMPLE_MAX), Limits()
    evening = Evening(boxes, seed, limits)
    timeline = report.Timeline("load", "bytes", "in_call")
    ordinary = CALLS_PER_BOX_AND_HOUR * boxes / 3600.0
    evening.begin(ordinary)
    carried = [0] * len(evening.exchanges)
    until_s = 0.0
    while until_s < ORDINARY_S + RUSH_S:
        if until_s == ORDINARY_S:
            evening.begin((RUSH - 1) * ordinary)
        until_s += STEP_S
        evening.run(until_s)
        now = [exchange.bytes_relayed for exchange in evening.exchanges]
        bytes_per_s = max(b - a for a, b in zip(carried, now, strict=True)) / STEP_S
        carried = now
        channels = max(len(exchange) for exchange in evening.exchanges)
        timeline.add(
            until_s - ORDINARY_S,
            channels / limits.channels,
            bytes_per_s / limits.bytes_per_s,
            len(evening.busy) / boxes,
        )
        if progress is not None:
            progress("christmas", until_s / (ORDINARY_S + RUSH_S))
    counts = evening.counters
    return {
        "model": {
            "form": "channel tables",
            "boxes": boxes,
            "exchanges": len(evening.exchanges),
            "rush": RUSH,
            "relayed_fraction": RELAYED,
        },
        "rush": {
            "calls": counts["calls"],
            "busy": counts["busy"],
            "relayed": counts["relayed"],
            "refused": counts["refused"],
            "blocked": counts["blocked"],
            "blocked_fraction": round(counts["blocked"] / counts["calls"], 6),
            "channels_load_max": max(row[1] for row in timeline.rows),
            "bytes_load_max": max(row[2] for row in timeline.rows),
            "in_call_max": max(row[3] for row in timeline.rows),
        },
        "timeline": timeline.json(),
        "network": {"events": counts["events"]},
    }
