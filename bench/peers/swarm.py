"""What every swarm under measurement can do, whoever wrote its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one operation; None = the library does not say when that was."""

    first_s: float | None  # until the first value was there
    complete_s: float | None


class Swarm(Protocol):
    """All nodes run in this process, on loopback; `node` counts from 0.

    An operation it does not offer raises NotImplementedError.
    """

    def open(self, nodes: int) -> None:
        """Returns when all nodes are in the network."""

    def idle(self, duration_s: float) -> None:
        """Let the nodes live, with no operation of ours."""

    def announce(self, node: int, key: bytes) -> Timing:
        """Announce a peer under the 20 bytes `key`."""

    def get_peers(self, node: int, key: bytes) -> Timing:
        """Find a peer that was announced."""

    def put(self, node: int, key: bytes, value: bytes) -> Timing:
        """Store a value that is found by `key`; where a key cannot be chosen it names a signer."""

    def get(self, node: int, key: bytes) -> Timing:
        """Find a value that was put."""
