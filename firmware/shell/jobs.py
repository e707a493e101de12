"""Jobs that block and so run in worker threads: the memory-hard hash and the DNS.

Each answers with a fact. Sources: RFC 9106 (Argon2id); getaddrinfo(3).
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
from dataclasses import dataclass
from functools import cache

from firmware import events, number
from firmware.errors import ConfigError
from firmware.events.strangers import SearchStamp, StampSearched
from firmware.identity import IdentityFile
from firmware.model import Endpoint

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
STAMP_KIB, STAMP_SALT = 1024, b"fernruf stamp 1"  # of a proof of work
_BLOCK_BYTES = 1 << 20  # larger ones go back to the system as soon as they are free


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """RFC 9106 parameters of every memory-hard hash; only simulations pass smaller ones."""

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1


def compute_argon2(secret: bytes, salt: bytes, cost: Argon2Cost) -> events.Argon2Computed:
    """Argon2id with a digest of 32 bytes (RFC 9106); blocks for the time of the hash."""
    _return_memory()
    digest = _argon2id(secret, salt, cost, 32)
    return events.Argon2Computed(secret, salt, digest)


def search_stamp(wanted: SearchStamp, cost: Argon2Cost) -> StampSearched:
    """Blocks for the time of at most `wanted.count` hashes of 1 MiB; the interpreter goes on."""
    cheap = Argon2Cost(min(STAMP_KIB, cost.memory_kib), 1, 1)
    for i in range(wanted.count):
        tried = (wanted.first + i) % 2**64
        secret = wanted.question + tried.to_bytes(8, "big")
        digest = _argon2id(secret, STAMP_SALT, cheap, 8)
        zero_bits = 64 - int.from_bytes(digest, "big").bit_length()
        if zero_bits >= wanted.difficulty:
            about = wanted.question, wanted.first, wanted.count
            return StampSearched(*about, number=tried, zero_bits=zero_bits)
    return StampSearched(wanted.question, wanted.first, wanted.count, None)


def resolve_host(name: str) -> events.HostResolved:
    """Addresses of HOST:PORT by the system's resolver; none if there is no such name."""
    host, _, port = name.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
    except (OSError, ValueError):
        found = []
    addresses = dict.fromkeys(
        Endpoint(str(entry[4][0]), int(port)) for entry in found if 0 < int(port) <= 65535
    )
    return events.HostResolved(name, tuple(addresses))


def prove_number(identity_file: IdentityFile, cost: Argon2Cost, source: str) -> str:
    """Our own number, by one hash; ConfigError naming `source` if the modifier gives none."""
    assert identity_file.modifier is not None
    question = number.hash_question(identity_file.identity.public_key, identity_file.modifier)
    found = number.from_digest(compute_argon2(*question, cost).digest)
    if found is None:
        raise ConfigError(f"{source}: the modifier does not give a number")
    return found


@cache
def _return_memory() -> None:
    """The 19 MiB of a hash back to the system: else glibc keeps them for each thread, for ever."""
    with contextlib.suppress(OSError, AttributeError):  # another C library, which may not need it
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _BLOCK_BYTES)


def _argon2id(secret: bytes, salt: bytes, cost: Argon2Cost, digest_bytes: int) -> bytes:
    from argon2.low_level import (
        Type,
        hash_secret_raw,
    )  # a mere node of the directory hashes nothing

    return hash_secret_raw(
        secret, salt, cost.passes, cost.memory_kib, cost.lanes, digest_bytes, Type.ID
    )
