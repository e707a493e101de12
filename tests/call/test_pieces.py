"""Pieces of a message: cut, lost, repeated, put together; and what nobody can send."""

from __future__ import annotations

import random

import pytest

from firmware.call.encoding import encode_signal
from firmware.call.messages import Ack, Ready
from firmware.call.pieces import (
    AGAIN_S,
    PACE_S,
    PIECE_BYTES,
    PIECES_MAX,
    WINDOW,
    Got,
    Piece,
    Receiver,
    Sender,
    count_of,
    decode_any,
)
from firmware.errors import MalformedError
from firmware.events.messages import MESSAGE_BYTES_MAX


@pytest.mark.parametrize("signal", [Piece(7, b"sound"), Piece(0, b"s" * PIECE_BYTES), Got(3, 5)])
def test_piece_is_read_as_it_was_written(signal: Piece | Got) -> None:
    assert decode_any(signal.encode()) == signal


def test_signalling_messages_are_read_beside_them() -> None:
    assert decode_any(encode_signal(Ready())) == Ready()
    assert decode_any(encode_signal(Ack())) == Ack()


def test_what_is_no_piece_is_malformed() -> None:
    wrong = [b"", b"\2", b"\2\1\0\0", b"\2\1\1\0x", b"\2\1\0\0" + b"x" * (PIECE_BYTES + 1)]
    wrong += [b"\2\2\0\0" + bytes(7), b"\2\2\1\1" + bytes(8), b"\2\3\0\0x"]
    for data in wrong:
        with pytest.raises(MalformedError):
            decode_any(data)
    dice = random.Random(9)
    for _ in range(5000):
        try:
            decode_any(b"\2" + dice.randbytes(dice.randrange(16)))
        except MalformedError:
            continue


def carry(data: bytes, loss: float, seed: int, delay_s: float = 0.05) -> tuple[float, int]:
    """From a sender to a receiver over a bad line; how long it took, and how many were sent."""
    dice, sender, receiver = random.Random(seed), Sender(data, 0.0), Receiver(len(data))
    answers: list[tuple[float, Got]] = []
    now_s, sent = 0.0, 0
    while not sender.is_done:
        assert now_s < 600.0, f"seed {seed}"
        while now_s >= sender.next_s and (piece := sender.pop(now_s)) is not None:
            sent += 1
            if dice.random() >= loss:
                got = receiver.push(piece)
                if dice.random() >= loss:
                    answers.append((now_s + 2 * delay_s, got))
        now_s += 0.01
        for at_s, got in [one for one in answers if one[0] <= now_s]:
            answers.remove((at_s, got))
            sender.hear(got, now_s)
    assert receiver.data == data, f"seed {seed}"
    return now_s, sent


def test_longest_message_takes_six_seconds_on_a_good_line() -> None:
    data = random.Random(1).randbytes(MESSAGE_BYTES_MAX)
    took_s, sent = carry(data, 0.0, 1)
    assert sent == count_of(len(data)) <= PIECES_MAX
    assert took_s < PACE_S * sent + 1.0 < 8.0


@pytest.mark.parametrize("seed", range(5))
def test_longest_message_takes_little_longer_on_a_line_that_loses_every_tenth(seed: int) -> None:
    data = random.Random(seed).randbytes(MESSAGE_BYTES_MAX)
    without_s, _ = carry(data, 0.0, seed)
    took_s, sent = carry(data, 0.1, seed)
    assert took_s < 1.4 * without_s
    assert sent < 1.25 * count_of(len(data)), "what is only late is not repeated"


def test_piece_is_repeated_as_soon_as_later_ones_are_confirmed_without_it() -> None:
    sender = Sender(bytes(PIECE_BYTES * 20), 0.0)
    sent = [sender.pop(i * PACE_S) for i in range(6)]
    assert [piece.index for piece in sent if piece] == [0, 1, 2, 3, 4, 5]
    now_s = 6 * PACE_S
    assert sender.hear(Got(0, 0b1111), now_s)
    again = sender.pop(now_s)
    assert again is not None and again.index == 0, "one that was sent 0.18 s later has arrived"
    following = sender.pop(sender.next_s)
    assert following is not None and following.index == 6


@pytest.mark.parametrize("seed", range(5))
def test_message_arrives_whole_on_a_line_that_loses_every_third_piece(seed: int) -> None:
    data = random.Random(seed).randbytes(50_123)
    took_s, sent = carry(data, 0.3, seed)
    assert sent < 4 * count_of(len(data))
    assert took_s < 60.0


def test_no_more_is_under_way_than_the_window_and_nothing_is_repeated_at_once() -> None:
    sender, now_s, sent = Sender(bytes(PIECE_BYTES * 100), 0.0), 0.0, []
    while (piece := sender.pop(now_s)) is not None and now_s < AGAIN_S:
        sent.append(piece.index)
        now_s = sender.next_s
    assert sent == list(range(len(sent)))
    assert len(sent) <= WINDOW


def test_confirmation_of_more_than_there_is_does_nothing() -> None:
    sender = Sender(b"short", 0.0)
    assert not sender.hear(Got(2), 0.1)
    assert not sender.is_done
    assert sender.hear(Got(1), 0.1)
    assert sender.is_done


def test_confirmation_of_what_never_was_is_no_news_again_and_again() -> None:
    sender = Sender(bytes(PIECE_BYTES * 3), 0.0)
    for _ in range(3):
        assert not sender.hear(Got(0, 1 << 63), 0.1)
    assert sender.hear(Got(0, 1), 0.1)
    assert not sender.hear(Got(0, 1), 0.1)


def test_piece_of_something_else_is_refused() -> None:
    receiver = Receiver(PIECE_BYTES + 10)
    for wrong in (Piece(0, b"short"), Piece(1, b"x" * 11), Piece(2, b"x" * 10)):
        with pytest.raises(MalformedError):
            receiver.push(wrong)
    assert receiver.push(Piece(1, b"x" * 10)) == Got(0, 1)
    assert receiver.data is None
