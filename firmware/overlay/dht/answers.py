"""The answers of KRPC: the body of a response, written and read.

Knows no packet around them. What is wrong in an answer is as if it were absent.
Sources: BEP 5, BEP 32 (`nodes6`), BEP 44 (get), BEP 51 (sample_infohashes); `certificate`,
`proof`, `lease`, `registration`, `tls` and `time` are ours, docs/protocol.md.
"""

from __future__ import annotations

from firmware.identity import CERTIFICATE_BYTES_MAX
from firmware.model import Endpoint
from firmware.overlay.dht import bencode
from firmware.overlay.dht.compact import (
    TOKEN_BYTES_MAX,
    decode_nodes,
    pack_nodes,
)
from firmware.overlay.dht.contact import Contact, decode_endpoint, encode_endpoint
from firmware.overlay.dht.items import SEQ_MAX, VALUE_BYTES_MAX, Item, from_fields, to_fields
from firmware.overlay.dht.messages import Answer, Samples
from firmware.overlay.dht.node_id import NODE_ID_BYTES

INTERVAL_S_MAX = 21_600  # BEP 51
PROOF_BYTES_MAX = 18 + 64  # an address and a signature
UTC_S_MAX = 1 << 36  # the year 4147
BLOB_BYTES_MAX = 160  # of a lease, or of an answer about a registration


def encode_plain_answer(answer: Answer) -> bytes | None:
    """What follows the id in the body of nearly all answers; None if there is more in this one.

    Nodes, peers, a token and an item, in the same canonical form as `encode_answer`, but quicker.
    """
    nodes, peers, token, certificate, item, seq, samples, packed = answer[:8]
    if nodes is not None or certificate is not None or samples or answer[8:] != _NONE_5:
        return None
    body = b""
    if packed is not None:
        v4, v6 = packed
        body = b"" if v4 is None else b"5:nodes%d:%b" % (len(v4), v4)
        if v6 is not None:
            body += b"6:nodes6%d:%b" % (len(v6), v6)
    value = b""
    if item is not None:
        value = b"1:v" + item.value
        if item.public_key is not None:
            body = b"1:k32:%b%b3:seqi%de3:sig64:%b" % (
                item.public_key,
                body,
                item.seq,
                item.signature,
            )
    elif seq is not None:
        body += b"3:seqi%de" % seq
    if token is not None:
        body += b"5:token%d:%b" % (len(token), token)
    if peers:
        packed_peers = [encode_endpoint(peer) for peer in peers]
        value += b"6:valuesl%be" % b"".join(b"%d:%b" % (len(one), one) for one in packed_peers)
    return body + value


def encode_answer(answer: Answer) -> dict[bytes, object]:
    """The body, without the id of the sender."""
    body: dict[bytes, object] = {}
    packed = answer.packed
    if answer.nodes is not None:
        packed = pack_nodes(answer.nodes)
    if packed is not None:
        body |= {b"nodes": packed.v4} if packed.v4 is not None else {}
        body |= {b"nodes6": packed.v6} if packed.v6 is not None else {}
    if answer.peers:
        body[b"values"] = [encode_endpoint(peer) for peer in answer.peers]
    if answer.token is not None:
        body[b"token"] = answer.token
    if answer.certificate is not None:
        body[b"certificate"] = answer.certificate
    if answer.proof is not None:
        body[b"proof"] = answer.proof
    if answer.lease is not None:
        body[b"lease"] = answer.lease
    if answer.registration is not None:
        body[b"registration"] = answer.registration
    if answer.tls_port is not None:
        body[b"tls"] = answer.tls_port
    if answer.utc_s is not None:
        body[b"time"] = answer.utc_s
    if answer.item is not None:
        body |= to_fields(answer.item)
    elif answer.seq is not None:
        body[b"seq"] = answer.seq
    if answer.samples is not None:
        body[b"samples"] = b"".join(answer.samples.info_hashes)
        body[b"num"] = answer.samples.count
        body[b"interval"] = answer.samples.interval_s
    return body


def decode_answer(body: dict[bytes, object]) -> Answer:
    """Any body; never raises."""
    nodes: tuple[Contact, ...] | None = None
    peers: tuple[Endpoint, ...] = ()
    if b"nodes" in body or b"nodes6" in body:
        nodes = decode_nodes(body.get(b"nodes"), body.get(b"nodes6"))
    values = body.get(b"values")
    if isinstance(values, list):
        known = map(decode_endpoint, values)
        peers = tuple(peer for peer in known if peer is not None)
    token = body.get(b"token")
    if not isinstance(token, bytes) or len(token) > TOKEN_BYTES_MAX:
        token = None
    keys = body.keys()
    if keys <= _BODY_OF_BEP_5:  # nearly all answers
        return Answer(nodes, peers, token)
    item, seq = _decode_item(body), body.get(b"seq")
    if b"v" in body or not isinstance(seq, int) or not 0 <= seq <= SEQ_MAX:
        seq = None
    if keys <= _BODY_OF_BEP_44:
        return Answer(nodes, peers, token, None, item, seq)
    certificate = body.get(b"certificate")
    if not isinstance(certificate, bytes) or len(certificate) > CERTIFICATE_BYTES_MAX:
        certificate = None
    proof = body.get(b"proof")
    if not isinstance(proof, bytes) or len(proof) > PROOF_BYTES_MAX:
        proof = None
    lease, registration = _short(body.get(b"lease")), _short(body.get(b"registration"))
    return Answer(
        nodes,
        peers,
        token,
        certificate,
        item,
        seq,
        _decode_samples(body),
        proof=proof,
        lease=lease,
        registration=registration,
        tls_port=_port(body.get(b"tls")),
        utc_s=_unix_time(body.get(b"time")),
    )


_NONE_5 = (None,) * 5
_BODY_OF_BEP_5 = frozenset((b"id", b"nodes", b"nodes6", b"token", b"values"))
_BODY_OF_BEP_44 = _BODY_OF_BEP_5 | {b"k", b"seq", b"sig", b"v"}


def _short(value: object) -> bytes | None:
    return value if isinstance(value, bytes) and len(value) <= BLOB_BYTES_MAX else None


def _port(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value <= 0xFFFF else None


def _unix_time(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value <= UTC_S_MAX else None


def _decode_item(body: dict[bytes, object]) -> Item | None:
    if b"v" not in body:
        return None
    value = bencode.encode_value(body[b"v"])
    if len(value) > VALUE_BYTES_MAX:
        return None
    if b"k" not in body:
        return Item(value)
    return from_fields(value, body)


def _decode_samples(body: dict[bytes, object]) -> Samples | None:
    samples, count, interval_s = body.get(b"samples"), body.get(b"num"), body.get(b"interval")
    if not isinstance(samples, bytes) or not isinstance(count, int) or count < 0:
        return None
    if not isinstance(interval_s, int) or not 0 <= interval_s <= INTERVAL_S_MAX:
        return None
    starts = range(0, len(samples) - NODE_ID_BYTES + 1, NODE_ID_BYTES)
    info_hashes = tuple(samples[start : start + NODE_ID_BYTES] for start in starts)
    return Samples(info_hashes, count, interval_s)
