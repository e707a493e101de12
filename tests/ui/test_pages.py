"""Pages: what is said in each state."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from firmware.model import CallState, CallView, Codec, EndReason, Part, RtpCounters
from firmware.number import display
from firmware.ui.pages import (
    LEVEL_MAX,
    NOTICES_MAX,
    Page,
    Status,
    claimed_fraction,
    clock_text,
    elapsed_text,
    level,
    page,
)
from firmware.ui.texts import ENGLISH
from tests.ui.cases import CASES, OWN, PEER, READY, ended


def test_first_start_shows_progress_in_words_and_as_a_bar() -> None:
    shown = page(CallView(), Status(claimed=0.37))
    assert shown == Page(body="Making your number 37\N{NO-BREAK SPACE}%", progress=0.37)


def test_idle_shows_own_number_in_groups_and_the_clock() -> None:
    shown = page(CallView(), READY)
    assert (shown.large, shown.corner, shown.icon) == ("4711 0815 1234", "14:05", "check")
    assert shown.notices == ()


@pytest.mark.parametrize(
    ("status", "icon", "title", "notices"),
    [
        (replace(READY, nodes=0, published=False), "cross", "Offline", ("no network",)),
        (replace(READY, published=False), "cross", "Offline", ("not published yet",)),
        (replace(READY, nodes=None, published=False), "wait", "Starting", ()),
        (replace(READY, nodes=None, faults=(Part.NETWORK,)), "cross", "Offline", ("no network",)),
        (replace(READY, faults=(Part.NETWORK,)), "cross", "Offline", ("no network",)),
    ],
)
def test_idle_not_reachable_says_why(
    status: Status, icon: str, title: str, notices: tuple[str, ...]
) -> None:
    shown = page(CallView(), status)
    assert (shown.icon, shown.title, shown.notices) == (icon, title, notices)


def test_idle_with_many_troubles_shows_at_most_the_first_two() -> None:
    shown = page(CallView(), replace(READY, published=False, missed=2, faults=tuple(Part)))
    assert shown.notices == ("2 missed calls", f"no hook switch +{len(Part) - 2}")
    assert len(shown.notices) == NOTICES_MAX


def test_dialling_groups_the_digits_and_counts_those_to_come() -> None:
    shown = page(CallView(state=CallState.DIALLING, digits="47110"), READY)
    assert (shown.large, shown.blanks) == ("4711 0", 7)


def test_dialling_more_digits_than_a_number_has_leaves_no_blanks() -> None:
    assert page(CallView(state=CallState.DIALLING, digits="1" * 15), READY).blanks == 0


def test_prefix_before_a_number_is_no_part_of_whom_it_is_about() -> None:
    dialled = CallView(state=CallState.CALLING, digits=f"*67{PEER}")
    assert page(dialled, READY).large == display(PEER)


def test_ringback_says_that_the_other_phone_rings() -> None:
    shown = page(CallView(state=CallState.RINGBACK, digits=PEER), READY)
    assert shown.foot == "The other phone rings"


def test_ringing_shows_the_name_and_always_the_number() -> None:
    view = CallView(state=CallState.RINGING, peer_number=PEER, peer_name="Müller")
    assert (page(view, READY).large, page(view, READY).foot) == ("Müller", "2388 4692 0571")


@pytest.mark.parametrize("name", ["", "   ", "4711 0815 1234", "112", "+49 (0)", "--"])
def test_ringing_name_without_letters_is_replaced_by_the_number(name: str) -> None:
    view = CallView(state=CallState.RINGING, peer_number=PEER, peer_name=name)
    assert page(view, READY).large == "2388 4692 0571"


def test_ringing_without_number_and_name_still_has_a_text() -> None:
    assert page(CallView(state=CallState.RINGING), READY).large == "Unknown caller"


def test_each_end_reason_has_a_text_of_its_own() -> None:
    texts = {_words(page(ended(reason), READY)) for reason in EndReason}
    assert len(texts) == len(EndReason)


def test_emergency_number_page_sends_to_a_mobile() -> None:
    shown = page(ended(EndReason.EMERGENCY), READY)
    assert shown.body == "This phone cannot reach emergency services."
    assert shown.banner == "Use a mobile."


def test_changed_number_page_says_so() -> None:
    shown = page(ended(EndReason.NUMBER_CHANGED), READY)
    assert shown.body == "The phone behind this number has changed."


def test_failed_without_a_reason_still_has_a_page() -> None:
    assert page(CallView(state=CallState.FAILED), READY).title == "Not reachable"
    assert page(CallView(state=CallState.BUSY), READY).title == "Busy"


def test_every_state_reason_part_and_codec_has_its_text() -> None:
    assert {view.state for view, _ in CASES.values()} == set(CallState)
    assert set(ENGLISH.ends) == set(EndReason) - {EndReason.EMERGENCY}
    assert set(ENGLISH.faults) == set(Part)


@pytest.mark.parametrize(
    ("loss", "bars"), [(0.0, 4), (0.01, 4), (0.011, 3), (0.05, 3), (0.1, 2), (0.2, 1), (0.21, 0)]
)
def test_quality_bars_fall_with_loss(loss: float, bars: int) -> None:
    assert level(loss) == bars <= LEVEL_MAX


def test_claimed_fraction_always_moves_and_never_reaches_one() -> None:
    steps = [claimed_fraction(tried, 256) for tried in range(0, 2560, 64)]
    assert steps[0] == 0.0
    assert all(before < after < 1.0 for before, after in pairwise(steps))
    assert claimed_fraction(5, 0) < 1.0


@pytest.mark.parametrize(
    ("elapsed_s", "text"),
    [(-1.0, "00:00"), (0.0, "00:00"), (59.9, "00:59"), (133.0, "02:13"), (3733.0, "1:02:13")],
)
def test_elapsed_time_is_shown_as_minutes_and_seconds(elapsed_s: float, text: str) -> None:
    assert elapsed_text(elapsed_s) == text


@pytest.mark.parametrize(
    ("clock_s", "text"),
    [(0.0, "00:00"), (86_399.9, "23:59"), (86_400.0, "00:00"), (540.0, "00:09")],
)
def test_clock_is_shown_in_24_hours(clock_s: float, text: str) -> None:
    assert clock_text(clock_s) == text


def test_own_number_is_not_on_the_page_of_a_call() -> None:
    view = CallView(state=CallState.CONNECTED, peer_number=PEER)
    assert OWN not in _words(page(view, READY)).replace(" ", "")


def _words(shown: Page) -> str:
    return " ".join((shown.title, shown.large, shown.body, shown.foot, shown.banner))


TALKING = Status(number="471108151234", counters=RtpCounters(), loss=0.0)


def connected(status: Status) -> Page:
    return page(CallView(state=CallState.CONNECTED, peer_name="Anna", codec=Codec.OPUS), status)


def test_page_of_quality_takes_its_turn_in_a_call() -> None:
    counters = RtpCounters(rtt_s=0.040, buffer_s=0.030, remote_loss=0.02, opinion=4.2)
    talking = replace(TALKING, counters=counters, loss=0.004)
    seen = [connected(replace(talking, elapsed_s=float(second))) for second in range(20)]
    assert [bool(one.rows) for one in seen] == ([False] * 7 + [True] * 3) * 2
    assert seen[7].rows == (
        "lost here     0.4 %",
        "lost there    2.0 %",
        "mouth to ear  100 ms",
        "round trip     40 ms",
    )
    for is_relayed, title in ((True, "Opus relayed"), (False, "Opus direct")):
        assert connected(replace(talking, elapsed_s=8.0, is_relayed=is_relayed)).title == title


@pytest.mark.parametrize(
    ("opinion", "bars"), [(4.4, 4), (4.0, 4), (3.7, 3), (3.2, 2), (2.7, 1), (1.5, 0)]
)
def test_bars_follow_the_opinion_where_there_is_one(opinion: float, bars: int) -> None:
    assert connected(replace(TALKING, counters=RtpCounters(opinion=opinion))).level == bars


def test_bars_follow_the_loss_where_there_is_no_opinion() -> None:
    assert connected(replace(TALKING, loss=0.15)).level == 1


def test_microphone_that_is_gone_shows_in_the_call() -> None:
    assert connected(replace(TALKING, faults=(Part.MICROPHONE,))).foot == "no microphone"
