"""KRPC, the language of the Mainline DHT: messages as values, strict out and tolerant in.

Knows no socket, table or time. Ports and codes are integers, identifiers 20 bytes.
Sources: BEP 5 (messages, errors, compact form), BEP 32 (`nodes6`, `want`), BEP 42 (`ip`), BEP 43
(`ro`); `x_fr_certificate` is ours, docs/protocol.md.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache

from firmware.errors import MalformedError
from firmware.identity import CERTIFICATE_BYTES_MAX
from firmware.model import Endpoint
from firmware.overlay import bencode
from firmware.overlay.node_id import NODE_ID_BYTES

VERSION = b"FR\x00\x01"  # `v`: two letters of the program, then its protocol version
TRANSACTION_ID_BYTES_MAX = 32  # we must echo what peers choose, but not at any length
TOKEN_BYTES_MAX = 64
ERROR_TEXT_BYTES_MAX = 128

ERROR_GENERIC = 201
ERROR_SERVER = 202
ERROR_PROTOCOL = 203  # malformed arguments or a bad token
ERROR_METHOD_UNKNOWN = 204
ERROR_TEXTS = {  # the words of BEP 5
    ERROR_GENERIC: "Generic Error",
    ERROR_SERVER: "Server Error",
    ERROR_PROTOCOL: "Protocol Error",
    ERROR_METHOD_UNKNOWN: "Method Unknown",
}


@dataclass(frozen=True, slots=True)
class Contact:
    """A node: who and where."""

    node_id: bytes
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True)
class FindNode:
    """Which nodes near `target` do you know?"""

    target: bytes
    want: tuple[bytes, ...] = ()  # b"n4", b"n6"; empty = the family the query came by


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
class GetCertificate:
    """Whose number is in the swarm `info_hash`? (`x_fr_certificate`)."""

    info_hash: bytes


Question = Ping | FindNode | GetPeers | AnnouncePeer | GetCertificate


@dataclass(frozen=True, slots=True)
class Query:
    """`y` = q. A `read_only` sender cannot be asked and belongs in no table."""

    transaction_id: bytes
    node_id: bytes
    question: Question
    read_only: bool = False
    version: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response says beside the id of its sender; None = key absent."""

    nodes: tuple[Contact, ...] | None = None
    peers: tuple[Endpoint, ...] = ()
    token: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Instead of an answer: becomes an Error with this code (ERROR_*)."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Response:
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


def encode(packet: Query | Response | Error) -> bytes:
    """Wire form, canonical."""
    message: dict[bytes, object] = {b"t": packet.transaction_id}
    if packet.version:
        message[b"v"] = packet.version
    match packet:
        case Query():
            method, arguments = _encode_question(packet.question)
            message |= {b"y": b"q", b"q": method, b"a": {b"id": packet.node_id} | arguments}
            if packet.read_only:
                message[b"ro"] = 1
        case Response():
            message |= {b"y": b"r", b"r": {b"id": packet.node_id} | _encode_answer(packet.answer)}
            if packet.observed is not None:
                message[b"ip"] = encode_endpoint(packet.observed)
        case Error():
            message |= {b"y": b"e", b"e": [packet.code, packet.text.encode()]}
    return bencode.encode(message)


def decode(data: bytes) -> Packet:
    """Any KRPC message; raises MalformedError if it cannot even be answered with an error."""
    message = bencode.decode(data)
    transaction_id = _bytes(message, b"t", TRANSACTION_ID_BYTES_MAX)
    version = message.get(b"v")
    version = version[:16] if isinstance(version, bytes) else b""
    kind = message.get(b"y")
    if kind == b"q":
        return _decode_query(message, transaction_id, version)
    if kind == b"r":
        body = _dictionary(message, b"r")
        return Response(
            transaction_id,
            _identifier(body, b"id"),
            _decode_answer(body),
            decode_endpoint(message.get(b"ip")),
            version,
        )
    if kind == b"e":
        return _decode_error(message.get(b"e"), transaction_id, version)
    raise MalformedError("neither query, response nor error")


def encode_endpoint(endpoint: Endpoint) -> bytes:
    """Compact form: 4 or 16 bytes of address, 2 of port."""
    return _packed(endpoint.host) + endpoint.port.to_bytes(2, "big")


def decode_endpoint(data: object) -> Endpoint | None:
    """Of 6 or 18 bytes; None for anything else."""
    if not isinstance(data, bytes) or len(data) not in (6, 18):
        return None
    return Endpoint(str(ipaddress.ip_address(data[:-2])), int.from_bytes(data[-2:], "big"))


@lru_cache(maxsize=4096)
def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed


def _encode_question(question: Question) -> tuple[bytes, dict[bytes, object]]:
    arguments: dict[bytes, object]
    match question:
        case Ping():
            return b"ping", {}
        case FindNode(target, want):
            arguments = {b"target": target}
        case GetPeers(info_hash, want):
            arguments = {b"info_hash": info_hash}
        case AnnouncePeer(info_hash, port, token, implied_port):
            arguments = {b"info_hash": info_hash, b"port": port, b"token": token}
            return b"announce_peer", arguments | ({b"implied_port": 1} if implied_port else {})
        case GetCertificate(info_hash):
            return b"x_fr_certificate", {b"info_hash": info_hash}
    if want:
        arguments[b"want"] = list(want)
    return (b"find_node" if isinstance(question, FindNode) else b"get_peers"), arguments


def _encode_answer(answer: Answer) -> dict[bytes, object]:
    body: dict[bytes, object] = {}
    if answer.nodes is not None:
        compact = [node.node_id + encode_endpoint(node.endpoint) for node in answer.nodes]
        body[b"nodes"] = b"".join(node for node in compact if len(node) == NODE_ID_BYTES + 6)
        if nodes6 := b"".join(node for node in compact if len(node) == NODE_ID_BYTES + 18):
            body[b"nodes6"] = nodes6
    if answer.peers:
        body[b"values"] = [encode_endpoint(peer) for peer in answer.peers]
    if answer.token is not None:
        body[b"token"] = answer.token
    if answer.certificate is not None:
        body[b"certificate"] = answer.certificate
    return body


def _decode_query(
    message: dict[bytes, object], transaction_id: bytes, version: bytes
) -> Query | BadQuery:
    try:
        arguments = _dictionary(message, b"a")
        node_id = _identifier(arguments, b"id")
        question = _decode_question(message.get(b"q"), arguments)
    except MalformedError:
        return BadQuery(transaction_id, ERROR_PROTOCOL)
    if question is None:
        return BadQuery(transaction_id, ERROR_METHOD_UNKNOWN)
    return Query(transaction_id, node_id, question, message.get(b"ro") == 1, version)


def _decode_question(method: object, arguments: dict[bytes, object]) -> Question | None:
    match method:
        case b"ping":
            return Ping()
        case b"find_node":
            return FindNode(_identifier(arguments, b"target"), _want(arguments))
        case b"get_peers":
            return GetPeers(_identifier(arguments, b"info_hash"), _want(arguments))
        case b"announce_peer":
            return _decode_announce(arguments)
        case b"x_fr_certificate":
            return GetCertificate(_identifier(arguments, b"info_hash"))
    return None


def _decode_announce(arguments: dict[bytes, object]) -> AnnouncePeer:
    implied_port = arguments.get(b"implied_port", 0) not in (0, b"")
    port = arguments.get(b"port", 0)
    if not isinstance(port, int) or not 0 <= port <= 65535 or not (port or implied_port):
        raise MalformedError("port")
    token = _bytes(arguments, b"token", TOKEN_BYTES_MAX)
    return AnnouncePeer(_identifier(arguments, b"info_hash"), port, token, implied_port)


def _decode_answer(body: dict[bytes, object]) -> Answer:
    nodes = None
    if b"nodes" in body or b"nodes6" in body:
        nodes = (*_nodes(body.get(b"nodes"), 6), *_nodes(body.get(b"nodes6"), 18))
    values = body.get(b"values")
    peers = tuple(
        peer
        for value in (values if isinstance(values, list) else [])
        if (peer := decode_endpoint(value)) is not None
    )
    token = body.get(b"token")
    if not isinstance(token, bytes) or len(token) > TOKEN_BYTES_MAX:
        token = None
    certificate = body.get(b"certificate")
    if not isinstance(certificate, bytes) or len(certificate) > CERTIFICATE_BYTES_MAX:
        certificate = None
    return Answer(nodes, peers, token, certificate)


def _decode_error(body: object, transaction_id: bytes, version: bytes) -> Error:
    # Peers disagree about the shape of errors; that there is one is all that matters.
    code, text = ERROR_GENERIC, ""
    for item in body[:2] if isinstance(body, list) else []:
        if isinstance(item, int):
            code = item
        elif isinstance(item, bytes):
            text = item[:ERROR_TEXT_BYTES_MAX].decode(errors="replace")
    return Error(transaction_id, code, text, version)


def _nodes(data: object, endpoint_bytes: int) -> list[Contact]:
    if not isinstance(data, bytes):
        return []
    size = NODE_ID_BYTES + endpoint_bytes
    nodes = []
    for start in range(0, len(data) - size + 1, size):  # a rest too short for a node is ignored
        endpoint = decode_endpoint(data[start + NODE_ID_BYTES : start + size])
        assert endpoint is not None
        nodes.append(Contact(data[start : start + NODE_ID_BYTES], endpoint))
    return nodes


def _want(arguments: dict[bytes, object]) -> tuple[bytes, ...]:
    want = arguments.get(b"want")
    families = want if isinstance(want, list) else []
    return tuple(family for family in (b"n4", b"n6") if family in families)


def _identifier(dictionary: dict[bytes, object], key: bytes) -> bytes:
    value = _bytes(dictionary, key, NODE_ID_BYTES)
    if len(value) != NODE_ID_BYTES:
        raise MalformedError(f"{key!r} is not {NODE_ID_BYTES} bytes")
    return value


def _bytes(dictionary: dict[bytes, object], key: bytes, bytes_max: int) -> bytes:
    value = dictionary.get(key)
    if not isinstance(value, bytes) or not 0 < len(value) <= bytes_max:
        raise MalformedError(f"{key!r} is absent or of wrong length")
    return value


def _dictionary(dictionary: dict[bytes, object], key: bytes) -> dict[bytes, object]:
    value = dictionary.get(key)
    if not isinstance(value, dict):
        raise MalformedError(f"{key!r} is not a dictionary")
    return value
