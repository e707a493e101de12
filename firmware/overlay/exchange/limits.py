"""What an exchange gives at most and at present.

Units: `_s` seconds, `_bytes` bytes of UDP payload.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware.events.network import HelpingFigures


@dataclass(frozen=True, slots=True)
class Limits:
    """Set by the owner; the defaults are those of a box at home, which has a line to share."""

    registrations: int = 100
    channels: int = 32  # two boxes each
    bytes_per_s: int = 250_000  # relayed, all channels together: 20 calls
    slips: int = 1_000  # of calls in vain, 600 bytes each in memory

    @classmethod
    def of_a_server(cls) -> Limits:
        """Those of `fernruf exchange`."""
        return cls(registrations=20_000, channels=4_000, bytes_per_s=50_000_000, slips=100_000)


@dataclass(frozen=True, slots=True)
class Helping:
    """What is done for others, for people and scripts."""

    registrations: int
    announced: int  # numbers that a node of the directory keeps for us
    channels: int
    bytes_relayed: int
    limits: Limits
    is_draining: bool


def figures_of(helping: Helping) -> HelpingFigures:
    """The same for the display."""
    return HelpingFigures(
        phones=helping.registrations,
        phones_max=helping.limits.registrations,
        calls=helping.channels,
        calls_max=helping.limits.channels,
        carried_bytes=helping.bytes_relayed,
        limit_bytes_per_s=helping.limits.bytes_per_s,
        is_serving=not helping.is_draining,
    )
