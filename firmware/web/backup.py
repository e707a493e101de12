"""The identity on paper and in a file: who has it has the number, so both are well guarded.

On paper: pronounceable words of five letters, 16 bits each, with a checksum at the end. In a file:
sealed with a passphrase. Neither holds phone book or calls.
Source: proquints (arXiv:0901.4016); RFC 9106 (Argon2id); RFC 8439 (ChaCha20-Poly1305).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

from argon2.low_level import Type, hash_secret_raw

from firmware import primitives
from firmware.errors import CommandError, ConfigError, MalformedError
from firmware.identity import Identity, IdentityFile
from firmware.number import MODIFIER_BYTES

KEY_BYTES = 32
CONTENT_BYTES = 2 * KEY_BYTES + MODIFIER_BYTES
CHECK_BYTES = 4  # CRC-32
WORDS = (CONTENT_BYTES + CHECK_BYTES) // 2
WORDS_A_LINE = 6
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"
TEXT_CHARACTERS_MAX = 4_000
VERSION = 1
SALT_BYTES, NONCE_BYTES = 16, 12
PASSPHRASE_CHARACTERS_MIN, PASSPHRASE_CHARACTERS_MAX = 10, 256
PASSES, MEMORY_KIB = 3, 65_536  # RFC 9106 section 4, the second recommended choice, one lane


def to_words(kept: IdentityFile) -> str:
    """Lines of words; CommandError while the number is still being made."""
    if kept.modifier is None:
        raise CommandError("The number is still being made")
    identity = kept.identity
    content = identity.ed25519_private + identity.x25519_private + kept.modifier
    content += zlib.crc32(content).to_bytes(CHECK_BYTES, "big")
    words = [_word(int.from_bytes(content[i : i + 2], "big")) for i in range(0, len(content), 2)]
    lines = [words[i : i + WORDS_A_LINE] for i in range(0, len(words), WORDS_A_LINE)]
    return "\n".join(" ".join(line) for line in lines)


def from_words(text: str) -> IdentityFile:
    """What was written down; CommandError says which word cannot be, or what else is wrong."""
    words = text[:TEXT_CHARACTERS_MAX].lower().replace("-", " ").split()
    content = b"".join(
        _number(word, place).to_bytes(2, "big") for place, word in enumerate(words, 1)
    )
    if len(words) != WORDS:
        raise CommandError(f"There are {WORDS} words, not {len(words)}")
    content, check = content[:-CHECK_BYTES], content[-CHECK_BYTES:]
    if zlib.crc32(content).to_bytes(CHECK_BYTES, "big") != check:
        raise CommandError("A word is wrong, or two are swapped")
    keys, modifier = content[: 2 * KEY_BYTES], content[2 * KEY_BYTES :]
    return IdentityFile(Identity(keys[:KEY_BYTES], keys[KEY_BYTES:]), modifier)


def seal(kept: IdentityFile, passphrase: str, random_bytes: Callable[[int], bytes]) -> str:
    """The file. Slow, and takes 64 MiB: in a worker thread."""
    if kept.modifier is None:
        raise CommandError("The number is still being made")
    if not PASSPHRASE_CHARACTERS_MIN <= len(passphrase) <= PASSPHRASE_CHARACTERS_MAX:
        raise CommandError(
            f"A passphrase of at least {PASSPHRASE_CHARACTERS_MIN} characters, please"
        )
    salt, nonce = random_bytes(SALT_BYTES), random_bytes(NONCE_BYTES)
    sealed = primitives.seal(_key(passphrase, salt), nonce, kept.encode(), b"")
    content = {"fernruf_backup": VERSION, "salt": salt.hex(), "sealed": (nonce + sealed).hex()}
    return json.dumps(content, indent=1) + "\n"


def unseal(text: str, passphrase: str) -> IdentityFile:
    """What was sealed; CommandError for another file or passphrase. As slow as `seal`."""
    try:
        content = json.loads(text[:TEXT_CHARACTERS_MAX])
        salt, sealed = (bytes.fromhex(content[key]) for key in ("salt", "sealed"))
        if content["fernruf_backup"] != VERSION or len(salt) != SALT_BYTES:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CommandError("That is not a backup of a telephone") from None
    try:
        key = _key(passphrase[:PASSPHRASE_CHARACTERS_MAX], salt)
        data = primitives.unseal(key, sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], b"")
        kept = IdentityFile.decode(data, "backup")
    except (MalformedError, ValueError):
        raise CommandError("That is not the passphrase, or the file is damaged") from None
    except ConfigError:
        raise CommandError("That is not a backup of a telephone") from None
    return kept


def _key(passphrase: str, salt: bytes) -> bytes:
    secret = passphrase.encode("utf-8", "surrogatepass")
    return hash_secret_raw(secret, salt, PASSES, MEMORY_KIB, 1, KEY_BYTES, Type.ID)


def _word(number: int) -> str:
    return "".join(
        (CONSONANTS[number >> shift & 15] if is_consonant else VOWELS[number >> shift & 3])
        for shift, is_consonant in ((12, True), (10, False), (6, True), (4, False), (0, True))
    )


def _number(word: str, place: int) -> int:
    if len(word) != 5:
        raise CommandError(f"Word {place} does not have five letters")
    number = 0
    for letters, bits, letter in zip(
        (CONSONANTS, VOWELS, CONSONANTS, VOWELS, CONSONANTS), (4, 2, 4, 2, 4), word, strict=True
    ):
        found = letters.find(letter)
        if found < 0:
            raise CommandError(f"Word {place} cannot be {word[:5]!r}")
        number = number << bits | found
    return number
