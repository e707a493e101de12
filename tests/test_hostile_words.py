"""Hostile bytes for decoders, beside the million of test_fuzz.py: each raises its own errors only.

The seed is fixed and printed; what is nested or long beyond reason is tried apart.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from firmware import channel, updates
from firmware.book import contacts, rules, vcard
from firmware.call import addresses, pieces, spoken, stamps
from firmware.call.referral import Referral
from firmware.codec.noise import ComfortNoise
from firmware.commands.access_point import parse_form
from firmware.errors import ConfigError, MalformedError
from firmware.identity import Certificate, Identity, IdentityFile
from firmware.media import red, rtcp
from firmware.media.telephone_event import TelephoneEvent
from firmware.model import Candidate, CandidateKind, Endpoint
from firmware.overlay import fallback
from firmware.overlay.contacts import decode_contacts
from firmware.overlay.mapping import pcp
from firmware.overlay.slip import open_slip, seal_slip
from firmware.shell.kernel import messages as relays
from firmware.shell.tunnel import frames
from firmware.ui.call_log import decode_call, decode_calls
from firmware.web.keys import Keys
from tests.test_fuzz import hostile

SEED = 20261123
COUNT = 400  # of each decoder
ANNA = Identity.generate(bytes(range(64)))
CERTIFICATE = ANNA.certify(bytes(16), "Käthe").encode()
NUMBER = "471108151234"
V4, V6 = Endpoint("192.0.2.1", 6881), Endpoint("2001:db8::1", 6881)
STREAM = frames.encode_greeting(6881) + frames.encode(b"x" * 30, V4) + frames.encode(b"y", V6)
SLIP = seal_slip(Certificate.decode(CERTIFICATE), CERTIFICATE, ANNA.sign, 5, b"e" * 32)
CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Oma\r\nTEL:tel:471108151234\r\nEND:VCARD\r\n"
KEYS = b'{"version":1,"password":"","tokens":[{"name":"a","digest":"b","may_dial":true}]}'


def stream(data: bytes) -> None:
    """In small pieces, as it comes from a socket."""
    deframer = frames.Deframer()
    for start in range(0, len(data), 7):
        deframer.feed(data[start : start + 7])


DECODERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "channel frame": (channel.decode, channel.Elsewhere(b"k" * 8, (V4, V6)).encode()),
    "slip": (lambda data: open_slip(data, ANNA), SLIP),
    "referral": (Referral.decode, Referral(ANNA.public_key, NUMBER, NUMBER, NUMBER, 5).sign(ANNA)),
    "candidates": (
        addresses.decode_candidates,
        addresses.encode_candidates((Candidate(V6, CandidateKind.HOST),) * 3),
    ),
    "demand": (stamps.Demand.decode, bytes(13)),
    "stamp": (stamps.Stamp.decode, bytes(20)),
    "size of a message": (spoken.decode_spoken, bytes(12)),
    "pieces": (pieces.decode_any, pieces.Piece(3, b"x" * 20).encode()),
    "PCP": (pcp.decode, bytes((2, 0x81, 0, 0)) + bytes(range(56))),
    "NAT-PMP": (pcp.decode, bytes((0, 0x81, 0, 0)) + bytes(range(12))),
    "tunnel": (stream, STREAM),
    "relays of the kernel": (relays.decode, bytes((1,)) + bytes(28)),
    "RTCP": (rtcp.decode, bytes((0x80, 200, 0, 6)) + bytes(24)),
    "redundancy": (red.decode, bytes((0xE0, 0, 0, 4, 0x60)) + bytes(40)),
    "telephone event": (TelephoneEvent.decode, bytes(4)),
    "comfort noise": (ComfortNoise.decode, bytes(5)),
    "offer of an update": (
        updates.parse_offer,
        updates.encode_offer(updates.Offer("0.1.2", "a.raucb", 5, "0" * 64)),
    ),
    "trial": (updates.parse_trial, updates.encode_trial(updates.Trial("b", "0.1.2", "0.1.1"))),
    "form": (parse_form, b"ssid=a&password=12345678&name=x&country=DE"),
    "vCards": (lambda data: list(vcard.CardReader().contacts(data.splitlines(True))), CARD),
    "keys of the page": (Keys.decode, KEYS),
    "rules": (rules.decode_rules, b'{"a": 1}'),
    "contact": (lambda data: contacts.decode_contact(NUMBER, data), b'{"name": "Oma"}'),
    "contacts": (decode_contacts, b'[{"number": "471108151234"}]'),
    "tunnels": (fallback.decode_tunnels, b'["192.0.2.1:443"]'),
    "call": (decode_call, b'{"peer": "471108151234"}'),
    "calls": (decode_calls, b'[{"peer": "471108151234"}]'),
    "identity": (lambda data: IdentityFile.decode(data, "x"), IdentityFile(ANNA).encode()),
}
BEYOND_REASON = (
    b"[" * 5000,
    b'{"a":' * 5000,
    b"1" * 5000,
    b'{"version":1,"tokens":' + b"9" * 5000 + b"}",
    b'{"version":1,"password":"\\ud800","tokens":[]}',
    b'{"size_bytes":1e999,"version":NaN}',
    b"null",
    b"\xff\xfe",
    b"",
)


@pytest.mark.parametrize("name", DECODERS)
def test_hostile_bytes_raise_the_errors_that_callers_expect_and_no_others(name: str) -> None:
    decode, sample = DECODERS[name]
    refused = 0
    material = [*hostile([sample], COUNT, random.Random(f"{SEED}/{name}")), *BEYOND_REASON]
    for data in material:
        try:
            decode(data)
        except (MalformedError, ConfigError):
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {name} of {data.hex()[:400]}") from error
    assert refused or name in ("calls", "call", "comfort noise"), "nothing was hostile"
