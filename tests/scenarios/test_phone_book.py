"""Stories of the phone book: found by letters and called, known when it calls, kept for ever."""

from __future__ import annotations

from firmware.events.book import (
    Contact,
    Ring,
    RingRules,
    Rule,
    SaveContact,
    SetRingRules,
    SetRule,
)
from firmware.model import CallState, EndReason
from tests.world import PhoneActor, World


def town(seed: int) -> tuple[World, PhoneActor, PhoneActor]:
    world = World(seed)
    world.add_nodes(4)
    anna, bert = world.add_phone("anna"), world.add_phone("bert")
    world.settle()
    world.tell(anna, SaveContact(Contact(bert.number, "Bert Bär", is_favourite=True)))
    world.run(1.0)
    return world, anna, bert


def screen(who: PhoneActor) -> tuple[str, ...]:
    return who.phone.display.picture.lines


def test_anna_finds_bert_by_letters_lifts_and_talks_to_him() -> None:
    world, anna, bert = town(61)
    world.dial(anna, "##237#")
    assert screen(anna) == ("237 1/1", "Bert Bär")
    world.lift(anna)
    world.wait(anna, CallState.RINGBACK)
    world.lift(bert)
    world.wait(anna, CallState.CONNECTED)
    assert anna.view.peer_number == bert.number


def test_missed_call_is_in_the_menu_with_its_name_and_called_back() -> None:
    world, anna, bert = town(62)
    world.lift(bert)
    world.dial(bert, anna.number)
    world.wait(anna, CallState.RINGING)
    assert anna.view.peer_name == "Bert Bär"
    world.replace(bert)
    world.wait(anna, CallState.IDLE)
    world.run(1.0)
    world.dial(anna, "#8#")
    assert screen(anna)[1].startswith("! Bert Bär")
    world.lift(anna)
    world.wait(bert, CallState.RINGING)
    assert anna.ended[-1].reason is EndReason.MISSED


def test_call_rings_through_an_open_menu_and_its_keys_are_for_the_call() -> None:
    world, anna, bert = town(63)
    world.dial(anna, "##")
    world.lift(bert)
    world.dial(bert, anna.number)
    world.wait(anna, CallState.RINGING)
    assert "Bert Bär" in screen(anna)
    world.dial(anna, "*")  # declines
    world.wait(bert, CallState.FAILED)
    assert bert.view.reason is EndReason.DECLINED and anna.view.state is CallState.IDLE


def test_book_and_log_outlive_a_power_cut() -> None:
    world, anna, bert = town(64)
    world.connect(bert, anna)
    world.replace(bert)
    world.replace(anna)
    world.run(1.0)
    anna.online = False
    again = world.add_phone("anna")
    again.kept = anna.kept
    world.tell(again, anna.kept.loaded())
    world.dial(again, "##")
    assert screen(again)[1:] == ("Bert Bär",)
    world.dial(again, "*8#")
    assert screen(again)[1].startswith("< Bert Bär")


def test_strangers_do_not_ring_when_the_owner_says_so_but_contacts_do() -> None:
    world, anna, bert = town(65)
    carl = world.add_phone("carl")
    world.settle()
    world.tell(anna, SetRingRules(RingRules(strangers=Ring.REFUSED)))
    world.run(1.0)
    world.lift(carl)
    world.dial(carl, anna.number)
    world.wait(carl, CallState.FAILED)
    assert carl.view.reason is EndReason.DECLINED and not anna.rings
    world.lift(bert)
    world.dial(bert, anna.number)
    world.wait(bert, CallState.RINGBACK)
    assert anna.rings


def test_stranger_in_quiet_hours_is_seen_and_not_heard() -> None:
    world, anna, bert = town(66)
    world.tell(bert, SetRingRules(RingRules(strangers=Ring.SILENT)))
    world.run(1.0)
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(bert, CallState.RINGING)
    assert not bert.rings and screen(bert)[0] == "Call from"


def test_blocked_number_hears_the_busy_tone_and_nobody_is_disturbed() -> None:
    world, anna, bert = town(67)
    world.tell(bert, SetRule(anna.number, Rule.BLOCKED))
    world.run(1.0)
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.DECLINED
    assert bert.view.state is CallState.IDLE and not bert.rings


def test_menu_with_the_handset_lifted_has_time_and_dials_by_its_first_row() -> None:
    world, anna, bert = town(68)
    world.lift(anna)
    world.dial(anna, "#")
    world.run(2.0)
    assert screen(anna)[0] == "Menu 1/5"
    for key in "#237#":
        world.run(15.0)  # somebody looks for the glasses
        world.dial(anna, key)
    world.dial(anna, "###")
    world.wait(bert, CallState.RINGING)


def test_phone_that_was_lifted_and_left_in_the_menu_tells_its_owner() -> None:
    world, anna, _ = town(69)
    world.lift(anna)
    world.dial(anna, "#")
    world.wait(anna, CallState.FAILED, timeout_s=70.0)
    assert "Menu" not in screen(anna)[0]
