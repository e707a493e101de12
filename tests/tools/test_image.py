"""Images: whole, damaged, cut off, signed by the right hand or by none."""

from __future__ import annotations

import base64
import hashlib
import lzma
import random
from pathlib import Path

import pytest
import zstandard
from card.errors import ImageError
from card.image import open_image, parse_block_map
from nacl.signing import SigningKey

from tests.tools.cards import block_map, make_image

KEY = SigningKey(bytes(range(32)))
KEY_ID = b"fernruf1"
PUBLIC_KEY = base64.b64encode(b"Ed" + KEY_ID + bytes(KEY.verify_key)).decode()


def sign(path: Path, key: SigningKey = KEY) -> None:
    """As minisign does: the prehashed form, then the comment signed along with it."""
    comment = "made for a test"
    signature = key.sign(hashlib.blake2b(path.read_bytes()).digest()).signature
    whole = key.sign(signature + comment.encode()).signature
    path.with_name(path.name + ".minisig").write_text(
        "untrusted comment: whoever\n"
        f"{base64.b64encode(b'ED' + KEY_ID + signature).decode()}\n"
        f"trusted comment: {comment}\n"
        f"{base64.b64encode(whole).decode()}\n"
    )


def contents(path: Path) -> bytes:
    return b"".join(block for _, block in open_image(path, None).blocks())


def pack(path: Path, kind: str) -> Path:
    packed = path.with_name(path.name + kind)
    data = path.read_bytes()
    if kind == ".zst":
        packed.write_bytes(zstandard.ZstdCompressor(level=1).compress(data))
    else:
        packed.write_bytes(lzma.compress(data, preset=0))
    return packed


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    make_image(tmp_path / "fernruf.img", tail_bytes=1 << 20)
    return tmp_path / "fernruf.img"


@pytest.mark.parametrize("kind", [".xz", ".zst"])
def test_packed_image_gives_the_same_blocks_as_the_plain_one(path: Path, kind: str) -> None:
    assert contents(pack(path, kind)) == contents(path) == path.read_bytes()


@pytest.mark.parametrize("kind", [".xz", ".zst"])
def test_packed_image_that_was_cut_off_is_an_error(path: Path, kind: str) -> None:
    packed = pack(path, kind)
    whole = packed.read_bytes()
    for part in (0.2, 0.9, 0.999):
        packed.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(ImageError):
            contents(packed)


def test_plain_image_that_was_cut_off_is_an_error(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 20 << 20])
    with pytest.raises(ImageError, match="cut off"):
        open_image(path, None)


@pytest.mark.parametrize("kind", [".xz", ".zst"])
def test_packed_image_of_garbage_is_an_error(path: Path, kind: str) -> None:
    packed = path.with_name(path.name + kind)
    packed.write_bytes(random.Random(3).randbytes(10_000))
    with pytest.raises(ImageError):
        open_image(packed, None)


def test_file_without_a_partition_table_is_no_image(path: Path) -> None:
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(ImageError, match="no image"):
        open_image(path, None)


def test_signed_image_is_accepted_with_the_right_key(path: Path) -> None:
    sign(path)
    open_image(path, PUBLIC_KEY)
    open_image(path, f"untrusted comment: minisign public key\n{PUBLIC_KEY}\n")


def test_image_without_signature_is_refused(path: Path) -> None:
    with pytest.raises(ImageError, match="not signed"):
        open_image(path, PUBLIC_KEY)


def test_image_changed_after_signing_is_refused(path: Path) -> None:
    sign(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ImageError, match="changed after"):
        open_image(path, PUBLIC_KEY)


def test_image_signed_by_somebody_else_is_refused(path: Path) -> None:
    sign(path, SigningKey(bytes(32)))
    with pytest.raises(ImageError, match="changed after"):
        open_image(path, PUBLIC_KEY)


def test_any_damage_to_the_signature_is_refused(path: Path) -> None:
    sign(path)
    file = path.with_name(path.name + ".minisig")
    lines = file.read_bytes().splitlines(keepends=True)
    skip = len(lines[0])  # the untrusted comment is nobody's word
    whole = file.read_bytes()
    source = random.Random(9)
    for _ in range(200):
        damaged = bytearray(whole)
        at = source.randrange(skip, len(whole) - 1)
        damaged[at] ^= 1 << source.randrange(7)
        if bytes(damaged).splitlines() == whole.splitlines():
            continue
        file.write_bytes(damaged)
        with pytest.raises((ImageError, UnicodeDecodeError)):
            open_image(path, PUBLIC_KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<bmap/>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><bmap/>",
        block_map(bytes(8192 * 4), [(1, 0)]),
        block_map(bytes(8192 * 4), [(0, 3), (2, 4)]),
        block_map(bytes(8192 * 4), [(-5, 1)]),
        block_map(bytes(8192 * 4), []),
        block_map(bytes(8192 * 4), [(0, 1)]).replace("4096", "zero"),
    ],
)
def test_damaged_block_map_is_an_error(text: str) -> None:
    with pytest.raises(ImageError):
        parse_block_map(text.encode())
