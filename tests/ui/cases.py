"""One example of every page, by name; the same for golden pictures and structural tests."""

from __future__ import annotations

from dataclasses import replace

from firmware.events.store import StoreCondition
from firmware.model import CallState, CallView, Codec, EndReason, Part, RtpCounters
from firmware.ui.pages import TURN_S, Status
from firmware.ui.prompts import texts_of

OWN = "471108151234"
PEER = "238846920571"
NAME = "Jürgen Groß"
LONG_NAME = "Hans-Peter Müller-Lüdenscheidt"

READY = Status(number=OWN, nodes=40, published=True, clock_s=14 * 3600 + 5 * 60)
_OFFLINE = replace(READY, nodes=0, published=False)
_TALKING = replace(READY, loss=0.0, elapsed_s=133.0)
_CALLER = CallView(state=CallState.RINGING, incoming=True, peer_number=PEER)
_CONNECTED = CallView(
    state=CallState.CONNECTED,
    peer_number=PEER,
    peer_name=NAME,
    codec=Codec.OPUS,
    authentication_digits="4711",
)


def ended(reason: EndReason) -> CallView:
    """The view after a call that ended for `reason`."""
    state = CallState.BUSY if reason is EndReason.BUSY else CallState.FAILED
    return CallView(state=state, digits=PEER, reason=reason)


def service(keys: str) -> CallView:
    """The view while the box itself answers what was dialled."""
    return CallView(state=CallState.CONNECTED, digits=keys)


def announced(language: str) -> dict[str, tuple[CallView, Status]]:
    """What the box says, which is shown while it does."""
    said = {name: replace(READY, announced=text) for name, text in texts_of(language).items()}
    return {
        "announced_code": (service("*26#"), said["do_not_disturb_on"]),
        "announced_messages": (service("*98"), said["message_menu"]),
        "announced_greeting": (service("*97"), said["greeting_record"]),
        "announced_offer": (ended(EndReason.NO_ANSWER), said["message_offered"]),
        "announced_offer_busy": (ended(EndReason.BUSY), said["message_or_wait"]),
        "announced_kept": (service(""), said["message_kept"]),
    }


_COUNTERS = RtpCounters(buffer_s=0.04, rtt_s=0.062, remote_loss=0.02, opinion=4.1)

CASES: dict[str, tuple[CallView, Status]] = {
    "first_start": (CallView(), Status(claimed=0.37)),
    "idle": (CallView(), READY),
    "idle_starting": (CallView(), replace(READY, nodes=None, published=False, clock_s=None)),
    "idle_offline": (CallView(), _OFFLINE),
    "idle_unpublished": (CallView(), replace(READY, published=False)),
    "wake_up": (CallView(), replace(READY, wake_up="06:30")),
    "idle_card_full": (CallView(), replace(READY, store=StoreCondition.FULL)),
    "idle_restored": (CallView(), replace(READY, missed=2, store=StoreCondition.RESTORED)),
    "idle_missed": (CallView(), replace(READY, missed=1)),
    "idle_no_microphone": (CallView(), replace(READY, faults=(Part.MICROPHONE,))),
    "idle_helping": (CallView(), replace(READY, helped=3)),
    "page_code": (CallView(), replace(READY, page_code="402871")),
    "idle_troubled": (
        CallView(),
        replace(_OFFLINE, missed=12, faults=(Part.RINGER, Part.MICROPHONE)),
    ),
    "off_hook": (CallView(state=CallState.OFF_HOOK), READY),
    "dialling": (CallView(state=CallState.DIALLING, digits=PEER[:9]), READY),
    "dialling_code": (CallView(state=CallState.DIALLING, digits=f"*21*{PEER[:8]}"), READY),
    "calling": (CallView(state=CallState.CALLING, digits=PEER), READY),
    "ringback": (CallView(state=CallState.RINGBACK, digits=PEER, peer_name=NAME), READY),
    "ringing": (_CALLER, READY),
    "ringing_unknown": (replace(_CALLER, peer_number=""), READY),
    "ringing_short_name": (replace(_CALLER, peer_name="Müller"), READY),
    "ringing_name": (replace(_CALLER, peer_name=NAME), READY),
    "ringing_long_name": (replace(_CALLER, peer_name=LONG_NAME), READY),
    "connected": (_CONNECTED, _TALKING),
    "connected_number": (
        replace(_CONNECTED, peer_name="", codec=Codec.PCMA),
        replace(_TALKING, loss=0.07, elapsed_s=3733.0),
    ),
    "connected_long_name": (replace(_CONNECTED, peer_name=LONG_NAME), replace(_TALKING, loss=0.5)),
    "connected_deaf": (_CONNECTED, replace(_TALKING, faults=(Part.EARPIECE,))),
    "connected_quality": (
        _CONNECTED,
        replace(_TALKING, elapsed_s=TURN_S - 1.0, counters=_COUNTERS, loss=0.01, is_relayed=True),
    ),
    "test_echo": (service("*1"), _TALKING),
    "test_delay": (service("*4"), replace(_TALKING, is_measured=True, loop_s=0.037)),
    **announced("en"),
    **{f"end_{reason}": (ended(reason), READY) for reason in EndReason},
}
