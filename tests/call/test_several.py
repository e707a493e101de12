"""Several calls in one hand: hold, call waiting, swap, conference, and what replacing ends."""

from __future__ import annotations

import pytest

from firmware import events
from firmware.call.incoming import RING_CALLEE_S
from firmware.call.line import LEGS_MAX, RETURN_S
from firmware.call.recall import CHOICE_S
from firmware.events import SpeakWith
from firmware.model import MUTE_KEY, RECALL_KEY, CallState, EndReason, Place
from tests.call.link import Link, Phone, reasons


class Party(Link):
    """Anna talks with Bert; Clara and Dora are at home."""

    def __init__(self, *, loss: float = 0.0) -> None:
        super().__init__(loss=loss)
        names = ("Anna", "Bert", "Clara", "Dora")
        self.anna, self.bert, self.clara, self.dora = (self.add(name) for name in names)
        self.connect(self.anna, self.bert)
        self.run(0.5)

    def flash(self, phone: Phone, digit: str = "") -> None:
        self.tell(phone, events.HookFlashed())
        if digit:
            self.tell(phone, events.KeyPressed(digit))
        else:
            self.run(CHOICE_S)
        self.run(0.3)

    def call_waiting(self, caller: Phone, callee: Phone) -> None:
        self.dial(caller, callee.person.number)
        self.wait(caller, CallState.RINGBACK)

    def consult(self) -> None:
        """Anna puts Bert on hold and calls Clara, who answers."""
        self.flash(self.anna)
        for key in self.clara.person.number:
            self.tell(self.anna, events.KeyPressed(key))
        self.wait(self.clara, CallState.RINGING)
        self.tell(self.clara, events.HookLifted())
        self.wait(self.anna, CallState.CONNECTED)
        self.run(0.3)

    def calls(self, phone: Phone) -> dict[str, Place | None]:
        """Who is where; None = in front."""
        view = phone.core.view
        beside = {other.peer_name: other.place for other in view.others}
        return {view.peer_name: None, **beside}


def speaking(phone: Phone) -> int:
    """With how many the handset speaks, as media was told last."""
    said = [message for message in phone.said if isinstance(message, SpeakWith)]
    return len(said[-1].calls)


def test_flash_holds_the_call_and_gives_dial_tone() -> None:
    party = Party()
    party.flash(party.anna)
    assert party.anna.view.state is CallState.OFF_HOOK
    assert [other.place for other in party.anna.view.others] == [Place.HELD]
    assert speaking(party.anna) == 0
    assert party.bert.view.is_on_hold and party.bert.view.state is CallState.CONNECTED
    party.flash(party.anna)
    assert party.calls(party.anna) == {"Bert": None} and speaking(party.anna) == 1
    assert not party.bert.view.is_on_hold


def test_microphone_stays_open_for_the_call_on_hold_and_closes_with_the_last() -> None:
    party = Party()
    party.flash(party.anna)
    assert not party.anna.asked(events.CloseMicrophone)
    party.tell(party.bert, events.HookReplaced())
    party.run(0.3)
    assert len(party.anna.asked(events.CloseMicrophone)) == 1
    assert party.anna.view.state is CallState.OFF_HOOK and not party.anna.view.others


def test_service_beside_a_call_on_hold_keeps_its_microphone_when_that_call_ends() -> None:
    party = Party()
    party.flash(party.anna)
    for key in "0#":
        party.tell(party.anna, events.KeyPressed(key))
    party.tell(party.bert, events.HookReplaced())
    party.run(0.3)
    assert party.anna.view.state is CallState.CONNECTED and not party.anna.view.others
    assert not party.anna.asked(events.CloseMicrophone)
    party.tell(party.anna, events.HookReplaced())
    assert len(party.anna.asked(events.CloseMicrophone)) == 1


def test_second_call_is_made_beside_the_first_and_swapped_both_ways() -> None:
    party = Party()
    party.consult()
    assert party.calls(party.anna) == {"Clara": None, "Bert": Place.HELD}
    for front, held in (("Bert", "Clara"), ("Clara", "Bert")):
        party.flash(party.anna, "2")
        assert party.calls(party.anna) == {front: None, held: Place.HELD}
        assert party.clara.view.is_on_hold is (held == "Clara")
        assert party.bert.view.is_on_hold is (held == "Bert")


def test_flash_without_a_digit_swaps_after_the_choice_and_a_second_flash_at_once() -> None:
    party = Party()
    party.consult()
    party.tell(party.anna, events.HookFlashed())
    assert party.anna.view.is_choosing and party.anna.view.peer_name == "Clara"
    party.run(CHOICE_S)
    assert party.anna.view.peer_name == "Bert" and not party.anna.view.is_choosing
    party.tell(party.anna, events.KeyPressed(RECALL_KEY))
    party.tell(party.anna, events.KeyPressed(RECALL_KEY))
    assert party.anna.view.peer_name == "Clara"


def test_digits_of_a_choice_are_not_sent_to_the_peer_and_others_are() -> None:
    party = Party()
    party.consult()
    party.tell(party.anna, events.KeyPressed("5"))
    party.flash(party.anna, "2")
    party.flash(party.anna, "9")
    assert party.anna.asked(events.SendKey) == [events.SendKey("5")]
    assert party.anna.view.peer_name == "Bert", "an unknown digit only closes the choice"


def test_conference_is_joined_and_each_leaves_it_alone() -> None:
    party = Party()
    party.consult()
    party.flash(party.anna, "3")
    assert party.calls(party.anna) == {"Clara": None, "Bert": Place.JOINED}
    assert speaking(party.anna) == 2
    assert not (party.bert.view.is_on_hold or party.clara.view.is_on_hold)
    party.tell(party.clara, events.HookReplaced())
    party.run(0.3)
    assert party.calls(party.anna) == {"Bert": None}
    assert party.anna.view.state is CallState.CONNECTED


def test_flash_in_a_conference_makes_it_private_again() -> None:
    party = Party()
    party.consult()
    party.flash(party.anna, "3")
    party.flash(party.anna, "2")
    assert party.calls(party.anna) == {"Clara": None, "Bert": Place.HELD}
    assert party.bert.view.is_on_hold


def test_caller_waits_in_the_ear_and_is_taken_by_a_flash() -> None:
    party = Party()
    party.call_waiting(party.clara, party.anna)
    assert party.calls(party.anna) == {"Bert": None, "Clara": Place.WAITING}
    assert not party.anna.asked(events.StartRinging)
    party.flash(party.anna)
    assert party.calls(party.anna) == {"Clara": None, "Bert": Place.HELD}
    assert party.clara.view.state is CallState.CONNECTED and party.bert.view.is_on_hold


@pytest.mark.parametrize(
    ("digit", "bert", "clara"),
    [
        ("0", CallState.CONNECTED, CallState.FAILED),
        ("1", CallState.FAILED, CallState.CONNECTED),
        ("2", CallState.CONNECTED, CallState.CONNECTED),
        ("3", CallState.CONNECTED, CallState.RINGBACK),
    ],
)
def test_digit_says_what_becomes_of_who_waits(
    digit: str, bert: CallState, clara: CallState
) -> None:
    party = Party()
    party.call_waiting(party.clara, party.anna)
    party.flash(party.anna, digit)
    assert (party.bert.view.state, party.clara.view.state) == (bert, clara)
    assert party.anna.view.state is CallState.CONNECTED
    if digit == "0":
        assert party.clara.view.reason is EndReason.DECLINED


def test_one_more_caller_than_may_wait_is_told_busy() -> None:
    party = Party()
    party.call_waiting(party.clara, party.anna)
    party.dial(party.dora, party.anna.person.number)
    party.wait(party.dora, CallState.BUSY)
    party.flash(party.anna, "2")
    assert len(party.calls(party.anna)) < LEGS_MAX
    party.tell(party.dora, events.HookReplaced())
    party.call_waiting(party.dora, party.anna)
    assert len(party.calls(party.anna)) == LEGS_MAX


def test_who_waits_and_gives_up_is_a_missed_call_and_the_talk_goes_on() -> None:
    party = Party()
    party.call_waiting(party.clara, party.anna)
    party.tell(party.clara, events.HookReplaced())
    party.run(0.3)
    assert party.calls(party.anna) == {"Bert": None}
    assert reasons(party.anna) == [EndReason.MISSED]


def test_who_waits_in_vain_is_told_so() -> None:
    party = Party()
    party.call_waiting(party.clara, party.anna)
    party.clara.online = False
    party.run(RING_CALLEE_S + 1.0)
    assert party.calls(party.anna) == {"Bert": None}


def test_replacing_the_handset_connects_the_two_others_and_rings_for_who_waits() -> None:
    party = Party()
    party.consult()
    party.call_waiting(party.dora, party.anna)
    party.tell(party.anna, events.HookReplaced())
    party.run(0.3)
    assert party.anna.view.state is CallState.RINGING and party.anna.rings
    assert party.anna.view.peer_name == "Dora"
    party.run(0.5)
    assert (party.bert.view.peer_name, party.clara.view.peer_name) == ("Clara", "Bert")
    party.tell(party.anna, events.HookLifted())
    party.wait(party.dora, CallState.CONNECTED)
    opened = len(party.anna.asked(events.OpenMicrophone))
    assert opened == len(party.anna.asked(events.CloseMicrophone)) + 1 == 2


def test_end_of_the_front_call_brings_back_the_one_on_hold_by_itself() -> None:
    party = Party()
    party.consult()
    party.tell(party.clara, events.HookReplaced())
    party.run(0.3)
    assert party.anna.view.state is CallState.FAILED
    party.run(RETURN_S)
    assert party.calls(party.anna) == {"Bert": None} and not party.bert.view.is_on_hold


def test_busy_second_number_brings_back_the_call_on_hold() -> None:
    party = Party()
    party.tell(party.clara, events.HookLifted())
    party.flash(party.anna)
    for key in party.clara.person.number:
        party.tell(party.anna, events.KeyPressed(key))
    party.wait(party.anna, CallState.BUSY)
    party.wait(party.anna, CallState.CONNECTED)
    assert party.anna.view.peer_name == "Bert"


def test_flash_while_it_rings_gives_that_call_up_and_goes_back() -> None:
    party = Party()
    party.flash(party.anna)
    for key in party.clara.person.number:
        party.tell(party.anna, events.KeyPressed(key))
    party.wait(party.anna, CallState.RINGBACK)
    party.flash(party.anna)
    assert party.calls(party.anna) == {"Bert": None}
    assert party.clara.view.state is CallState.IDLE


def test_loss_of_the_media_of_a_call_on_hold_ends_only_that() -> None:
    party = Party()
    party.consult()
    (held,) = (leg.call for leg in party.anna.core.calls() if leg.peer_name == "Bert")
    party.tell(party.anna, events.MediaLost(held))
    party.run(0.3)
    assert party.calls(party.anna) == {"Clara": None}
    assert party.bert.view.reason is EndReason.HUNG_UP_BY_PEER


def test_hold_that_is_overtaken_by_the_end_of_the_hold_does_not_stand() -> None:
    for seed in range(10):
        party = Party()
        party.seed, party.loss, party.delay_s = seed, 0.3, (0.01, 0.3)
        for _ in range(4):
            party.tell(party.anna, events.HookFlashed())
            party.run(0.05)
            party.tell(party.anna, events.HookFlashed())
            party.run(0.05)
        party.loss = 0.0
        party.run(5.0)
        assert party.anna.view.state is CallState.CONNECTED
        assert not party.bert.view.is_on_hold, f"seed {seed}"


def test_muted_key_is_for_this_call_only() -> None:
    party = Party()
    party.tell(party.anna, events.KeyPressed(MUTE_KEY))
    assert party.anna.view.is_muted
    assert party.anna.asked(events.SendKey) == []
    party.tell(party.anna, events.HookReplaced())
    assert not party.anna.view.is_muted
