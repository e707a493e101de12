from __future__ import annotations

from firmware import events
from firmware.events import services
from firmware.events.book import (
    BookChanged,
    BookRefused,
    Contact,
    RingRules,
    RingRulesChanged,
    SetRingRules,
)
from firmware.events.store import (
    Kind,
    Record,
    RecordSaved,
    RecordsLoaded,
    SaveFailed,
    SaveFailure,
    SaveRecord,
)
from firmware.features.desk import SAVE_S_MAX, Desk
from firmware.features.table import FEATURES
from firmware.model import CallState, CallView, EndReason
from tests.call.link import person

ANNA, BERT = person("Anna").number, person("Bert").number
OFFER = events.CallOffered(1, ANNA, "Anna", is_contact=False, is_anonymous=False, is_waiting=False)


def dialled(desk: Desk, keys: str) -> list[events.Message]:
    return desk.handle(services.CodeDialled(keys), 0.0)


def set_up(desk: Desk, keys: str) -> None:
    """Dial a code and let the card keep it."""
    for message in dialled(desk, keys):
        assert isinstance(message, SaveRecord)
        desk.handle(RecordSaved(message.kind, message.key), 0.1)
    desk.handle(services.Said(), 3.0)


def test_setting_is_confirmed_only_when_it_is_on_the_card() -> None:
    desk = Desk("DE")
    asked = dialled(desk, "*26#")
    assert asked == [SaveRecord(Kind.SETTING, "do_not_disturb", b"")]
    assert desk.handle(OFFER, 0.0) == []
    saved = desk.handle(RecordSaved(Kind.SETTING, "do_not_disturb"), 0.1)
    assert saved == [services.Say(("do_not_disturb_on",))]
    assert desk.handle(OFFER, 0.2) == [events.RefuseCall(1, EndReason.DO_NOT_DISTURB)]
    assert desk.handle(services.Said(), 2.0) == [services.ServiceEnded()]


def test_setting_that_the_card_refuses_is_said_not_to_be_saved() -> None:
    desk = Desk("DE")
    dialled(desk, "*26#")
    failed = SaveFailed(Kind.SETTING, "do_not_disturb", SaveFailure.FULL)
    assert desk.handle(failed, 0.1) == [services.Say(("not_saved",))]
    assert desk.handle(OFFER, 0.2) == []


def test_card_that_never_answers_has_not_saved() -> None:
    desk = Desk("DE")
    dialled(desk, "*26#")
    assert desk.deadline_s() == SAVE_S_MAX
    assert desk.on_time(SAVE_S_MAX) == [services.Say(("not_saved",))]


def test_setting_outlives_a_restart() -> None:
    desk = Desk("DE")
    desk.handle(RecordsLoaded((Record(Kind.SETTING, "do_not_disturb", b""),)), 0.0)
    assert desk.handle(OFFER, 0.0) == [events.RefuseCall(1, EndReason.DO_NOT_DISTURB)]
    assert dialled(desk, "*#26#") == [services.Say(("do_not_disturb_on",))]


def test_key_ends_what_is_said_and_is_the_first_of_the_next_number() -> None:
    desk = Desk("DE")
    dialled(desk, "*#26#")
    ended = desk.handle(events.KeyPressed("4"), 0.5)
    assert ended == [services.Hush(), services.ServiceEnded("4")]
    assert desk.handle(events.KeyPressed("7"), 0.6) == []


def test_replaced_handset_ends_a_service() -> None:
    desk = Desk("DE")
    dialled(desk, "*#26#")
    desk.handle(events.CallChanged(CallView(CallState.IDLE)), 0.5)
    assert desk.handle(services.Said(), 0.6) == []


def test_code_of_a_service_that_is_not_there_is_said_to_be_impossible() -> None:
    assert dialled(Desk("DE"), "*7") == [services.Say(("not_possible",))]


def test_forwarding_diverts_everybody_but_the_one_forwarded_to() -> None:
    desk = Desk("DE")
    set_up(desk, f"*21*{BERT}#")
    assert desk.handle(OFFER, 0.0) == [events.DivertCall(1, BERT)]
    set_up(desk, "#21#")
    assert desk.handle(OFFER, 0.0) == []
    set_up(desk, f"*21*{ANNA}#")
    assert desk.handle(OFFER, 0.0) == []


def test_status_names_the_number_and_the_seconds() -> None:
    desk = Desk("DE")
    set_up(desk, f"*61*{BERT}*15#")
    words = ("forward_no_answer_on", f"={BERT}", "after", "15", "seconds")
    assert dialled(desk, "*#61#") == [services.Say(words)]


def test_call_that_nobody_answers_is_diverted_after_so_many_seconds() -> None:
    desk = Desk("DE")
    set_up(desk, f"*61*{BERT}*15#")
    desk.handle(events.CallChanged(CallView(CallState.RINGING, call=7)), 100.0)
    assert desk.deadline_s() == 115.0
    assert desk.on_time(114.9) == []
    assert desk.on_time(115.0) == [events.DivertCall(7, BERT)]
    assert desk.on_time(120.0) == []


def test_call_that_is_answered_is_not_diverted() -> None:
    desk = Desk("DE")
    set_up(desk, f"*61*{BERT}#")
    desk.handle(events.CallChanged(CallView(CallState.RINGING, call=7)), 100.0)
    desk.handle(events.CallChanged(CallView(CallState.CONNECTED, call=7)), 105.0)
    assert desk.deadline_s() is None


def test_redial_keeps_the_prefix_and_is_told_to_the_card() -> None:
    desk = Desk("DE")
    assert dialled(desk, "##") == [services.Say(("nothing_dialled",))]
    desk.handle(services.Said(), 1.0)
    view = CallView(CallState.CALLING, digits=f"*67{BERT}")
    saved = desk.handle(events.CallChanged(view), 2.0)
    assert saved == [SaveRecord(Kind.SETTING, "redial", f"*67{BERT}".encode())]
    assert dialled(desk, "##") == [services.DialNumber(f"*67{BERT}")]


def test_call_return_calls_who_called_last() -> None:
    desk = Desk("US")
    assert dialled(desk, "*69") == [services.Say(("nobody_called",))]
    desk.handle(events.CallEnded(ANNA, True, EndReason.MISSED, 0.0), 2.0)
    assert dialled(desk, "*69") == [services.DialNumber(ANNA)]


def test_in_britain_the_last_caller_is_said_and_three_calls_back() -> None:
    desk = Desk("GB")
    desk.handle(events.CallEnded(ANNA, True, EndReason.MISSED, 0.0), 2.0)
    said = dialled(desk, "1471")
    assert said == [services.Say(("last_caller", f"={ANNA}", "press_three"))]
    called = desk.handle(events.KeyPressed("3"), 3.0)
    assert called == [services.Hush(), services.DialNumber(ANNA)]


def test_speed_dial_is_set_used_asked_and_cleared() -> None:
    desk = Desk("DE")
    assert dialled(desk, "5#") == [services.Say(("speed_dial_off",))]
    set_up(desk, f"*51*5*{BERT}#")
    assert dialled(desk, "5#") == [services.DialNumber(BERT)]
    assert dialled(desk, "05#") == [services.DialNumber(BERT)]
    words = ("speed_dial_on", "5", f"={BERT}")
    assert dialled(desk, "*#51*5#") == [services.Say(words)]
    set_up(desk, "#51*5#")
    assert dialled(desk, "5#") == [services.Say(("speed_dial_off",))]


def test_quiet_hours_are_set_in_the_book_and_said_when_it_has_kept_them() -> None:
    desk = Desk("DE")
    wanted = RingRules(quiet_from_minute=22 * 60, quiet_to_minute=7 * 60 + 30)
    assert dialled(desk, "*84*2200*0730#") == [SetRingRules(wanted)]
    kept = desk.handle(RingRulesChanged(wanted, 0), 0.1)
    assert kept == [services.Say(("quiet_hours_on", "22:00", "to", "07:30"))]
    desk.handle(services.Said(), 3.0)
    assert dialled(desk, "*#84#") == kept
    desk.handle(services.Said(), 6.0)
    assert dialled(desk, "#84#") == [SetRingRules(RingRules())]
    refused = desk.handle(BookRefused("full"), 6.1)
    assert refused == [services.Say(("not_saved",))]


def test_speed_dial_of_the_phone_book_is_dialled_too() -> None:
    desk = Desk("DE")
    desk.handle(BookChanged((Contact(BERT, "Bert", speed_dial="7"),)), 0.0)
    assert dialled(desk, "7#") == [services.DialNumber(BERT)]
    desk.handle(BookChanged((), (BERT,)), 0.0)
    assert dialled(desk, "7#") == [services.Say(("speed_dial_off",))]


def test_anonymous_strangers_are_refused_and_contacts_are_not() -> None:
    desk = Desk("DE")
    set_up(desk, "*99#")
    refusal = events.RefuseCall(1, EndReason.ANONYMOUS_REFUSED)
    for is_contact, refused in ((False, [refusal]), (True, [])):
        offer = events.CallOffered(
            1, ANNA, "", is_contact=is_contact, is_anonymous=True, is_waiting=False
        )
        assert desk.handle(offer, 0.0) == refused
    assert desk.handle(OFFER, 0.0) == []


def test_without_call_waiting_a_second_caller_finds_the_line_busy() -> None:
    desk = Desk("DE")
    second = events.CallOffered(1, ANNA, "", is_contact=True, is_anonymous=False, is_waiting=True)
    assert desk.handle(second, 0.0) == []
    set_up(desk, "#43#")
    assert desk.handle(second, 0.0) == [events.RefuseCall(1, EndReason.BUSY)]
    set_up(desk, "*43#")
    assert desk.handle(second, 0.0) == []


def test_when_busy_the_second_caller_is_diverted() -> None:
    desk = Desk("DE")
    set_up(desk, f"*67*{BERT}#")
    second = events.CallOffered(1, ANNA, "", is_contact=True, is_anonymous=False, is_waiting=True)
    assert desk.handle(second, 0.0) == [events.DivertCall(1, BERT)]
    assert desk.handle(OFFER, 0.0) == []


def test_withholding_is_told_to_the_calls_also_after_a_restart() -> None:
    desk = Desk("DE")
    dialled(desk, "*83#")
    told = desk.handle(RecordSaved(Kind.SETTING, "withhold"), 0.1)
    assert services.WithholdChanged(is_on=True) in told
    fresh = Desk("DE")
    loaded = fresh.handle(RecordsLoaded((Record(Kind.SETTING, "withhold", b""),)), 0.0)
    assert services.WithholdChanged(is_on=True) in loaded


def test_every_service_of_the_table_has_a_name_of_its_own() -> None:
    assert len({make.__qualname__ for make in FEATURES}) == len(FEATURES)
