"""Soundings: nodes of the directory say where a new datagram of ours comes from.

Our router, if it counts its ports, takes the next one for each of them. Knows no call.
Units: `_s` monotonic seconds. Source: BEP 42 (the `ip` key of each answer).
"""

from __future__ import annotations

from firmware.events import Message, ObservedAt
from firmware.overlay.dht.facts import Answered
from firmware.overlay.dht.krpc import Ping
from firmware.overlay.dht.node import Node
from firmware.path_events import RouterSounded

AT_ONCE = 4  # one answer is enough; datagrams get lost, and the router may still know some of them
SILENT_S = 10.0


class Soundings:
    """At most AT_ONCE are open; new ones replace those that were not answered."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._asked: set[int] = set()

    def begin(self, now_s: float) -> list[Message]:
        """Ask; RouterSounded for each that is asked, none if nobody is new."""
        for handle in self._asked:
            self._node.cancel(handle)
        self._asked.clear()
        out: list[Message] = []
        for observer in self._node.silent_since(now_s - SILENT_S)[:AT_ONCE]:
            self._asked.add(self._node.ask(Ping(), observer, now_s))
            out.append(RouterSounded(observer))
        return out

    def hear(self, fact: Answered) -> list[Message]:
        """What came of one of them."""
        if fact.handle not in self._asked:
            return []
        self._asked.remove(fact.handle)
        return [] if fact.observed is None else [ObservedAt(fact.observed, fact.source)]
