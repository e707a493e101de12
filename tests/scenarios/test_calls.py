"""Calls told as stories: who lifts, dials, hears and hangs up, in the deterministic world."""

from __future__ import annotations

import numpy as np
import pytest

from firmware import number
from firmware.model import CallState, Codec, EndReason
from tests.world import Network, PhoneActor, World, heard_since, loudest_hz

DIAL_HZ = 425.0  # Germany; ringback and busy differ by cadence only
SIT_HZ = (950.0, 1400.0, 1800.0)


def two_phones(
    seed: int = 1, network: Network | None = None, *, codecs: tuple[Codec, ...] = tuple(Codec)
) -> tuple[World, PhoneActor, PhoneActor]:
    """Anna and Bert, published in a small network."""
    world = World(seed, network)
    world.add_nodes(4)
    anna = world.add_phone("Anna", codecs=codecs)
    bert = world.add_phone("Bert")
    anna.voice_hz, bert.voice_hz = 700.0, 1000.0
    world.settle()
    return world, anna, bert


def near(hz: float, expected_hz: float) -> bool:
    return abs(hz - expected_hz) < 15


def test_call_from_dial_tone_to_hang_up() -> None:
    world, anna, bert = two_phones()
    world.lift(anna)
    world.run(1.0)
    assert near(loudest_hz([frame for _, frame in anna.heard]), DIAL_HZ)
    world.dial(anna, bert.number)
    dialled_s = world.now_s
    world.wait(anna, CallState.RINGBACK)
    assert bert.rings
    assert bert.view.peer_number == anna.number
    assert bert.view.peer_name == "Anna"
    world.run(0.5)
    assert near(loudest_hz(heard_since(anna, dialled_s)), DIAL_HZ)
    world.lift(bert)
    world.wait(anna, CallState.CONNECTED)
    assert not bert.rings
    world.run(1.0)
    talking_s = world.now_s
    world.run(2.0)
    assert near(loudest_hz(heard_since(anna, talking_s)), bert.voice_hz)
    assert near(loudest_hz(heard_since(bert, talking_s)), anna.voice_hz)
    assert anna.view.authentication_digits == bert.view.authentication_digits
    assert len(anna.view.authentication_digits) == 4
    assert anna.view.codec is Codec.OPUS
    world.replace(anna)
    world.wait(bert, CallState.FAILED)
    assert bert.view.reason is EndReason.HUNG_UP_BY_PEER
    assert anna.view.state is CallState.IDLE
    world.replace(bert)
    assert bert.view.state is CallState.IDLE
    assert not (anna.earpiece_open or anna.microphone_open or bert.microphone_open)


@pytest.mark.parametrize("codec", list(Codec))
def test_each_codec_carries_both_voices(codec: Codec) -> None:
    world, anna, bert = two_phones(codecs=(codec,))
    world.connect(anna, bert)
    world.run(1.0)
    talking_s = world.now_s
    world.run(1.0)
    assert anna.view.codec is codec
    assert near(loudest_hz(heard_since(anna, talking_s)), bert.voice_hz)
    assert near(loudest_hz(heard_since(bert, talking_s)), anna.voice_hz)


def test_callee_that_hangs_up_gives_the_caller_the_busy_tone() -> None:
    world, anna, bert = two_phones()
    world.connect(anna, bert)
    world.replace(bert)
    world.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.HUNG_UP_BY_PEER
    ended_s = world.now_s
    world.run(2.0)
    assert near(loudest_hz(heard_since(anna, ended_s)), DIAL_HZ)


def test_microphone_is_open_only_while_the_call_is_up() -> None:
    world, anna, bert = two_phones()
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.RINGBACK)
    assert not anna.microphone_open
    assert not bert.microphone_open
    world.lift(bert)
    world.wait(anna, CallState.CONNECTED)
    assert anna.microphone_open
    world.replace(anna)
    assert not anna.microphone_open


def test_third_caller_finds_the_line_busy_if_nobody_may_wait() -> None:
    world, anna, bert = two_phones()
    clara = world.add_phone("Clara")
    world.settle()
    world.lift(bert)
    world.dial(bert, "#43#")
    world.wait(bert, CallState.OFF_HOOK)
    world.replace(bert)
    world.connect(anna, bert)
    world.lift(clara)
    world.dial(clara, bert.number)
    world.wait(clara, CallState.BUSY)
    assert anna.view.state is bert.view.state is CallState.CONNECTED


def test_phone_that_is_off_hook_is_busy() -> None:
    world, anna, bert = two_phones()
    world.lift(bert)
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.BUSY)
    assert not bert.rings


def test_own_number_is_busy() -> None:
    world, anna, _ = two_phones()
    world.lift(anna)
    world.dial(anna, anna.number)
    world.wait(anna, CallState.BUSY)


def test_nobody_answers_and_both_phones_end_it() -> None:
    world, anna, bert = two_phones()
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED, timeout_s=75.0)
    assert anna.view.reason is EndReason.NO_ANSWER
    world.run(1.0)
    assert not bert.rings
    assert bert.view.state is CallState.IDLE
    assert [end.reason for end in bert.ended] == [EndReason.MISSED]


def test_caller_gives_up_and_the_bell_stops() -> None:
    world, anna, bert = two_phones()
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.RINGBACK)
    world.replace(anna)
    world.run(1.0)
    assert not bert.rings
    assert [end.reason for end in bert.ended] == [EndReason.MISSED]


def test_wrong_check_digit_gives_sit_and_sends_nothing() -> None:
    world, anna, bert = two_phones()
    wrong = bert.number[:-1] + str((int(bert.number[-1]) + 1) % 10)
    world.lift(anna)
    world.dial(anna, wrong[:-1])
    sent = len([line for line in world.log if " Anna " in line and "SendDatagram" in line])
    world.dial(anna, wrong[-1], pause_s=0.0)
    assert anna.view.state is CallState.FAILED
    assert anna.view.reason is EndReason.WRONG_NUMBER
    assert len([line for line in world.log if " Anna " in line and "SendDatagram" in line]) == sent
    failed_s = world.now_s
    world.run(1.1)
    assert near(loudest_hz(heard_since(anna, failed_s)[10:]), SIT_HZ[1]) or any(
        near(loudest_hz(heard_since(anna, failed_s)[10:]), hz) for hz in SIT_HZ
    )


def test_number_that_nobody_holds_is_unreachable() -> None:
    world, anna, _ = two_phones()
    digits = "23456789012"
    world.lift(anna)
    world.dial(anna, digits + number.check_digit(digits))
    world.wait(anna, CallState.FAILED, timeout_s=15.0)
    assert anna.view.reason is EndReason.UNREACHABLE


def test_phone_without_a_network_says_that_it_is_the_one() -> None:
    world = World(1)
    anna, bert = world.add_phone("Anna"), world.add_phone("Bert")
    world.lift(anna)
    bert.online = False
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED, timeout_s=15.0)
    assert anna.view.reason is EndReason.OFFLINE


def test_phone_that_went_away_is_unreachable() -> None:
    world, anna, bert = two_phones()
    bert.online = False
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED, timeout_s=20.0)
    assert anna.view.reason is EndReason.UNREACHABLE


def test_peer_that_vanishes_in_mid_call_ends_it() -> None:
    world, anna, bert = two_phones()
    world.connect(anna, bert)
    world.run(2.0)
    bert.online = False
    world.wait(anna, CallState.FAILED, timeout_s=15.0)
    assert anna.view.reason is EndReason.CONNECTION_LOST


@pytest.mark.parametrize("hang_up", ["caller", "callee"])
@pytest.mark.parametrize(
    "state",
    [
        CallState.OFF_HOOK,
        CallState.DIALLING,
        CallState.CALLING,
        CallState.RINGBACK,
        CallState.CONNECTED,
    ],
)
def test_replacing_the_handset_in_each_state_ends_in_idle(state: CallState, hang_up: str) -> None:
    world, anna, bert = two_phones()
    world.lift(anna)
    if state is CallState.DIALLING:
        world.dial(anna, bert.number[:5])
    elif state is CallState.CALLING:
        world.dial(anna, bert.number, pause_s=0.0)
    elif state in (CallState.RINGBACK, CallState.CONNECTED):
        world.dial(anna, bert.number)
        world.wait(anna, CallState.RINGBACK)
        if state is CallState.CONNECTED:
            world.lift(bert)
            world.wait(anna, CallState.CONNECTED)
    assert anna.view.state is state
    who = anna if hang_up == "caller" else bert
    world.replace(who)
    assert who.view.state in (CallState.IDLE, CallState.RINGING)  # a bell goes on ringing
    world.run(80.0)
    world.replace(anna)
    world.replace(bert)
    world.run(5.0)
    assert anna.view.state is bert.view.state is CallState.IDLE
    assert not anna.rings
    assert not bert.rings
    assert not anna.microphone_open
    assert not bert.microphone_open


@pytest.mark.parametrize("seed", range(20))
def test_signalling_survives_thirty_percent_loss(seed: int) -> None:
    world, anna, bert = two_phones(seed)
    world.network = Network(loss=0.3)
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.RINGBACK)
    world.lift(bert)
    world.wait(anna, CallState.CONNECTED)
    world.run(1.0)
    world.replace(bert)
    world.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.HUNG_UP_BY_PEER, world.story("the BYE was lost")


def test_changed_key_behind_a_pinned_number_never_rings_through() -> None:
    world, anna, bert = two_phones()
    world.connect(anna, bert)
    world.replace(anna)
    world.replace(bert)
    anna.phone.call.pins[bert.number] = bytes(32)
    world.run(1.0)
    world.lift(anna)
    world.dial(anna, bert.number)
    world.wait(anna, CallState.FAILED)
    assert anna.view.reason is EndReason.NUMBER_CHANGED
    world.replace(anna)
    world.run(1.0)
    world.lift(bert)
    world.dial(bert, anna.number)
    world.wait(bert, CallState.FAILED)
    assert not anna.rings


def test_new_box_searches_its_number_and_can_then_be_called() -> None:
    world, anna, _ = two_phones()
    dora = world.add_phone("Dora", claimed=False)
    world.run(60.0)
    assert number.is_valid(dora.number), world.story("no number was found")
    assert "identity.json" in dora.stored
    world.settle()
    world.connect(anna, dora)


def test_box_without_a_number_yet_says_so() -> None:
    world, anna, _ = two_phones()
    dora = world.add_phone("Dora", claimed=False)
    world.lift(dora)
    world.dial(dora, anna.number, pause_s=0.0)
    assert dora.view.state is CallState.FAILED
    assert dora.view.reason is EndReason.NOT_READY


def test_same_seed_gives_the_same_log_byte_for_byte() -> None:
    logs = []
    for _ in range(2):
        world, anna, bert = two_phones(seed=5, network=Network(loss=0.05))
        world.connect(anna, bert)
        world.run(1.0)
        world.replace(anna)
        world.run(1.0)
        sound = np.concatenate([frame for _, frame in bert.heard]).tobytes()
        logs.append(("\n".join(world.log).encode(), sound))
    assert logs[0] == logs[1]


def test_another_seed_gives_another_log() -> None:
    first, second = (two_phones(seed)[0].log for seed in (1, 2))
    assert first != second


def test_swarm_is_computed_while_the_last_digit_is_dialled() -> None:
    world, anna, bert = two_phones()
    world.lift(anna)
    world.dial(anna, bert.number[:-1], pause_s=0.0)
    before = world.log[-1]
    assert "ComputeArgon2" in before
    assert "SendDatagram" not in before
    world.run(1.0)
    dialled_s = world.now_s
    world.dial(anna, bert.number[-1], pause_s=0.0)
    world.wait(anna, CallState.RINGBACK)
    hashes = [
        line
        for line in world.log
        if "ComputeArgon2" in line and float(line.split()[0]) >= dialled_s
    ]
    assert len(hashes) == 2, hashes  # the callee's number by the caller, the caller's by the callee
