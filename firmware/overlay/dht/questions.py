"""The questions of KRPC: method and arguments of a query, written and read.

Knows no packet around them. Whatever is wrong in arguments deserves an error with a code.
Sources: BEP 5, BEP 32 (`want`), BEP 44 (get, put), BEP 51 (sample_infohashes); `x_fr_*`
are ours, docs/protocol.md.
"""

from __future__ import annotations

from dataclasses import replace

from firmware.errors import MalformedError
from firmware.overlay.dht import bencode
from firmware.overlay.dht.compact import (
    TOKEN_BYTES_MAX,
    identifier,
    short_bytes,
    whole_number,
)
from firmware.overlay.dht.contact import decode_endpoint, encode_endpoint
from firmware.overlay.dht.items import (
    SALT_BYTES_MAX,
    SEQ_MAX,
    VALUE_BYTES_MAX,
    Item,
    from_fields,
    to_fields,
)
from firmware.overlay.dht.messages import (
    ERROR_METHOD_UNKNOWN,
    ERROR_PROTOCOL,
    ERROR_SALT_TOO_BIG,
    ERROR_VALUE_TOO_BIG,
    WANT_V4,
    WANT_V6,
    AnnouncePeer,
    FindNode,
    GetCertificate,
    GetItem,
    GetPeers,
    Ping,
    PutItem,
    Question,
    Register,
    Ring,
    SampleInfohashes,
)

NONCE_BYTES_MAX = 16
REQUEST_BYTES_MAX = 448  # of x_fr_register
FRAME_BYTES_MAX = 400  # of x_fr_ring


def encode_plain_question(question: Question) -> tuple[bytes, bytes] | None:
    """Arguments after the id, and method, of the commonest questions, bencoded; None for others."""
    if isinstance(question, FindNode) and not question.want:
        return b"6:target20:" + question.target, b"9:find_node"
    if isinstance(question, GetPeers) and not question.want:
        return b"9:info_hash20:" + question.info_hash, b"9:get_peers"
    if isinstance(question, GetItem) and not question.want:
        seq = b"" if question.seq is None else b"3:seqi%de" % question.seq
        return b"%b6:target20:%b" % (seq, question.target), b"3:get"
    if isinstance(question, AnnouncePeer):
        implied = b"12:implied_porti1e" if question.implied_port else b""
        named = question.info_hash, question.port, len(question.token), question.token
        return implied + b"9:info_hash20:%b4:porti%de5:token%d:%b" % named, b"13:announce_peer"
    if isinstance(question, PutItem) and question.cas is None:
        return _encode_plain_put(question.item, question.token), b"3:put"
    return (b"", b"4:ping") if isinstance(question, Ping) else None


def encode_question(question: Question) -> tuple[bytes, dict[bytes, object]]:
    """Method and arguments, without the id of the asker."""
    match question:
        case Ping():
            return b"ping", {}
        case FindNode(target, want):
            return b"find_node", {b"target": target} | _encode_want(want)
        case GetPeers(info_hash, want):
            return b"get_peers", {b"info_hash": info_hash} | _encode_want(want)
        case AnnouncePeer(info_hash, port, token, implied_port):
            arguments = {b"info_hash": info_hash, b"port": port, b"token": token}
            return b"announce_peer", arguments | ({b"implied_port": 1} if implied_port else {})
        case GetItem(target, seq, want):
            newer_than: dict[bytes, object] = {} if seq is None else {b"seq": seq}
            return b"get", {b"target": target} | newer_than | _encode_want(want)
        case PutItem(item, token, cas):
            arguments = to_fields(item) | {b"token": token}
            if item.salt:
                arguments[b"salt"] = item.salt
            return b"put", arguments | ({} if cas is None else {b"cas": cas})
        case SampleInfohashes(target, want):
            return b"sample_infohashes", {b"target": target} | _encode_want(want)
        case GetCertificate(info_hash, nonce):
            arguments = {b"info_hash": info_hash}
            return b"x_fr_certificate", arguments | ({b"nonce": nonce} if nonce else {})
        case Register(request):
            return b"x_fr_register", {b"request": request}
        case Ring(registration_id, to, frame):
            at = encode_endpoint(to)
            return b"x_fr_ring", {b"frame": frame, b"registration": registration_id, b"to": at}


def decode_question(method: object, arguments: dict[bytes, object]) -> Question | int:
    """The question, or the code of the error it deserves; that of MalformedError is 203."""
    match method:
        case b"ping":
            return _PING
        case b"find_node":
            return FindNode(identifier(arguments, b"target"), _decode_want(arguments))
        case b"get_peers":
            return GetPeers(identifier(arguments, b"info_hash"), _decode_want(arguments))
        case b"announce_peer":
            return _decode_announce(arguments)
        case b"get":
            seq = whole_number(arguments, b"seq", SEQ_MAX)
            return GetItem(identifier(arguments, b"target"), seq, _decode_want(arguments))
        case b"put":
            return _decode_put(arguments)
        case b"sample_infohashes":
            return SampleInfohashes(identifier(arguments, b"target"), _decode_want(arguments))
        case b"x_fr_certificate":
            return GetCertificate(identifier(arguments, b"info_hash"), _decode_nonce(arguments))
        case b"x_fr_register":
            return Register(short_bytes(arguments, b"request", REQUEST_BYTES_MAX))
        case b"x_fr_ring":
            return _decode_ring(arguments)
    # A later extension that is on its way to something is helped on, as most nodes do.
    for key in (b"target", b"info_hash"):
        if key in arguments:
            return FindNode(identifier(arguments, key), _decode_want(arguments))
    return ERROR_METHOD_UNKNOWN


def _encode_plain_put(item: Item, token: bytes) -> bytes:
    """Its value is bencoded already."""
    rest = b"5:token%d:%b1:v%b" % (len(token), token, item.value)
    if item.public_key is None:
        return rest
    salt = b"4:salt%d:%b" % (len(item.salt), item.salt) if item.salt else b""
    named = item.public_key, salt, item.seq, item.signature
    return b"1:k32:%b%b3:seqi%de3:sig64:%b" % named + rest


def _encode_want(want: tuple[bytes, ...]) -> dict[bytes, object]:
    return {b"want": list(want)} if want else {}


def _decode_announce(arguments: dict[bytes, object]) -> AnnouncePeer:
    implied_port = arguments.get(b"implied_port", 0) not in (0, b"")
    port = arguments.get(b"port", 0)
    if not isinstance(port, int) or not 0 <= port <= 65535 or not (port or implied_port):
        raise MalformedError("port")
    token = short_bytes(arguments, b"token", TOKEN_BYTES_MAX)
    return AnnouncePeer(identifier(arguments, b"info_hash"), port, token, implied_port)


def _decode_ring(arguments: dict[bytes, object]) -> Ring:
    to = decode_endpoint(arguments.get(b"to"))
    if to is None:
        raise MalformedError("to")
    registration_id = short_bytes(arguments, b"registration", 8)
    return Ring(registration_id, to, short_bytes(arguments, b"frame", FRAME_BYTES_MAX))


def _decode_put(arguments: dict[bytes, object]) -> PutItem | int:
    token = short_bytes(arguments, b"token", TOKEN_BYTES_MAX)
    if b"v" not in arguments:
        return ERROR_PROTOCOL
    value = bencode.encode_value(arguments[b"v"])
    if len(value) > VALUE_BYTES_MAX:
        return ERROR_VALUE_TOO_BIG
    signature_keys = sum(key in arguments for key in (b"k", b"seq", b"sig"))
    if signature_keys == 0:
        return PutItem(Item(value), token)
    salt = arguments.get(b"salt", b"")
    if isinstance(salt, bytes) and len(salt) > SALT_BYTES_MAX:
        return ERROR_SALT_TOO_BIG
    item = from_fields(value, arguments)
    # An unsigned item under a key would hide the signed one.
    if signature_keys < 3 or item is None or not isinstance(salt, bytes):
        return ERROR_PROTOCOL
    return PutItem(replace(item, salt=salt), token, whole_number(arguments, b"cas", SEQ_MAX))


def _decode_nonce(arguments: dict[bytes, object]) -> bytes:
    if b"nonce" not in arguments:
        return b""
    return short_bytes(arguments, b"nonce", NONCE_BYTES_MAX)


def _decode_want(arguments: dict[bytes, object]) -> tuple[bytes, ...]:
    want = arguments.get(b"want")
    if want is None:
        return ()
    families = want if isinstance(want, list) else []
    return tuple(family for family in (WANT_V4, WANT_V6) if family in families)


_PING = Ping()
