"""Pages: what a person sees in each state of the telephone, as a value without pixels.

Pure functions from the call's view and the box's status to a page; knows no font and no clock.
Units: `_s` seconds; fractions from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from firmware import number
from firmware.events.store import StoreCondition
from firmware.model import CallState, CallView, EndReason, Part, RtpCounters, Unreachable
from firmware.ui.texts import ENGLISH, Texts

LEVEL_MAX = 4  # quality bars
# Loss up to which so many bars are shown: our own scale, not yet checked against listeners.
LOSS_OF_LEVEL = ((4, 0.01), (3, 0.05), (2, 0.10), (1, 0.20))
ROWS_MAX = 4
LEVEL_OF_OPINION = ((4, 4.0), (3, 3.6), (2, 3.1), (1, 2.6))  # from so much on: ITU-T G.109
TURN_S, QUALITY_S = 10, 3  # in a call the page of quality is shown so long, once a turn
OWN_DELAY_S = 0.050  # a frame on each side, and the sound card
CODE_KEYS_MAX = 14  # of a long code those pressed last are seen
NOTICES_MAX = 2  # lines below the own number


@dataclass(frozen=True, slots=True)
class Page:
    """What is to be seen; an empty field takes no room. The renderer decides where it goes."""

    icon: str = ""  # at the top left, before the title
    title: str = ""
    corner: str = ""  # at the top right
    level: int | None = None  # quality bars at the top right, 0 to LEVEL_MAX
    large: str = ""  # what matters most, as large as it fits
    large_icon: str = ""  # before it
    blanks: int = 0  # digits still to come after `large`, shown as empty places
    subject: str = ""  # who it is about, one line below the title
    body: str = ""  # wrapped
    notices: tuple[str, ...] = ()  # small lines at the bottom
    rows: tuple[str, ...] = ()  # small lines below the title, ROWS_MAX at most
    selected: int | None = None  # the row that is dark on light
    foot: str = ""  # at the bottom left
    foot_right: str = ""
    banner: str = ""  # at the bottom, white
    progress: float | None = None  # bar at the bottom
    inverted: bool = False  # dark on light: seen from across the room


@dataclass(frozen=True, slots=True)
class Status:
    """What the pages show besides the call."""

    number: str | None = None  # our own; None while it is being made
    claimed: float = 0.0  # progress of making it
    nodes: int | None = None  # peers the directory knows; None = nothing heard of it yet
    published: bool = False
    unreachable: Unreachable | None = None
    helped: int = 0  # boxes that others reach through this one
    clock_s: float | None = None  # seconds since midnight, local; None = not known
    missed: int = 0  # calls since the handset was last lifted
    faults: tuple[Part, ...] = ()
    loss: float | None = None  # fraction of packets lost, of this call
    counters: RtpCounters | None = None  # of this call
    is_relayed: bool | None = None  # the path of this call
    is_measured: bool = False  # test number *4 has a result
    loop_s: float | None = None  # which: sound through our own ear and mouth; None = not heard
    elapsed_s: float = 0.0  # since the call was answered
    announced: str = ""  # what the box says; shown if it is all that goes on
    store: StoreCondition = StoreCondition.GOOD  # of what shall outlive a power cut
    wake_up: str = ""  # the time, while the bell sounds for it
    page_code: str = ""  # asked for by who has opened the page of the box


def page(view: CallView, status: Status, texts: Texts = ENGLISH) -> Page:
    """The page for this moment."""
    return _PAGES[view.state](view, status, texts)


def claimed_fraction(tried: int, expected: int) -> float:
    """How likely a search of `expected` hashes on average has ended after `tried`.

    The search has no memory, so it can take several times the average: a straight bar would stand
    still at its end, this one always moves.
    """
    return 1.0 - math.exp(-max(tried, 0) / max(expected, 1))


def level(loss: float) -> int:
    """Quality bars for a fraction of lost packets, 0 to LEVEL_MAX."""
    return next((bars for bars, limit in LOSS_OF_LEVEL if loss <= limit), 0)


def quality_level(status: Status) -> int | None:
    """Quality bars: by the opinion that the E-model has of what is heard, else by the loss."""
    opinion = None if status.counters is None else status.counters.opinion
    if opinion is None:
        return None if status.loss is None else level(status.loss)
    return next((bars for bars, limit in LEVEL_OF_OPINION if opinion >= limit), 0)


def clock_text(clock_s: float) -> str:
    """`hh:mm` of seconds since midnight."""
    minutes = int(clock_s // 60) % (24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def elapsed_text(elapsed_s: float) -> str:
    """`mm:ss`, or `h:mm:ss` from an hour on."""
    seconds = max(int(elapsed_s), 0)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    clock = f"{minutes:02d}:{seconds % 60:02d}"
    return f"{hours}:{clock}" if hours else clock


def _idle(_view: CallView, status: Status, texts: Texts) -> Page:
    if status.number is None:
        percent = int(100 * status.claimed)
        return Page(body=texts.making_number.format(percent), progress=status.claimed)
    if status.wake_up:
        hint = texts.wake_up_hint
        return Page("bell", texts.wake_up, large=status.wake_up, foot=hint, inverted=True)
    if status.page_code:
        return Page(title=texts.page_code, large=status.page_code, notices=(texts.page_code_hint,))
    why = _why_unreachable(status, texts)
    if status.nodes is None and Part.NETWORK not in status.faults:
        icon, title = "wait", texts.starting
    else:
        icon, title = ("cross", texts.offline) if why else ("check", texts.ready)
    return Page(
        icon=icon,
        title=title,
        corner="" if status.clock_s is None else clock_text(status.clock_s),
        large=number.display(status.number),
        notices=_notices(status, why, texts),
    )


def _why_unreachable(status: Status, texts: Texts) -> str:
    """Why nobody can call us, empty if they can or nothing is known."""
    if Part.NETWORK in status.faults or status.nodes == 0:
        return texts.no_network
    if status.published and status.unreachable is not None:
        return texts.unreachable[status.unreachable]
    return "" if status.published or status.nodes is None else texts.not_published


def _notices(status: Status, why: str, texts: Texts) -> tuple[str, ...]:
    """The most important first; what NOTICES_MAX leaves out still shows as an icon."""
    notices = []
    if status.missed:
        text = texts.missed_one if status.missed == 1 else texts.missed_many
        notices.append(text.format(status.missed))
    faults = [texts.faults[part] for part in status.faults if part is not Part.NETWORK]
    if faults:
        more = texts.more_faults.format(faults[0], len(faults) - 1)
        notices.append(faults[0] if len(faults) == 1 else more)
    if status.store in texts.stores:
        notices.append(texts.stores[status.store])
    if why:
        notices.append(why)
    if status.helped:
        text = texts.helping_one if status.helped == 1 else texts.helping_many
        notices.append(text.format(status.helped))
    return tuple(notices[:NOTICES_MAX])


def _dialling(view: CallView, _status: Status, texts: Texts) -> Page:
    is_code = view.digits[:1] in ("*", "#")
    return Page(
        icon="handset",
        title=texts.dialling if view.digits else texts.dial,
        large=view.digits[-CODE_KEYS_MAX:] if is_code else number.display(view.digits),
        blanks=0 if is_code else max(number.NUMBER_DIGITS - len(view.digits), 0),
    )


def _calling(view: CallView, _status: Status, texts: Texts) -> Page:
    return Page(icon="wait", title=texts.calling, large=_peer(view), foot=texts.calling_hint)


def _ringback(view: CallView, _status: Status, texts: Texts) -> Page:
    return Page(icon="bell", title=texts.ringback, large=_peer(view), foot=texts.ringback_hint)


def _ringing(view: CallView, _status: Status, texts: Texts) -> Page:
    peer_number = number.display(view.peer_number)
    return Page(
        icon="bell",
        title=texts.ringing,
        large=_peer(view) or texts.unknown_caller,
        # a name is the caller's own word, the number is proved: it is always there
        foot=peer_number if _name(view) and peer_number else texts.ringing_hint,
        inverted=True,
    )


def _connected(view: CallView, status: Status, texts: Texts) -> Page:
    if view.codec is None and view.digits in texts.tests:
        return _self_test(view, status, texts)
    if view.codec is None and status.announced:
        return Page(title=view.digits, body=status.announced)
    code = view.authentication_digits
    turn_s = status.elapsed_s % TURN_S
    if status.counters is not None and turn_s >= TURN_S - QUALITY_S:
        return _quality(view, status, status.counters, texts)
    faults = [texts.faults[part] for part in status.faults if part in _SOUND_PARTS]
    if faults:
        return Page(
            title=_peer(view) or texts.unknown_caller,
            large=elapsed_text(status.elapsed_s),
            large_icon="handset",
            foot=faults[0],
        )
    return Page(
        title=_peer(view) or texts.unknown_caller,
        level=quality_level(status),
        large=elapsed_text(status.elapsed_s),
        large_icon="handset",
        foot=texts.codecs[view.codec] if view.codec else "",
        foot_right=texts.code.format(code) if code else "",
    )


def _self_test(view: CallView, status: Status, texts: Texts) -> Page:
    result = ""
    if status.is_measured:
        known = status.loop_s is not None
        result = texts.loop.format(1000 * (status.loop_s or 0.0)) if known else texts.no_loop
    return Page(
        title=texts.tests[view.digits],
        large=elapsed_text(status.elapsed_s),
        large_icon="handset",
        foot=result,
    )


def _quality(view: CallView, status: Status, counters: RtpCounters, texts: Texts) -> Page:
    """How this call sounds, and by which way: codec, losses both ways, delay."""
    codec = texts.codecs[view.codec] if view.codec else ""
    route = "" if status.is_relayed is None else texts.routes[status.is_relayed]
    rtt_s = counters.rtt_s
    delay_s = None if rtt_s is None else rtt_s / 2 + counters.buffer_s + OWN_DELAY_S
    return Page(
        title=f"{codec} {route}".strip(),
        level=quality_level(status),
        rows=(
            texts.lost_here.format(100 * (status.loss or 0.0)),
            texts.lost_there.format(100 * counters.remote_loss),
            "" if delay_s is None else texts.delay.format(1000 * delay_s),
            "" if rtt_s is None else texts.round_trip.format(1000 * rtt_s),
        ),
    )


def _ended(view: CallView, status: Status, texts: Texts) -> Page:
    if view.reason is EndReason.EMERGENCY:
        return Page(body=texts.emergency, banner=texts.emergency_banner)
    busy = view.state is CallState.BUSY
    reason = view.reason or (EndReason.BUSY if busy else EndReason.UNREACHABLE)
    end = texts.ends[reason]
    if status.announced:  # what the box offers instead
        return Page(title=end.title, body=status.announced)
    return Page(
        icon=_END_ICONS.get(reason, "cross"),
        title=end.title,
        subject=_peer(view) if end.shows_peer else "",
        body=end.body,
    )


def _peer(view: CallView) -> str:
    """Who it is about: name, else verified number, else what was dialled, without a prefix."""
    dialled = view.digits[-number.NUMBER_DIGITS :]
    return _name(view) or number.display(view.peer_number or dialled)


def _name(view: CallView) -> str:
    """The peer's name; the peer chose it, so what could be taken for a number is none."""
    name = view.peer_name.strip()
    return name if any(character.isalpha() for character in name) else ""


_SOUND_PARTS = (Part.MICROPHONE, Part.EARPIECE)
_END_ICONS = {
    EndReason.HUNG_UP: "hung_up",
    EndReason.HUNG_UP_BY_PEER: "hung_up",
    EndReason.TIMED_OUT: "hung_up",
    EndReason.NUMBER_CHANGED: "warning",
    EndReason.NOT_SECURE: "warning",
    EndReason.NOT_READY: "wait",
}

_PAGES: dict[CallState, Callable[[CallView, Status, Texts], Page]] = {
    CallState.IDLE: _idle,
    CallState.OFF_HOOK: _dialling,
    CallState.DIALLING: _dialling,
    CallState.CALLING: _calling,
    CallState.RINGBACK: _ringback,
    CallState.RINGING: _ringing,
    CallState.CONNECTED: _connected,
    CallState.BUSY: _ended,
    CallState.FAILED: _ended,
}
