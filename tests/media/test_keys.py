"""Keys in a call: pressed at one end, heard once at the other, with speech around them."""

from __future__ import annotations

import random

import pytest

from firmware.events import DatagramReceived, KeyHeard, KeyPressed, MediaReported, SendDatagram
from firmware.media.session import MediaSession
from firmware.media.telephone_event import END_SENT, EVENT_FRAMES
from firmware.model import FRAME_S, Codec
from tests.media.line import ANNA, started_pair
from tests.world import sine

CODECS = (Codec.OPUS, Codec.PCMA)
EVENT_PACKETS = EVENT_FRAMES + END_SENT - 1


def call(
    codec: Codec, presses: dict[int, str], frames: int, *, loss: float = 0.0, seed: int = 1
) -> tuple[str, MediaSession, list[MediaReported]]:
    """Anna talks, and presses keys at the given frames; what Bert heard of them."""
    dice = random.Random(seed)
    anna, bert = started_pair(codec)
    keys, reports = "", list[MediaReported]()
    for number in range(frames):
        now_s = number * FRAME_S
        for key in presses.get(number, ""):
            anna.handle(KeyPressed(key), now_s)
        for message in anna.capture(sine(500, number * 320), now_s):
            assert isinstance(message, SendDatagram)
            if dice.random() >= loss:
                told = bert.handle(DatagramReceived(message.data, ANNA), now_s)
                keys += "".join(fact.key for fact in told if isinstance(fact, KeyHeard))
        bert.playout(now_s + 0.010)
        reports += [one for one in bert.on_time(now_s) if isinstance(one, MediaReported)]
    return keys, bert, reports


@pytest.mark.parametrize("codec", CODECS)
def test_keys_pressed_in_a_call_are_heard_once_and_in_order(codec: Codec) -> None:
    keys, _, _ = call(codec, {20: "1", 40: "9#", 80: "*", 95: "0D"}, 200)
    assert keys == "19#*0D"


@pytest.mark.parametrize("codec", CODECS)
def test_keys_are_heard_through_a_fifth_of_loss(codec: Codec) -> None:
    for seed in range(5):
        presses = {20 * n: "0123456789*#"[n % 12] for n in range(1, 25)}
        keys, _, _ = call(codec, presses, 600, loss=0.2, seed=seed)
        assert keys == "".join(presses.values()), f"seed {seed}"


@pytest.mark.parametrize("codec", CODECS)
def test_speech_goes_on_after_a_key_without_loss_or_more_delay(codec: Codec) -> None:
    _, _, reports = call(codec, {100: "5"}, 300)
    before, after = reports[0].counters, reports[-1].counters
    assert after.packets_lost == after.packets_late == after.packets_malformed == 0
    assert after.frames_concealed <= EVENT_PACKETS + before.frames_concealed
    assert after.buffer_s == pytest.approx(before.buffer_s, abs=FRAME_S)


def test_key_pressed_before_the_call_is_answered_is_not_sent() -> None:
    anna, _ = started_pair(Codec.OPUS)
    fresh = MediaSession(random.Random(1).randbytes)
    assert fresh.handle(KeyPressed("1"), 0.0) == []
    assert anna.handle(KeyPressed("x"), 0.0) == []  # no event has this name
