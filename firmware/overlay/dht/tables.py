"""The routing tables of both address families, and who of their nodes is left in peace for a while.

Knows no message. IPv4 and IPv6 are two networks with a table and an id of ours each (BEP 32).
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Contact
from firmware.overlay.dht.routing import FRESH_S, RoutingTable
from firmware.overlay.dht.rows import Row

QUARANTINE_S = 180.0  # a node that was silent is not asked again: NATs forget within minutes
SILENT_MAX = 256  # nodes in quarantine; at the limit the one that was silent first is released


class Tables:
    """Dispatches by the family of an endpoint."""

    __slots__ = ("_own_id6", "_silent", "_turn", "_v6", "v4")

    def __init__(
        self, own_id: bytes, own_id6: bytes | None = None, known: Iterable[Contact] = ()
    ) -> None:
        """`known` are nodes of an earlier run: bad until they answer."""
        self.v4 = RoutingTable(own_id)
        self._own_id6 = own_id6 or own_id
        self._v6: RoutingTable | None = None  # where there is no IPv6 there is no table
        self._silent: dict[Endpoint, float] = {}  # until when, oldest first
        self._turn = 0
        for contact in known:
            self.of(contact.endpoint).remember(contact)

    @property
    def v6(self) -> RoutingTable:
        """Of IPv6 nodes."""
        if self._v6 is None:
            self._v6 = RoutingTable(self._own_id6, is_v6=True)
        return self._v6

    @v6.setter
    def v6(self, table: RoutingTable) -> None:
        self._v6 = table

    @property
    def own_id6(self) -> bytes:
        """Ours among IPv6 nodes."""
        return self._own_id6 if self._v6 is None else self._v6.own_id

    @property
    def nodes(self) -> int:
        """How many nodes are known and not bad."""
        return self.v4.nodes + (0 if self._v6 is None else self._v6.nodes)

    def all(self) -> tuple[RoutingTable, ...]:
        """The tables that there are, empty ones too."""
        return (self.v4,) if self._v6 is None else (self.v4, self._v6)

    def depth(self) -> int:
        """How many leading bits the node nearest to us shares with us, of either family."""
        return max(table.depth() for table in self.all())

    def of(self, endpoint: Endpoint) -> RoutingTable:
        """The table that `endpoint` belongs to."""
        return self.v6 if ":" in endpoint.host else self.v4

    def families(self) -> tuple[RoutingTable, ...]:
        """The tables in which nodes are known; none before the first."""
        return tuple(table for table in self.all() if table.nodes)

    def contacts_by_family(self) -> list[list[Contact]]:
        """Every node, the bad ones too: after an outage of ours they are the way back."""
        return [table.all_contacts() for table in self.all()]

    def rows(self) -> Iterator[Row]:
        """Every node, the bad ones too."""
        for table in self.all():
            yield from table.rows()

    def answered(self, contact: Contact, rtt_s: float | None, now_s: float) -> bool:
        """As RoutingTable.answered; ends the quarantine."""
        if self._silent:
            self._silent.pop(contact.endpoint, None)
        table = self.v6 if contact.is_v6 else self.v4
        return table.answered(contact, rtt_s, now_s)

    def failed(self, contact: Contact, now_s: float, *, is_online: bool) -> Contact | None:
        """As RoutingTable.failed; begins a quarantine.

        Spared are those we still trust, and all if it is we who are offline.
        """
        table = self.of(contact.endpoint)
        spare = table.failed(contact, is_online=is_online)
        if is_online and not table.trusts(contact):
            self._silent.pop(contact.endpoint, None)
            self._silent[contact.endpoint] = now_s + QUARANTINE_S
            if len(self._silent) > SILENT_MAX:
                del self._silent[next(iter(self._silent))]
        return spare

    def is_quarantined(self, endpoint: Endpoint, now_s: float) -> bool:
        """True for QUARANTINE_S after `endpoint` did not answer, unless it answered since."""
        if not self._silent:
            return False
        until_s = self._silent.get(endpoint)
        return until_s is not None and now_s < until_s

    def release(self, now_s: float) -> None:
        """Forget the quarantines that are over."""
        while self._silent and self._silent[first := next(iter(self._silent))] <= now_s:
            del self._silent[first]

    def to_ping(self, now_s: float) -> Contact | None:
        """Whom to ping now, if anybody: in turn the stalest of ours and one we were told of."""
        self._turn += 1
        spares_first = self._turn % 2 == 0
        for table in self.all()[:: 1 if self._turn % 4 < 2 else -1]:
            spare = self._spare(table, now_s) if spares_first else None
            contact = spare or table.questionable(now_s, FRESH_S)
            if contact is None and not spares_first:
                contact = self._spare(table, now_s)
            if contact is not None:
                return contact
        return None

    def move(self, own_id: bytes, *, is_v6: bool) -> None:
        """Our id in one family is another from now on."""
        if is_v6:
            self.v6 = self.v6.moved_to(own_id)
        else:
            self.v4 = self.v4.moved_to(own_id)

    def _spare(self, table: RoutingTable, now_s: float) -> Contact | None:
        while (spare := table.spare()) is not None:
            if not self.is_quarantined(spare.endpoint, now_s):
                return spare
        return None
