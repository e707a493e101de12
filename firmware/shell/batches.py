"""Many datagrams with one system call: what came, as rows of one array, and what of it goes on.

A row holds the address of the sender and, right behind it, the datagram, so that who relays
rewrites both in place and sends the row. Takes recvmmsg and sendmmsg from the C library; where it
has none, one datagram after the other does the same, slower. Knows no protocol; never blocks.
Source: recvmmsg(2), sendmmsg(2), ip(7), ipv6(7).
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from firmware.demux import DATAGRAM_BYTES_MAX
from firmware.model import Endpoint

ROWS = 64
V4_NAME_BYTES = 16  # struct sockaddr_in
V6_NAME_BYTES = 28  # struct sockaddr_in6
MAPPED_PREFIX = bytes(10) + b"\xff\xff"  # RFC 4291 section 2.5.5.2

Rows = npt.NDArray[np.uint8]  # shape (ROWS, row bytes): name, datagram
Lengths = npt.NDArray[np.intp]  # of the datagrams; above DATAGRAM_BYTES_MAX = it was longer
_DATA_BYTES = DATAGRAM_BYTES_MAX + 1
_DATA_END = DATAGRAM_BYTES_MAX + 64  # so that rows begin at even addresses


def name_bytes(family: int) -> int:
    """How long an address is at the head of a row."""
    return V6_NAME_BYTES if family == socket.AF_INET6 else V4_NAME_BYTES


def encode_name(endpoint: Endpoint, family: int) -> bytes:
    """As the kernel writes it into a row; ValueError if `family` cannot reach it."""
    is_v6 = ":" in endpoint.host
    try:
        host = socket.inet_pton(socket.AF_INET6 if is_v6 else socket.AF_INET, endpoint.host)
    except OSError:
        raise ValueError(f"{endpoint} is no numeric address") from None
    head = struct.pack("=H", family) + endpoint.port.to_bytes(2, "big")
    if family == socket.AF_INET6:
        return head + bytes(4) + (host if is_v6 else MAPPED_PREFIX + host) + bytes(4)
    if is_v6:
        raise ValueError(f"{endpoint} cannot be reached over IPv4")
    return head + host + bytes(8)


def decode_name(name: bytes) -> Endpoint:
    """The endpoint at the head of a row."""
    port = int.from_bytes(name[2:4], "big")
    if len(name) == V4_NAME_BYTES:
        return Endpoint(socket.inet_ntop(socket.AF_INET, name[4:8]), port)
    host = name[8:24]
    if host.startswith(MAPPED_PREFIX):
        return Endpoint(socket.inet_ntop(socket.AF_INET, host[12:]), port)
    return Endpoint(socket.inet_ntop(socket.AF_INET6, host), port)


class Batches(Protocol):
    """One socket, read and written row by row."""

    rows: Rows
    name_bytes: int

    def receive(self) -> Lengths:
        """Fill the first rows with what waits in the kernel; one length for each, may be empty."""

    def send(self, which: Sequence[int] | npt.NDArray[np.intp], lengths: Lengths) -> int:
        """Send these rows, `lengths` of theirs; returns how many the kernel took."""


def open_batches(sock: socket.socket) -> Batches:
    """For a non-blocking UDP socket, which stays its owner's."""
    library = ctypes.CDLL(None, use_errno=True)
    is_linux = sys.platform == "linux"  # the layout of a message is that of Linux
    if is_linux and hasattr(library, "recvmmsg") and hasattr(library, "sendmmsg"):
        return ManyAtOnce(sock, library)
    return OneByOne(sock)


class OneByOne:
    """With recvfrom and sendto, for any system."""

    def __init__(self, sock: socket.socket) -> None:
        self.name_bytes = name_bytes(sock.family)
        self.rows = _rows(self.name_bytes)
        self._socket = sock
        self._views = [memoryview(row)[self.name_bytes :] for row in self.rows]

    def receive(self) -> Lengths:
        """See Batches."""
        lengths: list[int] = []
        for row, view in zip(self.rows, self._views, strict=True):
            try:
                length, address = self._socket.recvfrom_into(view, _DATA_BYTES)
            except OSError:
                break
            endpoint = Endpoint(address[0], address[1])
            name = encode_name(endpoint, self._socket.family)
            row[: self.name_bytes] = np.frombuffer(name, dtype=np.uint8)
            lengths.append(length)
        return np.array(lengths, dtype=np.intp)

    def send(self, which: Sequence[int] | npt.NDArray[np.intp], lengths: Lengths) -> int:
        """See Batches."""
        sent = 0
        for index, length in zip(which, lengths, strict=True):
            to = decode_name(self.rows[index, : self.name_bytes].tobytes())
            is_mapped = self._socket.family == socket.AF_INET6 and ":" not in to.host
            host = f"::ffff:{to.host}" if is_mapped else to.host
            try:
                self._socket.sendto(self._views[index][: int(length)], (host, to.port))
                sent += 1
            except OSError:
                continue
        return sent


# As Linux lays them out; pointers as numbers.
_IOVEC = np.dtype([("base", np.uintp), ("length", np.uintp)], align=True)
_MESSAGE = np.dtype(
    [
        ("name", np.uintp),
        ("name_bytes", np.uint32),
        ("iov", np.uintp),
        ("iov_count", np.uintp),
        ("control", np.uintp),
        ("control_bytes", np.uintp),
        ("flags", np.intc),
    ],
    align=True,
)
_HEADER = np.dtype([("message", _MESSAGE), ("length", np.uint32)], align=True)  # struct mmsghdr


class ManyAtOnce:
    """With recvmmsg and sendmmsg."""

    def __init__(self, sock: socket.socket, library: ctypes.CDLL) -> None:
        self.name_bytes = name_bytes(sock.family)
        self.rows = _rows(self.name_bytes)
        self._fd = sock.fileno()
        stride = self.rows.shape[1]
        self._names = self.rows.ctypes.data + np.arange(ROWS, dtype=np.uintp) * stride
        self._data = self._names + self.name_bytes
        self._in, self._in_iovs = self._headers()
        self._out, self._out_iovs = self._headers()
        self._in_iovs["length"] = _DATA_BYTES
        self._in_at, self._out_at = self._in.ctypes.data, self._out.ctypes.data
        self._receive, self._send = library.recvmmsg, library.sendmmsg
        self._receive.argtypes = (
            ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p,
        )  # fmt: skip
        self._send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)

    def receive(self) -> Lengths:
        """See Batches."""
        count = self._receive(self._fd, self._in_at, ROWS, socket.MSG_DONTWAIT, None)
        lengths: Lengths = self._in["length"][: max(count, 0)].astype(np.intp)
        return lengths

    def send(self, which: Sequence[int] | npt.NDArray[np.intp], lengths: Lengths) -> int:
        """See Batches."""
        count = len(lengths)
        self._out["message"]["name"][:count] = self._names[which]
        self._out_iovs["base"][:count] = self._data[which]
        self._out_iovs["length"][:count] = lengths
        sent = done = 0
        while done < count:
            at = self._out_at + done * _HEADER.itemsize
            taken = self._send(self._fd, at, count - done, socket.MSG_DONTWAIT)
            if taken >= 0:
                sent += taken
                done += taken
            elif ctypes.get_errno() in (errno.EAGAIN, errno.ENOBUFS):
                break  # the kernel is full: so would be the line
            else:
                done += 1  # this one cannot be sent; the next may
        return sent

    def _headers(self) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
        """ROWS messages of one part each, and those parts."""
        headers, iovs = np.zeros(ROWS, dtype=_HEADER), np.zeros(ROWS, dtype=_IOVEC)
        iovs["base"] = self._data
        message = headers["message"]
        message["name"], message["name_bytes"] = self._names, self.name_bytes
        message["iov"] = iovs.ctypes.data + np.arange(ROWS) * _IOVEC.itemsize
        message["iov_count"] = 1
        return headers, iovs


def _rows(name_length: int) -> Rows:
    return np.zeros((ROWS, name_length + _DATA_END), dtype=np.uint8)
