"""Tells who asks where it is seen: STUN Binding (RFC 8489), and the knock of RFC 5780.

Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from collections import Counter

from firmware import stun
from firmware.errors import MalformedError
from firmware.events import Message, SendDatagram, SendFromOtherPort
from firmware.model import Endpoint
from firmware.overlay.dht.node import Node


def tell_address(
    data: bytes, source: Endpoint, node: Node, counters: Counter[str], now_s: float
) -> list[Message]:
    """A plain request is told its address (RFC 8489 section 6.3.1); counts what it does."""
    try:
        request = stun.decode(data)
    except MalformedError:
        counters["malformed"] += 1
        return []
    if request.kind is not stun.Kind.REQUEST or request.value(stun.Attribute.USERNAME):
        return []
    answer = stun.binding_response(request, source)
    if (port := stun.knock_port(request)) is not None and len(answer) <= len(data):
        counters["knock"] += 1
        return [SendFromOtherPort(answer, Endpoint(source.host, port))]
    # The shortest request is 20 bytes, the answer 40: what is more counts as unproved traffic.
    if len(answer) > len(data) and not node.desk.may_send(source, len(answer), now_s):
        counters["unproved_limited"] += 1
        return []
    counters["binding"] += 1
    return [SendDatagram(answer, source)]
