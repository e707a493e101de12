"""RTCP compounds in bytes."""

from __future__ import annotations

import random
import struct

import pytest

from firmware.errors import MalformedError
from firmware.media.rtcp import (
    COMPOUND_BYTES_MAX,
    FATES_MAX,
    LossReport,
    ReceptionBlock,
    Report,
    SenderInfo,
    VoipMetrics,
    decode,
    encode,
)

SENT = SenderInfo(0x0123456789ABCDEF, 0xFFFFFFF0, 1234, 74040)
BLOCK = ReceptionBlock(7, 13, -3, 0x1FFFE, 480, 0x456789AB, 65536)
VOIP = VoipMetrics(7, 13, 2, 57, 60, 88, 43, 30)
LOSSES = LossReport(7, 65_500, tuple(number % 7 != 3 for number in range(150)))
FULL = Report(99, SENT, (BLOCK,), VOIP, LOSSES, is_goodbye=True)


@pytest.mark.parametrize(
    "report",
    [
        FULL,
        Report(99, SENT),
        Report(1, SENT, (BLOCK, BLOCK), voip=VOIP),
        Report(1, SENT, losses=LossReport(7, 0, (True,) * FATES_MAX)),
    ],
)
@pytest.mark.parametrize("name", [b"", b"name", b"name567"])
def test_report_survives_the_way(report: Report, name: bytes) -> None:
    data = encode(report, name)
    assert len(data) % 4 == 0
    assert decode(data) == report


def test_sender_report_begins_as_rfc_3550_says() -> None:
    data = encode(Report(99, SENT, (BLOCK,)), b"x")
    assert data[:8] == bytes([0x81, 200, 0, 12, 0, 0, 0, 99])
    assert data[8:16] == SENT.ntp.to_bytes(8, "big")
    assert data[28:36] == bytes([0, 0, 0, 7, 13, 0xFF, 0xFF, 0xFD])  # lost: 24 bits with sign
    assert data[52:56] == bytes([0x81, 202, 0, 2])  # SDES follows


def test_full_report_is_small_enough_for_one_a_second() -> None:
    # 5 % of 24 kbit/s with RTP, UDP and IP (RFC 3550 section 6.2) are 300 bytes a second
    assert len(encode(FULL, b"0123456789abcdef")) + 20 + 28 <= 250


def test_loss_report_of_run_lengths_is_read() -> None:
    # RFC 3611 section 4.1.1: a run of 20 ones, then 5 zeros, then a terminating null
    chunks = struct.pack("!HHHH", 0x4000 | 20, 5, 0, 0)
    block = struct.pack("!BBHIHH", 1, 0, 4, 7, 100, 125) + chunks
    data = struct.pack("!BBHI", 0x80, 207, 1 + len(block) // 4, 99) + block
    assert decode(data).losses == LossReport(7, 100, (True,) * 20 + (False,) * 5)


def test_unknown_packets_and_blocks_are_skipped() -> None:
    unknown = struct.pack("!BBHI", 0x80, 210, 1, 99)
    strange = struct.pack("!BBHI", 0x80, 207, 2, 99) + struct.pack("!BBH", 200, 0, 0)
    assert decode(unknown + strange + encode(FULL, b"name")) == FULL


def test_report_truncated_anywhere_is_malformed_or_whole_packets_of_it() -> None:
    data = encode(FULL, b"name")
    for length in range(len(data)):
        try:
            report = decode(data[:length])
        except MalformedError:
            continue
        assert report.sent == SENT and report != FULL


def test_report_above_the_limit_is_malformed() -> None:
    with pytest.raises(MalformedError):
        decode(struct.pack("!BBHI", 0x80, 210, 1, 9) * (COMPOUND_BYTES_MAX // 8 + 1))


def test_random_and_mutated_reports_are_read_or_malformed() -> None:
    seed = 32
    dice = random.Random(seed)
    good = encode(FULL, b"name")
    for turn in range(20_000):
        if turn % 2:
            data = bytearray(good)
            for _ in range(dice.randrange(1, 6)):
                data[dice.randrange(len(data))] = dice.randrange(256)
        else:
            data = bytearray(dice.randbytes(dice.randrange(120)))
            if len(data) > 4:
                data[0], data[1] = 0x80 | data[0] & 0x1F, dice.randrange(199, 209)
                data[2:4] = (len(data) // 4 - 1).to_bytes(2, "big")
        try:
            report = decode(bytes(data))
        except MalformedError:
            continue
        if report.losses is not None:
            assert len(report.losses.fates) <= FATES_MAX, f"seed {seed}, turn {turn}"
