"""What cores and sockets say to each other about more than datagrams: relays and tunnels.

The rest of the vocabulary, and what facts and commands are, is in __init__.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.core import Command, Fact
from firmware.model import Endpoint


@dataclass(frozen=True, slots=True)
class HelpingFigures:
    """What is done for others at the moment, beside its limit."""

    phones: int  # registered here: others reach them through us
    phones_max: int
    calls: int  # channels, each of two boxes
    calls_max: int
    carried_bytes: int  # since the start, of UDP payload
    limit_bytes_per_s: int
    is_serving: bool  # False: nobody new is taken


@dataclass(frozen=True, slots=True)
class ReadHelping(Command):
    """Tell what this box does as an exchange (menu -> directory)."""


@dataclass(frozen=True, slots=True)
class HelpingRead(Fact):
    """Answers ReadHelping; None = helping is switched off."""

    figures: HelpingFigures | None


@dataclass(frozen=True, slots=True)
class RelayLeg:
    """One end of an established channel of an exchange (firmware/channel.py)."""

    leg_id: bytes = field(repr=False)  # named by who uses it
    endpoint: Endpoint  # where it has proved itself; frames from elsewhere go to the core


@dataclass(frozen=True, slots=True)
class RelayUse:
    """What came from one leg since the last report and was carried, or dropped for its quota."""

    leg_id: bytes = field(repr=False)
    size_bytes: int
    frames_dropped: int


@dataclass(frozen=True, slots=True)
class RelayUsed(Fact):
    """Once a second, of the relays that carried something in it (OpenRelay)."""

    uses: tuple[RelayUse, ...]


@dataclass(frozen=True, slots=True)
class OpenRelay(Command):
    """Carry DATA frames between two legs of a channel past the core, until CloseRelay.

    Only frames that name a leg and come from its endpoint; all others still are DatagramReceived.
    A promise of speed, not of service: the core carries whatever comes to it all the same. Opening
    it again, say with another endpoint, replaces it. A leg that is being moved needs the core:
    close, and open when it has proved itself. Quotas are of each leg: what comes from it.
    """

    first: RelayLeg
    second: RelayLeg
    bytes_per_s: int
    burst_bytes: int


@dataclass(frozen=True, slots=True)
class CloseRelay(Command):
    """The core carries the frames of that channel itself from now on; either leg names it."""

    leg_id: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LimitRelays(Command):
    """All relays together carry at most that; before the first such command there is no limit."""

    bytes_per_s: int


@dataclass(frozen=True, slots=True)
class OpenStream(Command):
    """Open a tunnel (firmware/tunnel/) to the TLS port `to`; answered by one of the next two.

    While one is open, SendDatagram goes through it, and DatagramReceived comes out of it.
    """

    to: Endpoint


@dataclass(frozen=True, slots=True)
class CloseStream(Command):
    """Back to UDP; answered by StreamClosed."""


@dataclass(frozen=True, slots=True)
class SendBeside(Command):
    """As SendDatagram, but by UDP although a tunnel may be open: does that work by now?"""

    data: bytes
    to: Endpoint


@dataclass(frozen=True, slots=True)
class StreamOpened(Fact):
    """The tunnel carries datagrams; `exchange` is the UDP endpoint of the one who carries them."""

    to: Endpoint
    exchange: Endpoint


@dataclass(frozen=True, slots=True)
class StreamClosed(Fact):
    """The tunnel to `to` is closed, or could not be opened."""

    to: Endpoint


@dataclass(frozen=True, slots=True)
class TunnelKnown(Fact):
    """An exchange that we are registered with takes tunnels at the TLS port `to`."""

    to: Endpoint


@dataclass(frozen=True, slots=True)
class DatagramBeside(Fact):
    """A datagram came by UDP, from outside, although a tunnel is open."""

    data: bytes
    source: Endpoint
