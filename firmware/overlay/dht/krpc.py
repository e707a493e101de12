"""KRPC, the language of the Mainline DHT: strict in what it writes, tolerant in what it reads.

Writes and reads the packets of messages.py, whose values have their names here too; what is in them
is for questions.py and answers.py. Knows no socket, table or time.
Sources: BEP 5 (messages, errors), BEP 32 (`nodes6`, `want`), BEP 42 (`ip`), BEP 43 (`ro`), BEP 44
(get, put), BEP 51 (sample_infohashes); `x_fr_*` are ours, docs/protocol.md.
"""

from __future__ import annotations

from firmware.errors import MalformedError
from firmware.overlay.dht import bencode
from firmware.overlay.dht.answers import decode_answer, encode_answer, encode_plain_answer
from firmware.overlay.dht.compact import (
    decode_observed,
    identifier,
    inner,
    short_bytes,
)
from firmware.overlay.dht.contact import Contact, decode_endpoint, encode_endpoint
from firmware.overlay.dht.items import Item
from firmware.overlay.dht.messages import (
    ERROR_CAS_MISMATCH,
    ERROR_GENERIC,
    ERROR_METHOD_UNKNOWN,
    ERROR_PROTOCOL,
    ERROR_SALT_TOO_BIG,
    ERROR_SEQ_TOO_LOW,
    ERROR_SERVER,
    ERROR_SIGNATURE,
    ERROR_TEXTS,
    ERROR_VALUE_TOO_BIG,
    WANT_V4,
    WANT_V6,
    AnnouncePeer,
    Answer,
    BadQuery,
    Error,
    FindNode,
    GetCertificate,
    GetItem,
    GetPeers,
    PackedNodes,
    Packet,
    Ping,
    PutItem,
    Query,
    Question,
    Refusal,
    Register,
    Response,
    Ring,
    SampleInfohashes,
    Samples,
    Search,
    target_of,
)
from firmware.overlay.dht.questions import decode_question, encode_plain_question, encode_question

__all__ = [
    "ERROR_CAS_MISMATCH",
    "ERROR_GENERIC",
    "ERROR_METHOD_UNKNOWN",
    "ERROR_PROTOCOL",
    "ERROR_SALT_TOO_BIG",
    "ERROR_SEQ_TOO_LOW",
    "ERROR_SERVER",
    "ERROR_SIGNATURE",
    "ERROR_TEXTS",
    "ERROR_VALUE_TOO_BIG",
    "VERSION",
    "WANT_V4",
    "WANT_V6",
    "AnnouncePeer",
    "Answer",
    "BadQuery",
    "Contact",
    "Error",
    "FindNode",
    "GetCertificate",
    "GetItem",
    "GetPeers",
    "Item",
    "PackedNodes",
    "Packet",
    "Ping",
    "PutItem",
    "Query",
    "Question",
    "Refusal",
    "Register",
    "Response",
    "Ring",
    "SampleInfohashes",
    "Samples",
    "Search",
    "decode",
    "decode_endpoint",
    "encode",
    "encode_endpoint",
    "target_of",
]

VERSION = b"FR\x00\x01"  # `v`: two letters of the program, then its protocol version
TRANSACTION_ID_BYTES_MAX = 32  # we must echo what peers choose, but not at any length
ERROR_TEXT_BYTES_MAX = 128


def encode(packet: Query | Response | Error) -> bytes:
    """Wire form, canonical."""
    if isinstance(packet, Query):
        plain = encode_plain_question(packet.question)
        if plain is not None:
            return _encode_plain_query(packet, *plain)
    elif isinstance(packet, Response):
        rest = encode_plain_answer(packet.answer)
        if rest is not None:
            return _encode_plain_response(packet, rest)
    message: dict[bytes, object] = {b"t": packet.transaction_id}
    if packet.version:
        message[b"v"] = packet.version
    match packet:
        case Query():
            method, arguments = encode_question(packet.question)
            arguments[b"id"] = packet.node_id
            message |= {b"y": b"q", b"q": method, b"a": arguments}
            if packet.read_only:
                message[b"ro"] = 1
        case Response():
            body = encode_answer(packet.answer)
            body[b"id"] = packet.node_id
            message |= {b"y": b"r", b"r": body}
            if packet.observed is not None:
                message[b"ip"] = encode_endpoint(packet.observed)
        case Error():
            message |= {b"y": b"e", b"e": [packet.code, packet.text.encode()]}
    return bencode.encode(message)


def _encode_plain_query(packet: Query, arguments: bytes, method: bytes) -> bytes:
    """A query with nothing unusual in it, in the same canonical form, but quicker."""
    transaction_id, node_id, _, read_only, version = packet
    ro = b"2:roi1e" if read_only else b""
    v = b"1:v%d:%b" % (len(version), version) if version else b""
    named = ro, len(transaction_id), transaction_id, v
    return b"d1:ad2:id20:%b%be1:q%b%b1:t%d:%b%b1:y1:qe" % (node_id, arguments, method, *named)


def _encode_plain_response(packet: Response, rest: bytes) -> bytes:
    """The same for a response."""
    transaction_id, node_id, _, observed, version = packet
    ip = b""
    if observed is not None:
        address = encode_endpoint(observed)
        ip = b"2:ip%d:%b" % (len(address), address)
    v = b"1:v%d:%b" % (len(version), version) if version else b""
    named = len(transaction_id), transaction_id, v
    return b"d%b1:rd2:id20:%b%be1:t%d:%b%b1:y1:re" % (ip, node_id, rest, *named)


def decode(data: bytes) -> Packet:
    """Any KRPC message; raises MalformedError if it cannot even be answered with an error."""
    message = bencode.decode(data)
    transaction_id = short_bytes(message, b"t", TRANSACTION_ID_BYTES_MAX)
    version = message.get(b"v", b"")
    version = version[:16] if isinstance(version, bytes) else b""
    kind = message.get(b"y")
    if kind == b"q":
        return _decode_query(message, transaction_id, version)
    if kind == b"r":
        body = inner(message, b"r")
        node_id = identifier(body, b"id")
        observed = decode_observed(message.get(b"ip"))
        return Response(transaction_id, node_id, decode_answer(body), observed, version)
    if kind == b"e":
        return _decode_error(message.get(b"e"), transaction_id, version)
    raise MalformedError("neither query, response nor error")


def _decode_query(
    message: dict[bytes, object], transaction_id: bytes, version: bytes
) -> Query | BadQuery:
    try:
        arguments = inner(message, b"a")
        node_id = identifier(arguments, b"id")
        question = decode_question(message.get(b"q"), arguments)
    except MalformedError:
        return BadQuery(transaction_id, ERROR_PROTOCOL)
    if isinstance(question, int):
        return BadQuery(transaction_id, question)
    read_only = message.get(b"ro") not in (None, 0)
    return Query(transaction_id, node_id, question, read_only, version)


def _decode_error(body: object, transaction_id: bytes, version: bytes) -> Error:
    # Peers disagree about the shape of errors; that there is one is all that matters.
    code, text = ERROR_GENERIC, ""
    for item in body[:2] if isinstance(body, list) else []:
        if isinstance(item, int):
            code = item
        elif isinstance(item, bytes):
            text = item[:ERROR_TEXT_BYTES_MAX].decode(errors="replace")
    return Error(transaction_id, code, text, version)
