"""What the node tells the directory; these facts never leave the overlay.

`handle` is the integer that `Node.find_peers`, `Node.look_up` or `Node.ask` returned.
Units: `_s` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.events import Fact
from firmware.model import Endpoint
from firmware.overlay.dht.krpc import Answer, Contact


@dataclass(frozen=True, slots=True)
class Holder:
    """A node that answered a lookup, with its token for announcements and items."""

    contact: Contact
    token: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hop:
    """One node on the way to a target."""

    endpoint: Endpoint
    shared_bits: int  # leading bits that its id shares with the target
    rtt_s: float | None  # None: asked twice, so nobody knows
    answered_s: float  # since the start of the lookup


@dataclass(frozen=True, slots=True)
class LookupTrace:
    """What a lookup cost so far."""

    hops: int  # of the answer that lay deepest; 1 = a node of our own table
    messages: int  # queries sent, retransmissions included
    silent: int  # nodes that did not answer
    time_s: float
    path: tuple[Hop, ...] = ()  # to the first node that had a value, else to the closest
    value_s: float | None = None  # when the first value came, since the start
    value_messages: int = 0  # queries sent until then


@dataclass(frozen=True, slots=True)
class PeersSeen(Fact):
    """A lookup met peers it had not seen before; nothing about them is proved."""

    handle: int
    peers: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class NodeAnswered(Fact):
    """A node on the way of a `look_up` answered; an item in `answer` is not proved."""

    handle: int
    contact: Contact
    answer: Answer


@dataclass(frozen=True, slots=True)
class LookupEnded(Fact):
    """The closest nodes have answered; K of each family, closest first, none if nobody answered."""

    handle: int
    closest: tuple[Holder, ...]
    trace: LookupTrace


@dataclass(frozen=True, slots=True)
class Answered(Fact):
    """What came of a question; `answer` is None if it was refused or not answered in time.

    `refused` is then the code of KRPC (ERROR_*), None for silence.
    """

    handle: int
    source: Endpoint
    answer: Answer | None
    refused: int | None = None
    observed: Endpoint | None = None  # where the source sees us, by its word
