"""What DHT nodes say to each other, as values: questions, answers, refusals, packets.

Knows no bytes: krpc.py writes and reads them. Ports, codes and sequence numbers are integers,
identifiers 20 bytes. What there is of each datagram is a tuple, because that is made quickest.
Sources: BEP 5 (messages, errors), BEP 32 (`want`), BEP 42 (`ip`), BEP 43 (`ro`), BEP 44 (items),
BEP 51 (samples); GetCertificate, Register and Ring are ours, docs/protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from firmware.model import Endpoint
from firmware.overlay.dht.contact import Contact
from firmware.overlay.dht.items import Item

WANT_V4, WANT_V6 = b"n4", b"n6"

ERROR_GENERIC = 201
ERROR_SERVER = 202
ERROR_PROTOCOL = 203  # malformed arguments or a bad token
ERROR_METHOD_UNKNOWN = 204
ERROR_VALUE_TOO_BIG = 205  # this and all below: BEP 44
ERROR_SIGNATURE = 206
ERROR_SALT_TOO_BIG = 207
ERROR_CAS_MISMATCH = 301
ERROR_SEQ_TOO_LOW = 302
ERROR_TEXTS = {
    ERROR_GENERIC: "Generic Error",
    ERROR_SERVER: "Server Error",
    ERROR_PROTOCOL: "Protocol Error",
    ERROR_METHOD_UNKNOWN: "Method Unknown",
    ERROR_VALUE_TOO_BIG: "Value Too Big",
    ERROR_SIGNATURE: "Invalid Signature",
    ERROR_SALT_TOO_BIG: "Salt Too Big",
    ERROR_CAS_MISMATCH: "CAS Mismatch",
    ERROR_SEQ_TOO_LOW: "Sequence Number Less Than Current",
}


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class FindNode:
    """Which nodes near `target` do you know?"""

    target: bytes
    want: tuple[bytes, ...] = ()  # WANT_V4, WANT_V6; empty = the family the query came by


@dataclass(frozen=True, slots=True)
class GetPeers:
    """Who announced `info_hash`? Answered with a token for AnnouncePeer."""

    info_hash: bytes
    want: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnouncePeer:
    """Keep my address under `info_hash`; with `implied_port` the port is the datagram's own."""

    info_hash: bytes
    port: int
    token: bytes = field(repr=False)
    implied_port: bool = False


@dataclass(frozen=True, slots=True)
class GetItem:
    """Which item is under `target`? Only if newer than `seq`. Answered with a token for PutItem.

    Whoever wants a mutable item sends a `seq`, 0 for any: an item that is nobody's has none.
    """

    target: bytes
    seq: int | None = None
    want: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class PutItem:
    """Keep `item`; with `cas` only if what you keep has this sequence number."""

    item: Item
    token: bytes = field(repr=False)
    cas: int | None = None


@dataclass(frozen=True, slots=True)
class SampleInfohashes:
    """Which info-hashes do you keep? And which nodes near `target` do you know?"""

    target: bytes
    want: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class GetCertificate:
    """Whose number is in the swarm `info_hash`? (`x_fr_certificate`).

    With a `nonce` the owner answers with a proof, too, that it is no copy (proof.py).
    """

    info_hash: bytes
    nonce: bytes = b""


@dataclass(frozen=True, slots=True)
class Register:
    """Keep my registration (`x_fr_register`); what is in `request` only an exchange knows."""

    request: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ring:
    """Send `frame`, a call to the asker, to the exchange at `to` (`x_fr_ring`)."""

    registration_id: bytes  # of the asker, at the exchange that is asked
    to: Endpoint
    frame: bytes = field(repr=False)


Search = FindNode | GetPeers | GetItem | SampleInfohashes  # answered with nodes nearer to a target
Question = Ping | Search | AnnouncePeer | PutItem | GetCertificate | Register | Ring


def target_of(search: Search) -> bytes:
    """Where a lookup with this question is heading."""
    return search.info_hash if isinstance(search, GetPeers) else search.target


class Query(NamedTuple):
    """`y` = q. A `read_only` sender cannot be asked and belongs in no table."""

    transaction_id: bytes
    node_id: bytes
    question: Question
    read_only: bool = False
    version: bytes = b""


@dataclass(frozen=True, slots=True)
class Samples:
    """A part of the info-hashes a node keeps; `interval_s` until it shows another part."""

    info_hashes: tuple[bytes, ...]
    count: int  # of all it keeps
    interval_s: int


class PackedNodes(NamedTuple):
    """Contacts in compact form, as a routing table keeps them; None = family not asked for."""

    v4: bytes | None
    v6: bytes | None


class Answer(NamedTuple):
    """What a response says beside the id of its sender; None = key absent.

    An `item` is unproved until items.verified() has seen it. `seq` comes only without an item: what
    is kept is not newer than was asked for. `packed` is only written, instead of `nodes`.
    """

    nodes: tuple[Contact, ...] | None = None
    peers: tuple[Endpoint, ...] = ()
    token: bytes | None = None
    certificate: bytes | None = None
    item: Item | None = None
    seq: int | None = None
    samples: Samples | None = None
    packed: PackedNodes | None = None
    proof: bytes | None = None  # beside a certificate
    lease: bytes | None = None  # beside one of somebody else's
    registration: bytes | None = None
    tls_port: int | None = None  # beside a registration
    utc_s: int | None = None  # beside a registration or its refusal: the clock of who answers

    def __repr__(self) -> str:
        """Without tokens and proofs."""
        return f"Answer({len(self.nodes or ())} nodes, {len(self.peers)} peers, {self.item})"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Instead of an answer: becomes an Error with this code (ERROR_*)."""

    code: int
    text: str


class Response(NamedTuple):
    """`y` = r. `observed` is the address by which the answering node sees us."""

    transaction_id: bytes
    node_id: bytes
    answer: Answer
    observed: Endpoint | None = None
    version: bytes = b""


@dataclass(frozen=True, slots=True)
class Error:
    """`y` = e."""

    transaction_id: bytes
    code: int
    text: str = ""
    version: bytes = b""


@dataclass(frozen=True, slots=True)
class BadQuery:
    """A query that deserves an error: unknown method or wrong arguments. Decoded, never encoded."""

    transaction_id: bytes
    code: int


Packet = Query | Response | Error | BadQuery
