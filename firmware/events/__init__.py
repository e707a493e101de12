"""The one vocabulary: facts go in, commands come out, and cores tell each other facts.

A Fact is past tense and cannot be refused; a Command is imperative and asks for something. Commands
that a core serves (`ResolveNumber`, `StartMedia`, ...) stay inside `phone.py`; the others reach the
shell. What an exchange and the sockets say to each other is in events/network.py.
Units: `_s` seconds, monotonic unless it says utc; audio in samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.core import Command as Command
from firmware.core import Core as Core
from firmware.core import Fact as Fact
from firmware.core import Message as Message
from firmware.core import Untimed as Untimed
from firmware.events.call import AdmitCall as AdmitCall
from firmware.events.call import AnswerCall as AnswerCall
from firmware.events.call import CallOffered as CallOffered
from firmware.events.call import ChangeCodec as ChangeCodec
from firmware.events.call import DivertCall as DivertCall
from firmware.events.call import MediaLost as MediaLost
from firmware.events.call import MediaReported as MediaReported
from firmware.events.call import OfferEnded as OfferEnded
from firmware.events.call import PrepareMedia as PrepareMedia
from firmware.events.call import RefuseCall as RefuseCall
from firmware.events.call import SendKey as SendKey
from firmware.events.call import SilenceCall as SilenceCall
from firmware.events.call import SpeakWith as SpeakWith
from firmware.events.call import StartMedia as StartMedia
from firmware.events.call import StopMedia as StopMedia
from firmware.events.path import AddressesChanged as AddressesChanged
from firmware.events.path import AskUpnp as AskUpnp
from firmware.events.path import FindGateway as FindGateway
from firmware.events.path import GatewayFound as GatewayFound
from firmware.events.path import ObservedAt as ObservedAt
from firmware.events.path import OwnCandidatesFound as OwnCandidatesFound
from firmware.events.path import PathChanged as PathChanged
from firmware.events.path import PortMapped as PortMapped
from firmware.events.path import PreparePath as PreparePath
from firmware.events.path import ProbePeer as ProbePeer
from firmware.events.path import SendFromOtherPort as SendFromOtherPort
from firmware.events.path import Stopping as Stopping
from firmware.events.path import UpnpAnswered as UpnpAnswered
from firmware.model import (
    CallView,
    Endpoint,
    EndReason,
    Part,
    Picture,
    Unreachable,
)

# --- facts from the world outside ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started(Fact):
    """The box runs; each core begins."""


@dataclass(frozen=True, slots=True)
class HookLifted(Fact):
    """The handset was taken up."""


@dataclass(frozen=True, slots=True)
class HookReplaced(Fact):
    """The handset was put down."""


@dataclass(frozen=True, slots=True)
class HookFlashed(Fact):
    """The hook was tapped: recall, in the language of exchanges."""


@dataclass(frozen=True, slots=True)
class KeyPressed(Fact):
    """A key was down for the whole debounce time."""

    key: str  # one of "0123456789*#ABCD"
    has_sounded: bool = False  # in the ear already: the telephone makes the tones of its keys


@dataclass(frozen=True, slots=True)
class MicrophoneMuted(Fact):
    """The mute key of the telephone was pressed; putting the handset down ends it too."""

    muted: bool


@dataclass(frozen=True, slots=True)
class ShutdownHeld(Fact):
    """The key that switches the box off was held."""


@dataclass(frozen=True, slots=True)
class DatagramReceived(Fact):
    """One UDP datagram came in on the one socket; hostile until proved otherwise.

    `door` = it came in at that one instead, which is not kept yet (see SendByDoor).
    """

    data: bytes
    source: Endpoint
    door: int = 0


@dataclass(frozen=True, slots=True)
class WallClockRead(Fact):
    """At this fact's time the calendar said `utc_s` (Unix time), `local_offset_s` east of UTC."""

    utc_s: float
    local_offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HardwareFailed(Fact):
    """A part is missing or broken; the box goes on without it."""

    part: Part
    reason: str  # for a person to read


@dataclass(frozen=True, slots=True)
class HardwareRecovered(Fact):
    """A part that had failed works again."""

    part: Part


@dataclass(frozen=True, slots=True)
class Argon2Computed(Fact):
    """Answers ComputeArgon2; carries its question, so nothing has to be remembered by number."""

    secret: bytes = field(repr=False)
    salt: bytes
    digest: bytes = field(repr=False)  # 32 bytes


@dataclass(frozen=True, slots=True)
class HostResolved(Fact):
    """Answers ResolveHost; empty `endpoints` = the name is unknown or there is no DNS."""

    name: str
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class LanNeighbourSeen(Fact):
    """A box announces itself on the local network as `name`; nothing about it is proved."""

    name: str
    endpoints: tuple[Endpoint, ...]
    salt: bytes
    tags: tuple[bytes, ...]  # of AnnounceOnLan


@dataclass(frozen=True, slots=True)
class PageCodeWanted(Fact):
    """Somebody has opened the page of this box and is asked for `code`, which the display shows."""

    code: str


@dataclass(frozen=True, slots=True)
class LanNeighbourLost(Fact):
    """The box `name` has left the local network."""

    name: str


# --- commands for the shell --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendDatagram(Command):
    """Send `data` once over UDP; no promise that it arrives."""

    data: bytes
    to: Endpoint


@dataclass(frozen=True, slots=True)
class ComputeArgon2(Command):
    """Argon2id in a worker thread, 32 bytes; the shell knows the cost (19 MiB, t=2, p=1)."""

    secret: bytes = field(repr=False)
    salt: bytes


@dataclass(frozen=True, slots=True)
class ResolveHost(Command):
    """Ask the DNS for `name`, which is HOST:PORT, in a worker thread."""

    name: str


@dataclass(frozen=True, slots=True)
class StartRinging(Command):
    """Let the bell sound in the cadence of the country until StopRinging."""


@dataclass(frozen=True, slots=True)
class StopRinging(Command):
    """Silence the bell."""


@dataclass(frozen=True, slots=True)
class OpenEarpiece(Command):
    """From now on `playout` is called 50 times a second."""


@dataclass(frozen=True, slots=True)
class CloseEarpiece(Command):
    """Nothing more is heard."""


@dataclass(frozen=True, slots=True)
class OpenMicrophone(Command):
    """From now on `capture` is called 50 times a second: during a call, or for keys that sound."""


@dataclass(frozen=True, slots=True)
class CloseMicrophone(Command):
    """Nobody hears us any more."""


@dataclass(frozen=True, slots=True)
class ShowPicture(Command):
    """Put this on the OLED."""

    picture: Picture


@dataclass(frozen=True, slots=True)
class StoreState(Command):
    """Write `data` to the file `name` of the state directory, atomically, in a worker thread."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AnnounceOnLan(Command):
    """From now on tell the local network that a box is here, with these tags and no others.

    Only who knows a number recognises its tag (docs/protocol.md section 3).
    """

    salt: bytes
    tags: tuple[bytes, ...]


# --- between the cores ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimProgressed(Fact):
    """The search for our number has computed `tried` hashes of about `expected`."""

    tried: int
    expected: int


@dataclass(frozen=True, slots=True)
class NumberClaimed(Fact):
    """Our certificate is complete: this is our number from now on."""

    number: str
    certificate: bytes  # encoded


@dataclass(frozen=True, slots=True)
class ReachabilityChanged(Fact):
    """How the directory sees us: peers in its table, whether our number is published and rings."""

    nodes: int
    published: bool
    unreachable: Unreachable | None = None  # None: we can be called, as far as can be known
    helped: int = 0  # boxes that others reach through us


@dataclass(frozen=True, slots=True)
class ExpectNumber(Command):
    """One more digit may make it `number` (call -> directory): compute, but send nothing."""

    number: str


@dataclass(frozen=True, slots=True)
class ResolveNumber(Command):
    """Find who holds `number` (call -> directory); answered by one of the next two."""

    number: str


@dataclass(frozen=True, slots=True)
class NumberResolved(Fact):
    """A certificate that proves `number`, and where its owner can be reached now."""

    number: str
    certificate: bytes  # encoded, verified
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class NumberUnresolved(Fact):
    """No candidate proved `number`.

    `conflict` = two different keys did; `offline` = we know no node and no neighbour to ask.
    """

    number: str
    conflict: bool = False
    offline: bool = False


@dataclass(frozen=True, slots=True)
class EndpointRefused(Fact):
    """The exchange in `endpoint` does not reach the box behind it (overlay -> call)."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class CallChanged(Fact):
    """The call core's view is new (call -> ui)."""

    view: CallView


@dataclass(frozen=True, slots=True)
class PeerPinned(Fact):
    """From now on `number` belongs to `public_key` (Ed25519, 32 bytes) and to nobody else."""

    number: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class CallEnded(Fact):
    """One line of the call log."""

    peer_number: str
    incoming: bool
    reason: EndReason
    duration_s: float
    call: int = field(default=0, compare=False)  # our identifier of it
    utc_s: int | None = None  # when it was, if that was not just now


@dataclass(frozen=True, slots=True)
class KeyHeard(Fact):
    """The peer pressed a key in the call (RFC 4733)."""

    key: str  # one of "0123456789*#ABCD"


@dataclass(frozen=True, slots=True)
class LoopMeasured(Fact):
    """Test number *4: so long sound takes through our own earpiece and microphone."""

    delay_s: float | None  # None = the microphone does not hear the earpiece
