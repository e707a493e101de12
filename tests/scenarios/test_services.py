"""Services told as stories: codes, prompts and settings, in the deterministic world."""

from __future__ import annotations

import numpy as np

from firmware.codec.recording import Player
from firmware.events import WallClockRead
from firmware.events.store import Kind
from firmware.model import CallState, EndReason
from firmware.ui.prompts import sound_of, texts_of
from tests.scenarios.test_calls import two_phones
from tests.world import UTC_AT_START_S, PhoneActor, World, heard_since, loudest_hz

PIECE_SAMPLES = 3200  # 0.2 s
LOUD_RMS = 500.0  # of a piece that says something


def says(world: World, who: PhoneActor, since_s: float, prompt: str, language: str = "de") -> bool:
    """Whether the ear has heard this prompt since then: most of its pieces, sample by sample.

    In pieces, because a line stretches what comes through it here and there.
    """
    player = Player()
    player.add([sound_of(language, prompt)])
    spoken = []
    while (frame := player.frame()) is not None:
        spoken.append(frame)
    pattern = np.concatenate(spoken).astype(np.float64)
    sound = np.concatenate(heard_since(who, since_s)).astype(np.float64)
    if len(sound) < len(pattern):
        return False
    size = 1 << (len(sound) + PIECE_SAMPLES).bit_length()
    heard = np.fft.rfft(sound, size)
    found = []
    for start in range(0, len(pattern), PIECE_SAMPLES):
        piece = pattern[start : start + PIECE_SAMPLES]
        energy = np.sum(np.square(piece))
        if energy > len(piece) * LOUD_RMS**2:
            likeness = np.fft.irfft(heard * np.conj(np.fft.rfft(piece, size)), size)
            found.append(likeness[: len(sound)].max() / energy > 0.8)
    return len(found) > 0 and sum(found) >= 0.7 * len(found)


def test_emergency_number_is_answered_by_a_spoken_warning_at_once() -> None:
    world, anna, _ = two_phones()
    world.lift(anna)
    world.dial(anna, "112", pause_s=0.0)
    dialled_s = world.now_s
    assert anna.view.reason is EndReason.EMERGENCY
    assert "Use a mobile." in anna.phone.status().picture.lines
    world.run(0.3)
    first = np.concatenate(heard_since(anna, dialled_s))
    assert np.abs(first).max() > 3000
    world.run(6.0)
    assert says(world, anna, dialled_s, "emergency")
    world.replace(anna)
    assert anna.view.state is CallState.IDLE
    world.lift(anna)
    lifted_s = world.now_s
    world.run(6.0)
    assert not says(world, anna, lifted_s, "emergency")
    assert "Notruf" in texts_of("de")["emergency"]


def order(world: World, who: PhoneActor, code: str, prompt: str) -> None:
    """Lift, dial a code, hear what it says, put the handset down."""
    world.lift(who)
    world.dial(who, code)
    dialled_s = world.now_s
    assert who.view.state is CallState.CONNECTED, world.story(f"{code} is no code")
    world.run(0.5)
    assert texts_of("de")[prompt].split()[0] in " ".join(who.phone.status().picture.lines)
    world.wait(who, CallState.OFF_HOOK)
    assert says(world, who, dialled_s - 0.2, prompt), world.story(f"{prompt} was not heard")
    world.replace(who)


def test_phone_with_do_not_disturb_does_not_ring_and_says_so() -> None:
    world, anna, bert = two_phones()
    order(world, bert, "*26#", "do_not_disturb_on")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.DO_NOT_DISTURB
    assert not bert.rings
    world.replace(anna)
    order(world, bert, "#26#", "do_not_disturb_off")
    world.connect(anna, bert)


def test_forwarded_call_rings_at_the_other_phone_and_the_caller_reads_whose() -> None:
    world, anna, bert = two_phones()
    clara = world.add_phone("Clara")
    world.settle()
    order(world, bert, f"*21*{clara.number}#", "forward_always_on")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.RINGBACK)
    assert clara.rings
    assert not bert.rings
    assert anna.view.peer_number == clara.number
    world.lift(clara)
    world.wait(anna, CallState.CONNECTED)


def test_phones_that_forward_to_each_other_end_in_a_tone() -> None:
    world, anna, bert = two_phones()
    clara = world.add_phone("Clara")
    world.settle()
    order(world, bert, f"*21*{clara.number}#", "forward_always_on")
    order(world, clara, f"*21*{bert.number}#", "forward_always_on")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED, timeout_s=60.0)
    assert not bert.rings
    assert not clara.rings


def test_call_is_forwarded_while_the_callee_is_only_dialling() -> None:
    world, anna, bert = two_phones()
    clara = world.add_phone("Clara")
    world.settle()
    order(world, bert, f"*67*{clara.number}#", "forward_busy_on")
    world.run(1.0)
    world.lift(bert)
    world.dial(bert, "2345")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.RINGBACK)
    assert clara.rings and anna.view.peer_number == clara.number
    assert bert.view.state is CallState.DIALLING


def test_unanswered_call_is_forwarded_after_so_many_seconds() -> None:
    world, anna, bert = two_phones()
    clara = world.add_phone("Clara")
    world.settle()
    order(world, bert, f"*61*{clara.number}*10#", "forward_no_answer_on")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.RINGBACK)
    assert bert.rings
    world.run(12.0)
    assert not bert.rings
    assert clara.rings
    assert anna.view.peer_number == clara.number


def test_busy_line_is_forwarded_whether_or_not_somebody_may_wait() -> None:
    world, anna, bert = two_phones()
    clara, dora = world.add_phone("Clara"), world.add_phone("Dora")
    world.settle()
    order(world, bert, "#43#", "call_waiting_off")
    order(world, bert, f"*67*{dora.number}#", "forward_busy_on")
    world.connect(anna, bert)
    world.lift(clara)
    world.dial(clara, bert.number)
    world.wait(clara, CallState.RINGBACK)
    assert dora.rings
    assert clara.view.peer_number == dora.number


def test_wake_up_call_rings_once_at_its_time_and_who_lifts_hears_which() -> None:
    world, anna, _ = two_phones()
    order_wake_up(world, anna, in_s=300.0)
    world.run(230.0)
    assert not anna.rings
    world.run(70.0)
    assert anna.rings, world.story("nobody was woken")
    assert anna.view.state is CallState.IDLE
    assert anna.phone.status().picture.lines[0].startswith("Wake-up call")
    assert anna.kept.data(Kind.SETTING, "wake_up") is None
    lifted_s = world.now_s
    world.lift(anna)
    assert not anna.rings
    world.run(8.0)
    assert says(world, anna, lifted_s, "wake_up_on")
    assert abs(loudest_hz(heard_since(anna, world.now_s - 0.5)) - 425) < 5
    world.replace(anna)
    assert not anna.phone.status().picture.lines[0].startswith("Wake-up call")
    world.run(90_000.0)
    assert not anna.rings


def test_wake_up_call_waits_for_the_end_of_a_call_and_gives_up_after_a_minute() -> None:
    world, anna, bert = two_phones()
    order_wake_up(world, anna, in_s=120.0)
    world.connect(bert, anna)
    world.run(150.0)
    assert not anna.rings
    world.replace(anna)
    world.replace(bert)
    world.run(0.1)
    assert anna.rings
    world.run(61.0)
    assert not anna.rings
    world.connect(bert, anna)


def order_wake_up(world: World, who: PhoneActor, in_s: float) -> None:
    """Dial a wake-up call for the full minute that begins about then."""
    minute = round((UTC_AT_START_S + world.now_s + in_s) // 60) % 1440
    order(world, who, f"*55*{minute // 60:02d}{minute % 60:02d}#", "wake_up_on")


def test_last_number_speed_dial_and_call_return_need_few_keys() -> None:
    world, anna, bert = two_phones()
    order(world, anna, f"*51*5*{bert.number}#", "speed_dial_on")
    for caller, keys, callee in ((anna, "5#", bert), (anna, "##", bert), (bert, "*69", anna)):
        world.lift(caller)
        world.dial(caller, keys)
        world.wait(caller, CallState.RINGBACK)
        assert caller.view.peer_number == callee.number
        world.replace(caller)
        world.run(1.0)
        assert not callee.rings


def test_with_withholding_on_every_call_is_relayed_only() -> None:
    world, anna, bert = two_phones()
    order(world, anna, "*83#", "withhold_on")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.run(5.0)
    assert anna.view.state is CallState.CALLING or anna.view.state is CallState.FAILED
    assert not bert.rings  # there is no exchange that could relay


def test_square_key_at_the_dial_tone_opens_the_menu_after_a_pause() -> None:
    world, anna, _ = two_phones()
    world.lift(anna)
    world.dial(anna, "#")
    assert anna.view.state is CallState.DIALLING
    world.run(2.0)
    assert anna.view.state is not CallState.DIALLING
    assert anna.phone.status().picture.lines[0].startswith("Menu")


def test_any_key_interrupts_what_is_said_and_begins_a_number() -> None:
    world, anna, bert = two_phones()
    world.lift(anna)
    world.dial(anna, "*#26#")
    world.dial(anna, bert.number)
    world.wait(anna, CallState.RINGBACK)
    assert bert.rings


def test_who_was_away_learns_who_called_and_hears_the_dial_tone_stutter() -> None:
    world, anna, bert = two_phones()
    world.connect(anna, bert)
    world.run(1.0)
    world.replace(anna)
    world.replace(bert)
    bert.online = False
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED, timeout_s=60.0)
    assert anna.view.reason is EndReason.UNREACHABLE
    called_utc_s = UTC_AT_START_S + world.now_s
    world.replace(anna)
    world.run(120.0)
    bert.online = True
    before = len(bert.ended)
    world.tell(bert, WallClockRead(UTC_AT_START_S + world.now_s))
    world.run(700.0)
    assert not bert.rings
    missed = bert.ended[before:]
    assert [(one.peer_number, one.reason) for one in missed] == [(anna.number, EndReason.MISSED)]
    assert missed[0].utc_s is not None
    assert abs(missed[0].utc_s - called_utc_s) < 2
    assert anna.kept.all_of(Kind.SLIP) == []
    assert stutters(world, bert)
    assert not stutters(world, bert)  # whoever has lifted has noticed


def stutters(world: World, who: PhoneActor) -> bool:
    """Lift and listen: in Germany 400 Hz beside the dial tone say that something waits."""
    lifted_s = world.now_s
    world.lift(who)
    world.run(1.0)
    world.replace(who)
    sound = np.concatenate(heard_since(who, lifted_s)).astype(np.float64)[1600:14_400]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    at_hz = [spectrum[round(hz * len(sound) / 16_000)] for hz in (400, 425)]
    return bool(at_hz[0] > 0.3 * at_hz[1])


def leave_message(world: World, caller: PhoneActor, callee: PhoneActor, spoken_s: float) -> float:
    """Call, hear the greeting, speak, hang up; when the greeting began."""
    world.lift(caller)
    world.dial(caller, callee.number)
    world.wait(caller, CallState.CONNECTED)
    answered_s = world.now_s
    world.run(7.0 + spoken_s)
    world.replace(caller)
    world.run(2.0)
    return answered_s


def test_answering_machine_greets_records_and_is_listened_to() -> None:
    world, anna, bert = two_phones()
    order(world, bert, "*96*5#", "machine_on")
    answered_s = leave_message(world, anna, bert, 4.0)
    assert says(world, anna, answered_s, "greeting_default")
    assert says(world, anna, answered_s, "beep")
    assert not (bert.earpiece_open or bert.microphone_open or bert.rings)
    assert bert.view.state is CallState.IDLE
    assert bert.ended[-1].reason is EndReason.MISSED
    assert len(bert.kept.all_of(Kind.MESSAGE)) == len(bert.kept.all_of(Kind.SOUND)) == 1
    assert stutters(world, bert)
    assert stutters(world, bert)  # the message is still new
    world.lift(bert)
    world.dial(bert, "*98")
    listening_s = world.now_s
    world.run(20.0)
    assert says(world, bert, listening_s, "message_menu")
    assert any(
        abs(loudest_hz(heard_since(bert, listening_s)[at : at + 50]) - anna.voice_hz) < 15
        for at in range(0, 800, 25)
    )
    world.dial(bert, "3")
    world.wait(bert, CallState.OFF_HOOK)
    assert bert.kept.all_of(Kind.MESSAGE) == bert.kept.all_of(Kind.SOUND) == []
    world.replace(bert)
    assert not stutters(world, bert)


def test_with_do_not_disturb_the_machine_lifts_soon_and_nothing_rings() -> None:
    world, anna, bert = two_phones()
    order(world, bert, "*96#", "machine_on")
    order(world, bert, "*26#", "do_not_disturb_on")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.CONNECTED, timeout_s=5.0)
    assert not bert.rings
    answered_s = world.now_s
    world.run(9.0)
    world.replace(anna)
    world.run(2.0)
    assert says(world, anna, answered_s, "greeting_default")
    assert len(bert.kept.all_of(Kind.MESSAGE)) == 1
    order(world, bert, "#26#", "do_not_disturb_off")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.RINGBACK)
    assert bert.rings


def test_who_lifts_while_the_machine_talks_takes_the_call_over() -> None:
    world, anna, bert = two_phones()
    order(world, bert, "*96*5#", "machine_on")
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.CONNECTED)
    world.run(2.0)
    world.lift(bert)
    assert bert.view.state is CallState.CONNECTED
    assert not bert.view.is_by_box
    world.run(1.0)
    talking_s = world.now_s
    world.run(1.0)
    assert abs(loudest_hz(heard_since(anna, talking_s)) - bert.voice_hz) < 15
    assert abs(loudest_hz(heard_since(bert, talking_s)) - anna.voice_hz) < 15
    world.replace(bert)
    world.wait(anna, CallState.FAILED)
    assert bert.kept.all_of(Kind.MESSAGE) == []


def test_message_is_called_back_with_one_key() -> None:
    world, anna, bert = two_phones()
    order(world, bert, "*96*5#", "machine_on")
    leave_message(world, anna, bert, 2.0)
    world.lift(bert)
    world.dial(bert, "*98")
    world.run(5.0)
    world.dial(bert, "4")
    world.wait(bert, CallState.RINGBACK)
    assert anna.rings


def test_greeting_in_the_owner_s_voice_is_heard_by_who_calls() -> None:
    world, anna, bert = two_phones()
    order(world, bert, "*96*5#", "machine_on")
    world.lift(bert)
    world.dial(bert, "*97")
    world.run(8.0)
    world.dial(bert, "#")
    world.run(8.0)
    world.replace(bert)
    answered_s = leave_message(world, anna, bert, 2.0)
    greeting = heard_since(anna, answered_s)[25:75]
    assert abs(loudest_hz(greeting) - bert.voice_hz) < 15
