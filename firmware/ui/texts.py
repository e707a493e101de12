"""Every text a person reads on the display, in English.

Knows nothing of pages or pixels. A title has at most 13 characters, 16 where no icon stands before
it; a body is wrapped. Other languages are translations of it (language.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware.events.store import StoreCondition
from firmware.model import Codec, EndReason, Part, Unreachable
from firmware.ui.call_texts import ENGLISH as CALLS
from firmware.ui.call_texts import CallTexts


@dataclass(frozen=True, slots=True)
class End:
    """What is said about the end of a call: a title, and what to make of it."""

    title: str
    body: str
    shows_peer: bool = True  # the number or name helps to understand it


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language; `{}` is filled in."""

    making_number: str
    starting: str
    ready: str
    offline: str
    no_network: str
    not_published: str
    unreachable: Mapping[Unreachable, str]
    helping_one: str
    helping_many: str
    missed_one: str
    missed_many: str
    more_faults: str
    wake_up: str
    wake_up_hint: str
    page_code: str
    page_code_hint: str
    dial: str
    dialling: str
    calling: str
    calling_hint: str
    ringback: str
    ringback_hint: str
    ringing: str
    ringing_hint: str
    unknown_caller: str
    code: str
    emergency: str
    emergency_banner: str
    ends: Mapping[EndReason, End]
    faults: Mapping[Part, str]
    stores: Mapping[StoreCondition, str]
    codecs: Mapping[Codec, str]
    routes: Mapping[bool, str]  # relayed or not
    tests: Mapping[str, str]  # the titles of the test numbers
    loop: str
    no_loop: str
    lost_here: str
    lost_there: str
    delay: str
    round_trip: str
    calls: CallTexts = CALLS  # several at once


ENGLISH = Texts(
    making_number="Making your number {}\N{NO-BREAK SPACE}%",
    starting="Starting",
    ready="Ready",
    offline="Offline",
    no_network="no network",
    not_published="not published yet",
    unreachable={
        Unreachable.NO_NETWORK: "no network",
        Unreachable.NOT_PUBLISHED: "not published yet",
        Unreachable.NO_EXCHANGE: "no exchange helps",
        Unreachable.NOT_RUNG: "no call gets in",
    },
    helping_one="helping 1 phone",
    helping_many="helping {} phones",
    missed_one="1 missed call",
    missed_many="{} missed calls",
    more_faults="{} +{}",
    wake_up="Wake-up call",
    wake_up_hint="Lift to stop the bell",
    page_code="Page code",
    page_code_hint="for your browser",
    dial="Please dial",
    dialling="Dialling",
    calling="Calling",
    calling_hint="Please wait",
    ringback="Ringing",
    ringback_hint="The other phone rings",
    ringing="Call from",
    ringing_hint="Lift to answer",
    unknown_caller="Unknown caller",
    code="Code {}",
    emergency="This phone cannot reach emergency services.",
    emergency_banner="Use a mobile.",
    ends={
        EndReason.HUNG_UP: End("Call ended", "You hung up."),
        EndReason.HUNG_UP_BY_PEER: End("Call ended", "They hung up."),
        EndReason.BUSY: End("Busy", "Try again later."),
        EndReason.DECLINED: End("Declined", "They cannot take your call now."),
        EndReason.DO_NOT_DISTURB: End("No calls now", "They want to be left in peace."),
        EndReason.ANONYMOUS_REFUSED: End("Show number", "They take no hidden numbers."),
        EndReason.DIVERTED: End("Call diverted", "It rings elsewhere."),
        EndReason.NO_ANSWER: End("No answer", "Nobody picked up the phone."),
        EndReason.MISSED: End("Missed call", "They hung up."),
        EndReason.WRONG_NUMBER: End("Wrong number", "Please check and dial again."),
        EndReason.UNREACHABLE: End("Not reachable", "That phone is not on the net."),
        EndReason.OFFLINE: End("No network", "This phone is not on the net."),
        EndReason.NUMBER_CHANGED: End(
            "Warning", "The phone behind this number has changed.", shows_peer=False
        ),
        EndReason.NOT_SECURE: End("Warning", "This line was not secure.", shows_peer=False),
        EndReason.NO_COMMON_CODEC: End("Cannot talk", "The two phones share no codec."),
        EndReason.CONNECTION_LOST: End("Cut off", "The connection was lost."),
        EndReason.TIMED_OUT: End("No number", "Hang up, lift and dial again.", shows_peer=False),
        EndReason.NOT_READY: End(
            "Not ready yet", "Your number is still being made.", shows_peer=False
        ),
    },
    faults={
        Part.HOOK: "no hook switch",
        Part.KEYPAD: "no keypad",
        Part.OLED: "no display",
        Part.RINGER: "no bell",
        Part.MICROPHONE: "no microphone",
        Part.EARPIECE: "no earpiece",
        Part.NETWORK: "no network",
        Part.ADAPTER: "no adapter",
        Part.USB_PHONE: "no USB phone",
    },
    stores={
        StoreCondition.FULL: "card full",
        StoreCondition.CARD: "card broken",
        StoreCondition.RESTORED: "records restored",
        StoreCondition.LOST: "records lost",
    },
    codecs={Codec.OPUS: "Opus", Codec.PCMA: "G.711", Codec.PCMU: "G.711"},
    routes={True: "relayed", False: "direct"},
    tests={"*1": "Echo test", "*2": "Milliwatt", "*3": "Record, play", "*4": "Sound delay"},
    loop="Ear to mouth {:.0f} ms",
    no_loop="Nothing is heard",
    lost_here="lost here   {:5.1f} %",
    lost_there="lost there  {:5.1f} %",
    delay="mouth to ear {:4.0f} ms",
    round_trip="round trip   {:4.0f} ms",
)
