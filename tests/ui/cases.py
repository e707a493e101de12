"""One example of every page, by name; the same for golden pictures and structural tests."""

from __future__ import annotations

from dataclasses import replace

from firmware.events.store import StoreCondition
from firmware.model import CallState, CallView, Codec, EndReason, Part
from firmware.ui.pages import Status

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
    "idle_troubled": (
        CallView(),
        replace(_OFFLINE, missed=12, faults=(Part.RINGER, Part.MICROPHONE)),
    ),
    "off_hook": (CallView(state=CallState.OFF_HOOK), READY),
    "dialling": (CallView(state=CallState.DIALLING, digits=PEER[:9]), READY),
    "calling": (CallView(state=CallState.CALLING, digits=PEER), READY),
    "ringback": (CallView(state=CallState.RINGBACK, digits=PEER, peer_name=NAME), READY),
    "ringing": (_CALLER, READY),
    "ringing_short_name": (replace(_CALLER, peer_name="Müller"), READY),
    "ringing_name": (replace(_CALLER, peer_name=NAME), READY),
    "ringing_long_name": (replace(_CALLER, peer_name=LONG_NAME), READY),
    "connected": (_CONNECTED, _TALKING),
    "connected_number": (
        replace(_CONNECTED, peer_name="", codec=Codec.PCMA),
        replace(_TALKING, loss=0.07, elapsed_s=3733.0),
    ),
    "connected_long_name": (replace(_CONNECTED, peer_name=LONG_NAME), replace(_TALKING, loss=0.5)),
    **{f"end_{reason}": (ended(reason), READY) for reason in EndReason},
}
