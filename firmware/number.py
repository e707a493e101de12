"""Telephone numbers: twelve digits, eleven of them from a memory-hard hash of the owner's key.

Knows no key and computes no hash: it says what to hash and reads the digest.
Sources: RFC 3972 (CGA, hash extension), RFC 9106 (Argon2id), H. M. Damm, "Total anti-symmetrische
Quasigruppen", 2004 (check digit).
"""

from __future__ import annotations

NUMBER_DIGITS = 12
MODIFIER_BYTES = 16
HASH_SALT = b"fernruf number 1"  # Argon2 wants at least 8 bytes; names this use of the hash

# Dialled as they are in many countries: never part of the number space, and never called.
EMERGENCY_NUMBERS = frozenset(
    "000 110 111 112 113 115 117 118 119 122 133 144 190 191 192 193 911 999".split()
)
RESERVED_FIRST_DIGITS = frozenset("019")  # operator, service and trunk codes

_DAMM = (  # the quasigroup of order 10 of Damm's thesis; row = interim digit, column = next digit
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def check_digit(digits: str) -> str:
    """Damm check digit of decimal `digits`; finds every single error and adjacent transposition."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return str(interim)


def is_valid(number: str) -> bool:
    """True if `number` could be somebody's: twelve digits, check digit, no reserved prefix."""
    return (
        len(number) == NUMBER_DIGITS
        and number.isascii()
        and number.isdigit()
        and not is_reserved(number)
        and check_digit(number[:-1]) == number[-1]
    )


def is_reserved(digits: str) -> bool:
    """True if a number may not begin like this: 0, 1, 9, or an emergency number."""
    return digits[:1] in RESERVED_FIRST_DIGITS or digits[:3] in EMERGENCY_NUMBERS


def is_emergency(digits: str) -> bool:
    """True if exactly an emergency number was dialled."""
    return digits in EMERGENCY_NUMBERS


def display(number: str) -> str:
    """`471108151234` as `4711 0815 1234`; shorter digits are grouped as far as they go."""
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def hash_question(public_key: bytes, modifier: bytes) -> tuple[bytes, bytes]:
    """Secret and salt whose Argon2id hash is the number of an Ed25519 key with this modifier."""
    assert len(public_key) == 32 and len(modifier) == MODIFIER_BYTES
    return public_key + modifier, HASH_SALT


def from_digest(digest: bytes) -> str | None:
    """The number in an Argon2id digest of 32 bytes, or None if it is no number (255 of 256)."""
    assert len(digest) == 32
    if digest[0] != 0:  # the owner's work per number: 2**8 hashes; a verifier's is one
        return None
    # 120 bits modulo 10**11: the bias is below 2**-83
    digits = f"{int.from_bytes(digest[1:16], 'big') % 10**11:011d}"
    return None if is_reserved(digits) else digits + check_digit(digits)
