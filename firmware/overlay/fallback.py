"""The fall-back for networks that block UDP: decides when a box goes through a tunnel.

If nothing at all has been heard by UDP for some time, although somebody was asked, a tunnel to an
exchange with a TLS port is opened, the configured ones in turn. While it is open, nodes that have
answered through it are asked by UDP as well; as soon as one answers there, the tunnel is closed,
but not in the middle of a call. A core; knows no socket. Units: `_s` monotonic seconds.
Source: ours, docs/protocol.md section 7.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from enum import Enum

from firmware.errors import MalformedError
from firmware.events import (
    AddressesChanged,
    CallChanged,
    DatagramReceived,
    HostResolved,
    Message,
    ResolveHost,
    SendDatagram,
    Started,
    StoreState,
)
from firmware.events.network import (
    CloseStream,
    DatagramBeside,
    OpenStream,
    SendBeside,
    StreamClosed,
    StreamOpened,
    TunnelKnown,
)
from firmware.model import CallState, Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.dht.address import Scope, scope_of
from firmware.overlay.dht.node_id import NODE_ID_BYTES

NEWCOMER_S = 2.5  # of silence in a new network; a directory that answers does so in one second
SILENCE_S = 40.0  # elsewhere: exchanges are asked every 20 s
DOUBT_S = 2.5  # from the last question to the decision
PROBE_S = 30.0  # how often UDP is tried while a tunnel is open
RETRY_S = 5.0  # with the next exchange after one that failed; doubles
RETRY_MAX_S = 300.0
WITNESSES_MAX = 8
ASKED_MAX = 3  # of the witnesses, at a time
EXCHANGES_MAX = 16
TUNNELS_FILE = "tunnels.json"
_RESPONSE = b"1:y1:r"  # as krpc.py and all others write it: it is the last key or nearly so


class State(Enum):
    """How we speak to the world."""

    DIRECT = "direct"
    OPENING = "opening"
    TUNNELLED = "tunnelled"
    CLOSING = "closing"


class Fallback:
    """`exchanges` are HOST:PORT of TLS, `known` those of an earlier run (TUNNELS_FILE)."""

    def __init__(
        self,
        exchanges: Iterable[str],
        random_bytes: Callable[[int], bytes],
        known: Iterable[Endpoint] = (),
    ) -> None:
        self.state = State.DIRECT
        self._random_bytes = random_bytes
        self._node_id = random_bytes(NODE_ID_BYTES)
        self._names: list[str] = []
        self._exchanges: list[Endpoint] = []
        self._witnesses: OrderedDict[Endpoint, None] = OrderedDict()  # newest last
        self._questions: dict[bytes, Endpoint] = {}  # by transaction
        self._due_s = math.inf
        self._is_asked = False  # the witnesses, since it has become silent
        self._failures = 0
        self._in_call = False
        self._udp_works = False
        for entry in exchanges:
            try:
                self._exchanges.append(Endpoint.parse(entry))
            except MalformedError:
                self._names.append(entry)
        self._configured = len(self._exchanges)
        self._exchanges += [endpoint for endpoint in known if endpoint not in self._exchanges]

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Facts of the network, and whether somebody is in a call."""
        match fact:
            case DatagramReceived(data, source):
                self._hear(data, source, now_s)
            case DatagramBeside(data, source):
                return self._hear_beside(data, source)
            case Started():
                self._due_s = now_s + NEWCOMER_S
                return [ResolveHost(name) for name in self._names]
            case HostResolved(name, endpoints) if name in self._names:
                self._learn(*endpoints)
            case TunnelKnown(to):
                return self._learn(to)
            case AddressesChanged():
                return self._look_again(now_s)
            case StreamOpened():
                self.state, self._failures, self._udp_works = State.TUNNELLED, 0, False
                self._due_s = now_s + PROBE_S
            case StreamClosed():
                self._closed(now_s)
            case CallChanged(view):
                self._in_call = view.state not in (CallState.IDLE, CallState.FAILED)
                return self._go_back()
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Decide, or ask."""
        if now_s < self._due_s:
            return []
        if self.state is State.TUNNELLED:
            self._due_s = now_s + PROBE_S
            return [SendBeside(data, to) for data, to in self._ask()]
        if self.state is not State.DIRECT or not self._exchanges:
            self._due_s = math.inf if self.state is not State.DIRECT else now_s + SILENCE_S
            return []
        if not self._is_asked and self._witnesses:
            self._is_asked, self._due_s = True, now_s + DOUBT_S
            return [SendDatagram(data, to) for data, to in self._ask()]
        self.state, self._due_s = State.OPENING, math.inf
        return [OpenStream(self._exchanges[self._failures % len(self._exchanges)])]

    def deadline_s(self) -> float | None:
        """Of the next decision or question."""
        return None if self._due_s == math.inf else self._due_s

    def _learn(self, *endpoints: Endpoint) -> list[Message]:
        """At the limit the one learnt longest ago goes; those of the configuration stay."""
        new = [endpoint for endpoint in endpoints if endpoint not in self._exchanges]
        if not new:
            return []
        self._exchanges += new
        while len(self._exchanges) > max(EXCHANGES_MAX, self._configured):
            del self._exchanges[self._configured]
        return [StoreState(TUNNELS_FILE, encode_tunnels(self._exchanges[self._configured :]))]

    def _hear(self, data: bytes, source: Endpoint, now_s: float) -> None:
        """By UDP, or through the tunnel if there is one."""
        if not self._is_outside(source):
            return
        if _RESPONSE in data and data[:1] == b"d":
            self._witnesses[source] = None
            self._witnesses.move_to_end(source)
            if len(self._witnesses) > WITNESSES_MAX:
                self._witnesses.popitem(last=False)
        if self.state is State.DIRECT:
            self._due_s, self._is_asked, self._failures = now_s + SILENCE_S, False, 0

    def _hear_beside(self, data: bytes, source: Endpoint) -> list[Message]:
        try:
            answer = krpc.decode(data)
        except MalformedError:
            return []
        if isinstance(answer, krpc.Query):
            return []  # whoever asks us may have found a hole of long ago
        if self._questions.pop(answer.transaction_id, None) != source:
            return []
        self._udp_works = True
        return self._go_back()

    def _go_back(self) -> list[Message]:
        if self.state is not State.TUNNELLED or not self._udp_works or self._in_call:
            return []
        self.state = State.CLOSING
        return [CloseStream()]

    def _look_again(self, now_s: float) -> list[Message]:
        """Another network: what was true of the old one need not be of this."""
        if self.state is State.TUNNELLED:
            self._due_s = now_s + DOUBT_S
            return [SendBeside(data, to) for data, to in self._ask()]
        if self.state is not State.DIRECT:
            return []
        self._due_s, self._failures, self._is_asked = now_s + NEWCOMER_S, 0, True
        return [SendDatagram(data, to) for data, to in self._ask()]

    def _closed(self, now_s: float) -> None:
        wait_s = SILENCE_S
        if self.state is not State.CLOSING:
            wait_s = min(RETRY_S * 2.0**self._failures, RETRY_MAX_S)
            self._failures = min(self._failures + 1, 16)
        self.state, self._is_asked, self._due_s = State.DIRECT, False, now_s + wait_s

    def _ask(self) -> list[tuple[bytes, Endpoint]]:
        """A ping for each of the newest witnesses."""
        asked = list(self._witnesses)[-ASKED_MAX:]
        self._questions = {self._random_bytes(4): witness for witness in asked}
        return [
            (krpc.encode(krpc.Query(key, self._node_id, krpc.Ping(), True, krpc.VERSION)), witness)
            for key, witness in self._questions.items()
        ]

    def _is_outside(self, source: Endpoint) -> bool:
        scope = scope_of(source.host)
        return scope is Scope.GLOBAL or any(
            scope is scope_of(exchange.host) for exchange in self._exchanges
        )


def encode_tunnels(endpoints: Iterable[Endpoint]) -> bytes:
    """JSON."""
    tunnels = [str(endpoint) for endpoint in endpoints]
    return json.dumps({"version": 1, "tunnels": tunnels}, indent=1).encode() + b"\n"


def decode_tunnels(data: bytes) -> tuple[Endpoint, ...]:
    """Raises MalformedError: the file is then set aside."""
    try:
        content = json.loads(data)
        if content["version"] != 1:
            raise MalformedError("tunnels of unknown version")
        return tuple(Endpoint.parse(text) for text in content["tunnels"][:EXCHANGES_MAX])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedError(f"not a file of tunnels ({error})") from None
