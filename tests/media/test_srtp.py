"""SRTP: what it lets through, and what not."""

from __future__ import annotations

import random

import pytest

from firmware.errors import MalformedError
from firmware.media.rtp import RtpPacket, wrap
from firmware.media.srtp import (
    KEY_BYTES,
    PACKET_BYTES_MAX,
    SSRC_MAX,
    TAG_BYTES,
    ReplayedError,
    SrtpReceiver,
    SrtpSender,
)

KEY = bytes(range(KEY_BYTES))


def _packet(number: int, ssrc: int = 1) -> bytes:
    return RtpPacket(111, wrap(number, 16), number * 960, ssrc, b"speech %d" % number).encode()


def test_packet_passes_unchanged_and_cannot_be_read_on_the_way() -> None:
    protected = SrtpSender(KEY).protect(_packet(7))
    assert len(protected) == len(_packet(7)) + TAG_BYTES
    assert b"speech" not in protected
    assert SrtpReceiver(KEY).unprotect(protected) == _packet(7)


def test_packet_is_protected_as_rfc_7714_computes_it() -> None:
    # independent of libsrtp: session keys by RFC 3711 section 4.3 and AES-GCM by cryptography
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    def derived(label: int, length: int) -> bytes:
        start = bytearray(KEY[16:] + bytes(4))
        start[7] ^= label
        stream = Cipher(algorithms.AES(KEY[:16]), modes.CTR(bytes(start))).encryptor()
        return stream.update(bytes(length))

    packet = _packet(7, ssrc=0xCAFEBABE)
    nonce = bytes(2) + packet[8:12] + bytes(4) + packet[2:4]  # rollover counter 0
    salted = bytes(a ^ b for a, b in zip(nonce, derived(2, 12), strict=True))
    expected = packet[:12] + AESGCM(derived(0, 16)).encrypt(salted, packet[12:], packet[:12])
    assert SrtpSender(KEY).protect(packet) == expected


def test_any_flipped_bit_is_malformed() -> None:
    protected = SrtpSender(KEY).protect(_packet(7))
    receiver = SrtpReceiver(KEY)
    for bit in range(len(protected) * 8):
        forged = bytearray(protected)
        forged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MalformedError):
            receiver.unprotect(bytes(forged))
    assert receiver.unprotect(protected) == _packet(7)


def test_any_truncation_is_malformed() -> None:
    protected = SrtpSender(KEY).protect(_packet(7))
    receiver = SrtpReceiver(KEY)
    for length in range(len(protected)):
        with pytest.raises(MalformedError):
            receiver.unprotect(protected[:length])


def test_random_bytes_are_malformed() -> None:
    seed = 5
    dice = random.Random(seed)
    receiver = SrtpReceiver(KEY)
    for turn in range(3_000):
        data = dice.randbytes(dice.choice([dice.randrange(80), dice.randrange(2_048)]))
        data = bytes([0x80 | dice.randrange(64)]) + data[1:] if dice.random() < 0.5 else data
        try:
            receiver.unprotect(data)
        except MalformedError:
            continue
        raise AssertionError(f"seed {seed}, turn {turn}: {data.hex()} passed")


def test_other_key_is_malformed() -> None:
    with pytest.raises(MalformedError):
        SrtpReceiver(bytes(KEY_BYTES)).unprotect(SrtpSender(KEY).protect(_packet(7)))


def test_second_copy_of_a_packet_is_replayed() -> None:
    sender, receiver = SrtpSender(KEY), SrtpReceiver(KEY)
    first, second = sender.protect(_packet(7)), sender.protect(_packet(8))
    receiver.unprotect(first)
    receiver.unprotect(second)
    with pytest.raises(ReplayedError):
        receiver.unprotect(first)


def test_packet_older_than_the_replay_window_is_replayed() -> None:
    sender, receiver = SrtpSender(KEY), SrtpReceiver(KEY)
    packets = [sender.protect(_packet(number)) for number in range(300)]
    for packet in packets[1:]:
        receiver.unprotect(packet)
    with pytest.raises(ReplayedError):
        receiver.unprotect(packets[0])


def test_sequence_numbers_wrap_with_loss_at_the_wrap() -> None:
    sender, receiver = SrtpSender(KEY), SrtpReceiver(KEY)
    for number in range(65_500, 65_600):
        protected = sender.protect(_packet(number))
        if number % 3:  # 65,535 and 65,536 + 2 are among the lost
            assert receiver.unprotect(protected) == _packet(number)


def test_packet_longer_than_the_limit_is_malformed() -> None:
    longest = _packet(7).ljust(PACKET_BYTES_MAX, b".")
    protected = SrtpSender(KEY).protect(longest)
    receiver = SrtpReceiver(KEY)
    with pytest.raises(MalformedError):
        receiver.unprotect(protected + b".")
    assert receiver.unprotect(protected) == longest


def test_peer_may_change_its_ssrc_until_the_limit() -> None:
    sender, receiver = SrtpSender(KEY), SrtpReceiver(KEY)
    for ssrc in range(SSRC_MAX):
        receiver.unprotect(sender.protect(_packet(1, ssrc)))
    with pytest.raises(MalformedError, match="too often"):
        receiver.unprotect(sender.protect(_packet(1, SSRC_MAX)))
    assert receiver.unprotect(sender.protect(_packet(2, 0))) == _packet(2, 0)


def test_forged_packets_do_not_use_up_the_ssrcs_of_the_peer() -> None:
    receiver = SrtpReceiver(KEY)
    for ssrc in range(10 * SSRC_MAX):
        with pytest.raises(MalformedError, match="authentication"):
            receiver.unprotect(_packet(1, ssrc) + bytes(TAG_BYTES))
    receiver.unprotect(SrtpSender(KEY).protect(_packet(1, 999)))
