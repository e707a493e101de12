"""The odometer: at which port our router, which counts, lets us out towards each destination.

Such a router takes the next port of its row for each new destination. We note in which order they
came; an observer who was among them and says where it saw us tells the ports of all its neighbours
in that row. What others in our house have sent meanwhile moves the row, too: so only a sounding
right behind the destination in question counts.
Sources: RFC 5128 section 3.6; RFC 4787 section 4.1.
"""

from __future__ import annotations

from firmware.model import Endpoint

DESTINATIONS_MAX = 1024  # of one call


class Odometer:
    """Of one call, and of one router with one outer address."""

    def __init__(self) -> None:
        self._order: dict[Endpoint, int] = {}
        self._observers: set[Endpoint] = set()
        self._has_asked = False
        self._begin = 0  # the port at which the row would have begun, by the last sounding
        self.newest: Endpoint | None = None  # the row goes on there, or very little further
        self._is_first = True  # of this sounding
        self._floor = 0  # a port that was seen before they were asked

    def __contains__(self, destination: object) -> bool:
        return destination in self._order

    def leave(self, destination: Endpoint) -> None:
        """A datagram goes there; counted once."""
        if len(self._order) < DESTINATIONS_MAX:
            self._order.setdefault(destination, len(self._order))

    def begin_sounding(self, newest: Endpoint | None) -> None:
        """Where we were seen last, before: who sees us no further has been written to already.

        What an earlier sounding has told is over with the first that this one tells.
        """
        self._floor = 0 if newest is None else newest.port
        self._is_first = True

    def sound(self, observer: Endpoint) -> None:
        """The same, and what it says of us will count."""
        self.leave(observer)
        if observer in self._order:
            self._has_asked = True
            self._observers.add(observer)

    @property
    def is_in_vain(self) -> bool:
        """True if all who were asked have answered, and our router still knew each of them."""
        return self.newest is None and not self._observers and self._has_asked

    def hear(self, observer: Endpoint, seen: Endpoint, step: int) -> bool:
        """True if it was asked and tells of a later row than was known."""
        if observer not in self._observers:
            return False
        self._observers.remove(observer)
        if seen.port <= self._floor:
            return False  # our router still knew that observer
        begin = seen.port - step * self._order[observer]
        if not self._is_first and begin <= self._begin:
            return False
        self.newest, self._begin, self._is_first = seen, begin, False
        return True

    def towards(self, destination: Endpoint, step: int) -> Endpoint | None:
        """Where our datagrams to `destination` come from; None if nobody can tell."""
        if self.newest is None or destination not in self._order:
            return None
        port = self._begin + step * self._order[destination]
        return Endpoint(self.newest.host, port) if 0 < port < 65536 else None
