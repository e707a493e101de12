"""RTCP packets in bytes: reports of sender and receiver, and what extended reports add.

Knows no key and no time: values come in as they stand on the wire. A compound begins with a sender
report and holds a name (SDES) and an extended report. What we do not use is skipped when reading.
Units: as on the wire; timestamps NTP in units of 2**-32 s, middle 32 bits in 2**-16 s.
Sources: RFC 3550 section 6, RFC 3611 sections 3, 4.1 (loss RLE) and 4.7 (VoIP metrics).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from firmware.errors import MalformedError

COMPOUND_BYTES_MAX = 1200
PACKETS_MAX = 16  # in a compound
FATES_MAX = 480  # packets in one loss report

_SENDER_REPORT, _RECEIVER_REPORT, _SOURCE, _GOODBYE, _EXTENDED = 200, 201, 202, 203, 207
_LOSS_RLE, _VOIP_METRICS = 1, 7
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!QIII")
_BLOCK = struct.Struct("!IIIIII")
_RLE = struct.Struct("!BBHIHH")
_VOIP = struct.Struct("!BBHIBBBBHHHHbbBBBBBBBBHHH")
_CHUNK_BITS = 15
_UNKNOWN = 127  # a level or score that we do not measure, RFC 3611 section 4.7.5


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What somebody has sent so far."""

    ntp: int  # 64 bits; only its differences mean anything
    timestamp: int  # 32 bits, of the RTP stream at that moment
    packets: int  # 32 bits
    payload_bytes: int  # 32 bits


@dataclass(frozen=True, slots=True)
class ReceptionBlock:
    """What somebody has received of one source."""

    ssrc: int
    fraction_lost: int  # of 256, since the last report
    lost: int  # 24 bits with sign
    highest: int  # 32 bits: cycles and sequence number
    jitter: int  # 32 bits, in RTP ticks
    last_report: int  # middle 32 bits of the NTP time of the last sender report, 0 = none yet
    since_last_report: int  # in 2**-16 s


@dataclass(frozen=True, slots=True)
class VoipMetrics:
    """What the listener had of it, RFC 3611 section 4.7."""

    ssrc: int
    loss_rate: int  # of 256
    discard_rate: int  # of 256: came too late
    round_trip_ms: int  # 16 bits
    end_system_delay_ms: int  # 16 bits: jitter buffer, codec and sound card of the listener
    rating: int  # R, 0 to 100; 127 = unknown
    opinion_tenths: int  # MOS-LQ, 10 to 50; 127 = unknown
    buffer_ms: int  # 16 bits


@dataclass(frozen=True, slots=True)
class LossReport:
    """Which packets came: `fates[i]` of sequence number `begin` + i."""

    ssrc: int
    begin: int  # 16 bits
    fates: tuple[bool, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """One compound, as far as it means something to us."""

    ssrc: int  # of who reports
    sent: SenderInfo | None = None
    blocks: tuple[ReceptionBlock, ...] = ()
    voip: VoipMetrics | None = None
    losses: LossReport | None = None
    is_goodbye: bool = False


def encode(report: Report, name: bytes) -> bytes:
    """A compound of sender report, name (CNAME) and extended report."""
    assert report.sent is not None and len(report.blocks) <= 31 and len(name) <= 255
    sent = report.sent
    body = _SENDER.pack(sent.ntp, sent.timestamp, sent.packets, sent.payload_bytes)
    body += b"".join(_encode_block(block) for block in report.blocks)
    packets = [_packet(_SENDER_REPORT, len(report.blocks), report.ssrc, body)]
    items = bytes([1, len(name)]) + name
    items += bytes(4 - len(items) % 4)
    packets.append(_packet(_SOURCE, 1, report.ssrc, items))
    extended = _encode_losses(report.losses) if report.losses else b""
    extended += _encode_voip(report.voip) if report.voip else b""
    if extended:
        packets.append(_packet(_EXTENDED, 0, report.ssrc, extended))
    if report.is_goodbye:
        packets.append(_packet(_GOODBYE, 1, report.ssrc, b""))
    return b"".join(packets)


def decode(data: bytes) -> Report:
    """What a compound says; MalformedError if it is none. Any order, unknown packets skipped."""
    if not 8 <= len(data) <= COMPOUND_BYTES_MAX:
        raise MalformedError(f"RTCP compound of {len(data)} bytes")
    ssrc = int.from_bytes(data[4:8], "big")
    sent, blocks, voip, losses, is_goodbye = None, list[ReceptionBlock](), None, None, False
    for kind, count, body in _packets(data):
        if kind == _SENDER_REPORT:
            if len(body) < 4 + _SENDER.size:
                raise MalformedError("RTCP sender report is truncated")
            sent = SenderInfo(*_SENDER.unpack_from(body, 4))
            blocks += _decode_blocks(body[4 + _SENDER.size :], count)
        elif kind == _RECEIVER_REPORT:
            blocks += _decode_blocks(body[4:], count)
        elif kind == _GOODBYE:
            is_goodbye = True
        elif kind == _EXTENDED:
            for block_type, block in _extended_blocks(body[4:]):
                if block_type == _VOIP_METRICS:
                    voip = _decode_voip(block)
                elif block_type == _LOSS_RLE:
                    losses = _decode_losses(block)
    return Report(ssrc, sent, tuple(blocks), voip, losses, is_goodbye)


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    assert len(body) % 4 == 0
    return _HEADER.pack(2 << 6 | count, kind, len(body) // 4 + 1) + ssrc.to_bytes(4, "big") + body


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    for _ in range(PACKETS_MAX):
        if position == len(data):
            return
        if position + _HEADER.size > len(data):
            break
        first, kind, words = _HEADER.unpack_from(data, position)
        end = position + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            break
        body = data[position + 4 : end]
        if first & 0x20:  # padding, in the last packet only
            if not body or not 0 < body[-1] <= len(body):
                break
            body = body[: -body[-1]]
        yield kind, first & 0x1F, body
        position = end
    else:
        if position == len(data):
            return
    raise MalformedError("RTCP packet is truncated, or there are too many")


def _encode_block(block: ReceptionBlock) -> bytes:
    lost = min(max(block.lost, -(1 << 23)), (1 << 23) - 1) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc,
        block.fraction_lost << 24 | lost,
        block.highest,
        block.jitter,
        block.last_report,
        block.since_last_report,
    )


def _decode_blocks(body: bytes, count: int) -> list[ReceptionBlock]:
    if len(body) < count * _BLOCK.size:
        raise MalformedError("RTCP reception report is truncated")
    blocks = []
    for i in range(count):
        ssrc, both, highest, jitter, last, since = _BLOCK.unpack_from(body, i * _BLOCK.size)
        lost = (both & 0xFFFFFF) - ((both & 0x800000) << 1)
        blocks.append(ReceptionBlock(ssrc, both >> 24, lost, highest, jitter, last, since))
    return blocks


def _extended_blocks(body: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(body):
        if position + 4 > len(body):
            raise MalformedError("RTCP extended report is truncated")
        end = position + 4 + 4 * int.from_bytes(body[position + 2 : position + 4], "big")
        if end > len(body):
            raise MalformedError("RTCP extended report block is truncated")
        yield body[position], body[position:end]
        position = end


def _encode_losses(losses: LossReport) -> bytes:
    assert len(losses.fates) <= FATES_MAX
    chunks = []
    for start in range(0, len(losses.fates), _CHUNK_BITS):
        bits = 0x8000  # a bit vector
        for i, came in enumerate(losses.fates[start : start + _CHUNK_BITS]):
            bits |= came << (_CHUNK_BITS - 1 - i)
        chunks.append(bits)
    if len(chunks) % 2:
        chunks.append(0)  # terminates the list
    end = losses.begin + len(losses.fates)
    head = _RLE.pack(_LOSS_RLE, 0, 2 + len(chunks) // 2, losses.ssrc, losses.begin, end & 0xFFFF)
    return head + struct.pack(f"!{len(chunks)}H", *chunks)


def _decode_losses(block: bytes) -> LossReport:
    if len(block) < _RLE.size:
        raise MalformedError("RTCP loss report is truncated")
    _, thinning, _, ssrc, begin, end = _RLE.unpack_from(block)
    wanted = (end - begin) & 0xFFFF
    if thinning & 0x0F or wanted > FATES_MAX:
        raise MalformedError("RTCP loss report is thinned or too long")
    fates: list[bool] = []
    for (chunk,) in struct.iter_unpack("!H", block[_RLE.size :]):
        if len(fates) >= wanted or chunk == 0:
            break
        if chunk & 0x8000:
            fates += (bool(chunk >> bit & 1) for bit in range(_CHUNK_BITS - 1, -1, -1))
        else:
            fates += [bool(chunk & 0x4000)] * min(chunk & 0x3FFF, wanted)
    return LossReport(ssrc, begin, tuple(fates[:wanted]))


def _encode_voip(voip: VoipMetrics) -> bytes:
    return _VOIP.pack(
        _VOIP_METRICS,
        0,
        8,
        voip.ssrc,
        voip.loss_rate,
        voip.discard_rate,
        0,  # bursts and gaps are told packet by packet in the loss report
        0,
        0,
        0,
        voip.round_trip_ms,
        voip.end_system_delay_ms,
        _UNKNOWN,
        _UNKNOWN,
        _UNKNOWN,
        16,  # Gmin
        voip.rating,
        _UNKNOWN,
        voip.opinion_tenths,
        _UNKNOWN,
        0b11_11_0000,  # enhanced concealment, adaptive jitter buffer
        0,
        voip.buffer_ms,
        voip.buffer_ms,
        voip.buffer_ms,
    )


def _decode_voip(block: bytes) -> VoipMetrics:
    if len(block) < _VOIP.size:
        raise MalformedError("RTCP VoIP metrics are truncated")
    fields = _VOIP.unpack_from(block)
    return VoipMetrics(
        ssrc=fields[3],
        loss_rate=fields[4],
        discard_rate=fields[5],
        round_trip_ms=fields[10],
        end_system_delay_ms=fields[11],
        rating=fields[16],
        opinion_tenths=fields[18],
        buffer_ms=fields[22],
    )
