from __future__ import annotations

import json

from firmware import events
from firmware.codec.recording import duration_s, encode
from firmware.codes import Action, Order, Service
from firmware.events.services import (
    AnswerByBox,
    BoxHeard,
    BoxTurn,
    FetchSounds,
    HangUpByBox,
    Hush,
    Said,
    Say,
    ServiceEnded,
    SoundsFetched,
    Spoken,
    WaitingChanged,
)
from firmware.events.store import (
    Kind,
    ReadRecord,
    Record,
    RecordRead,
    RecordSaved,
    RecordsLoaded,
    SaveRecord,
)
from firmware.features.greeting import GREETING_S_MAX, Greeting
from firmware.features.machine import ANSWER_S, MESSAGE_S_MAX, MESSAGES_MAX, Machine
from firmware.features.messages import SILENT_S, Messages
from firmware.model import CallState, CallView, silence
from tests.call.link import person
from tests.world import sine

ANNA = person("Anna").number
BY_BOX = CallView(CallState.CONNECTED, peer_number=ANNA, is_by_box=True, call=7)
GREETING = encode([silence()] * 5)


def message(key: str, *, is_new: bool) -> Record:
    about = {"number": ANNA, "utc_s": 1_800_000_000, "is_new": is_new}
    return Record(Kind.MESSAGE, key, json.dumps(about).encode())


def answering() -> Machine:
    machine = Machine()
    machine.load("machine", b"")
    machine.handle(events.WallClockRead(1_800_000_000.0), 0.0)
    return machine


def run(machine: Machine, until_s: float) -> list[events.Message]:
    """Turns, each answered by what the line says."""
    said: list[events.Message] = []
    while (due_s := machine.deadline_s()) is not None and due_s <= until_s:
        for one in machine.on_time(due_s):
            if isinstance(one, BoxTurn):
                machine.handle(BoxHeard(sine(700.0, 0)), due_s)
            elif isinstance(one, FetchSounds):
                said.append(one)
                machine.handle(SoundsFetched((GREETING,)), due_s)
            else:
                said.append(one)
                machine.handle(events.CallChanged(CallView(call=7)), due_s)
    return said


def test_machine_that_is_off_never_answers() -> None:
    machine = Machine()
    machine.handle(events.CallChanged(CallView(CallState.RINGING, call=7)), 0.0)
    assert machine.deadline_s() is None


def test_machine_answers_after_its_time_and_not_if_somebody_was_faster() -> None:
    machine = answering()
    machine.handle(events.CallChanged(CallView(CallState.RINGING, call=7)), 1.0)
    assert machine.on_time(1.0 + ANSWER_S) == [AnswerByBox(7)]
    machine.handle(events.CallChanged(CallView(CallState.RINGING, call=8)), 50.0)
    machine.handle(events.CallChanged(CallView(CallState.CONNECTED, call=8)), 55.0)
    assert machine.deadline_s() is None


def test_message_is_recorded_after_the_greeting_and_saved_sound_first() -> None:
    machine = answering()
    asked = machine.handle(events.CallChanged(BY_BOX), 10.0)
    assert asked == [ReadRecord(Kind.SOUND, "greeting")]
    asked = machine.handle(RecordRead(Kind.SOUND, "greeting", None), 10.0)
    assert asked == [FetchSounds(("greeting_default", "beep"))]
    machine.handle(SoundsFetched((GREETING,)), 10.0)
    assert run(machine, 15.0) == []
    sound, about = machine.handle(events.CallChanged(CallView(call=7)), 15.0)
    assert isinstance(sound, SaveRecord)
    assert isinstance(about, SaveRecord)
    assert (sound.kind, about.kind, sound.key == about.key) == (Kind.SOUND, Kind.MESSAGE, True)
    assert sound.data is not None
    assert 4.7 < duration_s(sound.data) < 5.0
    assert machine.deadline_s() is None


def test_message_that_is_too_short_is_none() -> None:
    machine = answering()
    machine.handle(events.CallChanged(BY_BOX), 10.0)
    machine.handle(SoundsFetched((GREETING,)), 10.0)
    run(machine, 10.5)
    assert machine.handle(events.CallChanged(CallView(call=7)), 10.5) == []


def test_message_that_is_too_long_is_ended_by_the_box() -> None:
    machine = answering()
    machine.handle(events.CallChanged(BY_BOX), 0.0)
    machine.handle(SoundsFetched((GREETING,)), 0.0)
    said = run(machine, MESSAGE_S_MAX + 5.0)
    assert said == [FetchSounds(("message_time_over",)), HangUpByBox(7)]


def test_machine_that_is_full_says_so_and_hangs_up() -> None:
    machine = answering()
    records = tuple(message(str(i), is_new=False) for i in range(MESSAGES_MAX))
    machine.handle(RecordsLoaded(records), 0.0)
    asked = machine.handle(events.CallChanged(BY_BOX), 0.0)
    assert asked == [FetchSounds(("machine_full",))]
    machine.handle(SoundsFetched((GREETING,)), 0.0)
    assert run(machine, 5.0) == [HangUpByBox(7)]


def test_new_messages_come_first_and_silence_ends_the_listening() -> None:
    messages = Messages()
    records = (message("1", is_new=False), message("2", is_new=True))
    messages.handle(RecordsLoaded(records), 0.0)
    answer = messages.order(Order(Service.MESSAGES, Action.USE), 0.0)
    assert answer.words == ("2", "messages_many")
    asked = messages.handle(Said(), 1.0)
    assert [getattr(one, "key", "") for one in asked] == ["2"]
    played = messages.handle(RecordRead(Kind.SOUND, "2", GREETING), 1.1)
    assert played == [Say(("message_from", f"={ANNA}", "at", "08:00"), GREETING)]
    heard = messages.handle(Said(), 5.0)
    assert isinstance(heard[0], SaveRecord)
    assert heard[-1] == Say(("message_menu",))
    assert messages.on_time(5.0 + SILENT_S) == [ServiceEnded()]


def test_message_deleted_at_the_page_is_not_played_on() -> None:
    messages = Messages()
    messages.handle(RecordsLoaded((message("1", is_new=True), message("2", is_new=True))), 0.0)
    messages.order(Order(Service.MESSAGES, Action.USE), 0.0)
    messages.handle(Said(), 1.0)
    messages.handle(RecordRead(Kind.SOUND, "1", GREETING), 1.1)
    told = messages.handle(SaveRecord(Kind.MESSAGE, "1", None), 2.0)
    assert told[1:] == [Hush(), ReadRecord(Kind.SOUND, "2")]
    told = messages.handle(SaveRecord(Kind.MESSAGE, "2", None), 3.0)
    assert told == [WaitingChanged(False, is_spoken=True), Hush(), Say(("messages_end",))]


def test_message_that_the_card_has_not_kept_is_not_there() -> None:
    messages = Messages()
    record = message("1", is_new=True)
    messages.handle(SaveRecord(Kind.MESSAGE, "1", record.data), 0.0)
    order = Order(Service.MESSAGES, Action.USE)
    assert messages.order(order, 0.0).words == ("messages_none",)
    messages.handle(RecordSaved(Kind.MESSAGE, "1"), 0.1)
    assert messages.order(order, 0.2).words == ("messages_one",)


def test_owner_s_greeting_is_said_if_there_is_one() -> None:
    machine = answering()
    machine.handle(events.CallChanged(BY_BOX), 0.0)
    asked = machine.handle(RecordRead(Kind.SOUND, "greeting", GREETING), 0.0)
    assert asked == [FetchSounds(("beep",))]
    assert run(machine, 1.0) == []
    assert machine.handle(events.CallChanged(CallView(call=7)), 1.0) == []  # nothing was recorded


def test_greeting_is_recorded_after_the_tone_and_said_when_it_is_kept() -> None:
    greeting = Greeting()
    answer = greeting.order(Order(Service.GREETING, Action.USE), 0.0)
    assert answer.words[-1] == "beep"
    assert not greeting.listens
    greeting.handle(Said(), 3.0)
    assert greeting.listens
    for _ in range(100):
        assert greeting.handle(Spoken(sine(700.0, 0)), 4.0) == []
    (saved,) = greeting.handle(events.KeyPressed("#"), 5.0)
    assert isinstance(saved, SaveRecord)
    assert saved.data is not None
    assert duration_s(saved.data) == 2.0
    kept = greeting.handle(RecordSaved(Kind.SOUND, "greeting"), 5.1)
    assert kept == [Say(("greeting_saved",), saved.data)]
    assert greeting.handle(Said(), 9.0) == [ServiceEnded()]


def test_greeting_ends_by_itself_and_a_short_one_takes_the_old_one_away() -> None:
    for frames, is_kept in ((round(GREETING_S_MAX / 0.02), True), (10, False)):
        greeting = Greeting()
        greeting.order(Order(Service.GREETING, Action.USE), 0.0)
        greeting.handle(Said(), 3.0)
        said = [one for _ in range(frames) for one in greeting.handle(Spoken(silence()), 4.0)]
        saved = (said or greeting.handle(events.KeyPressed("1"), 5.0))[0]
        assert isinstance(saved, SaveRecord)
        assert (saved.data is not None) is is_kept
