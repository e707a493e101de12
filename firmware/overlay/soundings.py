"""Soundings: nodes of the directory say where a new datagram of ours comes from.

Our router, if it counts its ports, takes the next one for each of them. Knows no call.
Units: `_s` monotonic seconds. Source: BEP 42 (the `ip` key of each answer).
"""

from __future__ import annotations

from firmware.events import Message, ObservedAt
from firmware.events.path import RouterSounded
from firmware.model import Endpoint
from firmware.overlay.dht.facts import Answered
from firmware.overlay.dht.krpc import Ping
from firmware.overlay.dht.node import Node

AT_ONCE = 2  # one answer is enough; datagrams get lost, and the router may still know one of them
SILENT_S = 130.0  # routers remember whom we have talked to for two minutes (RFC 4787 section 4.3)
REMEMBERED_MAX = 64  # whom we have asked


class Soundings:
    """At most AT_ONCE are open; new ones replace those that were not answered."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._open: set[int] = set()
        self._asked_s: dict[Endpoint, float] = {}  # the first that were asked come first

    def begin(self, now_s: float) -> list[Message]:
        """Ask; RouterSounded for each that is asked, none if nobody is new."""
        for handle in self._open:
            self._node.cancel(handle)
        self._open.clear()
        since_s = now_s - SILENT_S
        asked = {node.host for node, asked_s in self._asked_s.items() if asked_s > since_s}
        fresh: dict[str, Endpoint] = {}  # of each host one: a router's ports are gone together
        for node in self._node.silent_since(since_s):
            is_ourselves = node.host == self._node.external_host(node)  # as others saw us
            if node.host not in asked and not is_ourselves:
                fresh.setdefault(node.host, node)
        out: list[Message] = []
        for observer in list(fresh.values())[:AT_ONCE]:
            self._open.add(self._node.ask(Ping(), observer, now_s))
            self._asked_s.pop(observer, None)
            self._asked_s[observer] = now_s
            out.append(RouterSounded(observer))
        while len(self._asked_s) > REMEMBERED_MAX:
            del self._asked_s[next(iter(self._asked_s))]
        return out

    def hear(self, fact: Answered) -> list[Message]:
        """What came of one of them."""
        if fact.handle not in self._open:
            return []
        self._open.remove(fact.handle)
        return [] if fact.observed is None else [ObservedAt(fact.observed, fact.source)]
