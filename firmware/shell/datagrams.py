"""The one UDP socket: takes datagrams out of the kernel and puts them in, without waiting.

Knows no protocol and no core; the shell says when to read and who gets what. Never blocks: what
the kernel has no room for is dropped and counted, as a full line would drop it. A socket bound to
`::` speaks both families, and IPv4 looks as if it came over a socket of its own; where the system
has no IPv6 it is bound to `0.0.0.0` instead.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.errors import HardwareError
from firmware.model import Endpoint

BUFFER_BYTES = 4 * 1024 * 1024  # asked for in each direction; the kernel gives what it allows
MAPPED = "::ffff:"  # RFC 4291 section 2.5.5.2: IPv4 on a socket of IPv6
ANY, ANY_IPV4 = "::", "0.0.0.0"  # noqa: S104 - who wants all interfaces says so in its file
MAPPED_LENGTH = len(MAPPED)
UNREADABLE_MAX = 16  # errors of others (ICMP) taken out of the socket in one go


def has_ipv6() -> bool:
    """True if this system has sockets of IPv6, with or without an address."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind((ANY, 0))
    except OSError:
        return False
    return True


@dataclass(slots=True)
class SocketCounters:
    """What did not get through here."""

    dropped: int = 0  # too long, or no room in the kernel
    errors: int = 0  # unsendable, or refused by the other side (ICMP)


class DatagramSocket:
    """Open from the start; `close()` it."""

    def __init__(self, bind: Endpoint) -> None:
        """Bind, port 0 = any; raises HardwareError if that is not possible."""
        self.counters = SocketCounters()
        self._other: DatagramSocket | None = None
        if bind.host == ANY and not has_ipv6():
            bind = Endpoint(ANY_IPV4, bind.port)
        self._is_v6 = ":" in bind.host
        self.socket = socket.socket(
            socket.AF_INET6 if self._is_v6 else socket.AF_INET, socket.SOCK_DGRAM
        )
        try:
            self.socket.setblocking(False)
            if self._is_v6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self.socket.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
            self.socket.bind((bind.host, bind.port))
        except OSError as error:
            self.socket.close()
            raise HardwareError(f"cannot listen on {bind}: {error.strerror}") from None
        host, port = self.socket.getsockname()[:2]
        self.local = Endpoint(host, port)

    @property
    def family(self) -> int:
        """AF_INET, or AF_INET6 for both."""
        return self.socket.family

    def fileno(self) -> int:
        """For the event loop."""
        return self.socket.fileno()

    def receive(self) -> tuple[bytes, Endpoint] | None:
        """The next datagram that waits in the kernel; None = there is no more."""
        for _ in range(UNREADABLE_MAX):
            try:
                data, address = self.socket.recvfrom(DATAGRAM_BYTES_MAX + 1)
            except BlockingIOError:
                return None
            except OSError:
                self.counters.errors += 1
                continue
            if len(data) > DATAGRAM_BYTES_MAX:
                self.counters.dropped += 1
                continue
            host = address[0]
            if self._is_v6 and host.startswith(MAPPED):
                host = host[MAPPED_LENGTH:]
            return data, Endpoint(host, address[1])
        return None

    def send(self, data: bytes, to: Endpoint) -> None:
        """Nobody has to act on a failure: cores repeat and time out by themselves."""
        host = to.host
        if self._is_v6 and ":" not in host:
            host = MAPPED + host
        try:
            self.socket.sendto(data, (host, to.port))
        except BlockingIOError:
            self.counters.dropped += 1
        except OSError:
            self.counters.errors += 1

    def send_from_other_port(self, data: bytes, to: Endpoint) -> None:
        """The same, by a second socket, which is opened for the first one and read by nobody."""
        if self._other is None:
            try:
                self._other = DatagramSocket(Endpoint(self.local.host, 0))
            except HardwareError:
                self.counters.errors += 1
                return
        self._other.send(data, to)

    def close(self) -> None:
        """Nothing comes or goes any more."""
        if self._other is not None:
            self._other.close()
        self.socket.close()
