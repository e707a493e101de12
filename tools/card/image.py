"""An image file: what it is, whether it is whole and signed, and its blocks one after the other.

Reads `.img`, `.img.xz`, `.img.zst`; the block map (`.bmap`, version 2) names the parts that matter,
the signature (`.minisig`) who made it. Knows no card.
Units: bytes. Source: bmap-tools' XML format 2.0; minisign's signature format; xz and zstd by
their libraries.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

import zstandard
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from card.errors import ImageError
from card.partitions import SECTOR_BYTES, read_partitions

BLOCK_BYTES = 4 << 20  # what a card takes in one go without rewriting flash cells
IMAGE_BYTES_MAX = 64 << 30
BMAP_BYTES_MAX = 4 << 20
SIGNATURE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class BlockMap:
    """The ranges of an image that hold something, as (first byte, one past the last, SHA-256)."""

    image_bytes: int
    ranges: tuple[tuple[int, int, str], ...]

    @property
    def mapped_bytes(self) -> int:
        """How much there is to write."""
        return sum(end - start for start, end, _ in self.ranges)


class Image:
    """One image file; `blocks()` can be walked once for each call."""

    def __init__(self, path: Path, block_map: BlockMap | None) -> None:
        self.path, self.block_map = path, block_map

    @property
    def bytes_total(self) -> int | None:
        """How many bytes blocks() will give; None = the compressed file does not tell."""
        if self.block_map is not None:
            return self.block_map.mapped_bytes
        return self._uncompressed_bytes()

    @property
    def card_bytes(self) -> int | None:
        """How large a card must be; None as above."""
        return self.block_map.image_bytes if self.block_map else self._uncompressed_bytes()

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """(offset, at most BLOCK_BYTES) in rising order; ImageError if the file is damaged."""
        try:
            with self.path.open("rb") as packed, self._unpacked(packed) as stream:
                if self.block_map is None:
                    yield from _all_blocks(stream, self._uncompressed_bytes())
                else:
                    yield from _mapped_blocks(stream, self.block_map)
        except (lzma.LZMAError, zstandard.ZstdError, EOFError) as error:
            raise ImageError(f"{self.path.name} is damaged: {error}") from None
        except OSError as error:
            raise ImageError(f"cannot read {self.path}: {error.strerror}") from None

    def _unpacked(self, packed: IO[bytes]) -> IO[bytes]:
        if self.path.suffix == ".xz":
            return lzma.open(packed)
        if self.path.suffix == ".zst":
            reader: IO[bytes] = zstandard.ZstdDecompressor().stream_reader(
                packed, read_across_frames=True
            )
            return reader
        return packed

    def _uncompressed_bytes(self) -> int | None:
        if self.path.suffix == ".zst":
            with self.path.open("rb") as file:
                size = zstandard.frame_content_size(file.read(64))
            return int(size) if size >= 0 else None
        return None if self.path.suffix == ".xz" else self.path.stat().st_size


def open_image(path: Path, public_key: str | None) -> Image:
    """The image at `path`, its block map and signature beside it.

    `public_key` is minisign's, base64; None = a signature is not asked for. Raises ImageError.
    """
    if not path.is_file():
        raise ImageError(f"there is no file {path}")
    if path.suffix not in (".img", ".xz", ".zst"):
        raise ImageError(f"{path.name} is no image: .img, .img.xz or .img.zst")
    if public_key is not None:
        check_signature(path, public_key)
    plain = path.with_suffix("") if path.suffix in (".xz", ".zst") else path
    maps = (plain.with_suffix(".bmap"), plain.with_name(plain.name + ".bmap"))
    found = next((each for each in maps if each.is_file()), None)
    block_map = parse_block_map(found.read_bytes()[:BMAP_BYTES_MAX]) if found else None
    image = Image(path, block_map)
    first = next(image.blocks(), (0, b""))[1]
    partitions = read_partitions(first[:SECTOR_BYTES])
    if not partitions:
        raise ImageError(f"{path.name} has no partition table: it is no image of a card")
    end = max(each.start + each.size for each in partitions)
    if image.card_bytes is not None and image.card_bytes < end:
        raise ImageError(f"{path.name} is cut off: {image.card_bytes} bytes of {end}")
    return image


def check_signature(path: Path, public_key: str) -> None:
    """ImageError unless `PATH.minisig` is a signature of the file by `public_key` (minisign)."""
    try:
        text = path.with_name(path.name + ".minisig").read_text()[:SIGNATURE_BYTES_MAX]
    except OSError:
        raise ImageError(f"{path.name} is not signed: there is no {path.name}.minisig") from None
    try:
        lines = text.splitlines()
        signature, trusted = base64.b64decode(lines[1], validate=True), lines[2]
        whole = base64.b64decode(lines[3], validate=True)
        key = base64.b64decode(public_key.splitlines()[-1].strip(), validate=True)
        if signature[:2] != b"ED" or key[:2] != b"Ed" or len(key) != 42 or len(signature) != 74:
            raise ValueError("unknown algorithm")
        comment = trusted.removeprefix("trusted comment: ").encode()
        verify = VerifyKey(key[10:])
        if key[2:10] != signature[2:10]:
            raise ImageError(f"{path.name} is signed by another key")
        with path.open("rb") as file:
            digest = _blake2b(file)
        verify.verify(digest, signature[10:])
        verify.verify(signature[10:] + comment, whole)
    except (IndexError, ValueError, binascii.Error) as error:
        raise ImageError(f"{path.name}.minisig is no signature: {error}") from None
    except BadSignatureError:
        raise ImageError(f"{path.name} was changed after it was signed") from None


def parse_block_map(data: bytes) -> BlockMap:
    """Read a block map; raises ImageError."""
    try:
        # no entity of a document type is expanded: there must be none
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise ValueError("has a document type")
        root = ElementTree.fromstring(data.decode())  # noqa: S314 - no document type, see above
        image_bytes = int(root.findtext("ImageSize", "").strip())
        block = int(root.findtext("BlockSize", "").strip())
        ranges = tuple(
            _byte_range(element, block, image_bytes) for element in root.iterfind("BlockMap/Range")
        )
    except (ValueError, ElementTree.ParseError) as error:
        raise ImageError(f"the block map is damaged: {error}") from None
    if not ranges or not 0 < image_bytes <= IMAGE_BYTES_MAX:
        raise ImageError("the block map is damaged: it maps nothing")
    if any(after[0] < before[1] for before, after in pairwise(ranges)):
        raise ImageError("the block map is damaged: its ranges overlap")
    return BlockMap(image_bytes, ranges)


def _byte_range(element: ElementTree.Element, block: int, image_bytes: int) -> tuple[int, int, str]:
    first, _, last = (element.text or "").strip().partition("-")
    start, end = int(first) * block, min((int(last or first) + 1) * block, image_bytes)
    if not 0 <= start < end:
        raise ValueError(f"range {element.text!r}")
    return start, end, element.get("chksum", "")


def _all_blocks(stream: IO[bytes], expected: int | None) -> Iterator[tuple[int, bytes]]:
    """zstd says nothing of a stream that ends too early: `expected` bytes it must be."""
    offset = 0
    while block := _read(stream, BLOCK_BYTES):
        yield offset, block
        offset += len(block)
        if offset > IMAGE_BYTES_MAX:
            raise ImageError("the image is larger than any card we know")
    if expected is not None and offset != expected:
        raise ImageError(f"the image is cut off: {offset} bytes of {expected}")


def _mapped_blocks(stream: IO[bytes], block_map: BlockMap) -> Iterator[tuple[int, bytes]]:
    position = 0
    for start, end, checksum in block_map.ranges:
        position += _skip(stream, start - position)
        digest = hashlib.sha256()
        while position < end:
            block = _read(stream, min(BLOCK_BYTES, end - position))
            if not block:
                raise ImageError("the image is shorter than its block map says")
            digest.update(block)
            yield position, block
            position += len(block)
        if checksum and digest.hexdigest() != checksum:
            raise ImageError(f"the image is damaged between byte {start} and {end}")


def _skip(stream: IO[bytes], count: int) -> int:
    left = count
    while left:
        skipped = len(stream.read(min(BLOCK_BYTES, left)))
        if not skipped:
            raise ImageError("the image is shorter than its block map says")
        left -= skipped
    return count


def _read(stream: IO[bytes], count: int) -> bytes:
    """Exactly `count` bytes unless the stream ends; decompressors give less at a time."""
    parts = []
    while count and (part := stream.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _blake2b(file: IO[bytes]) -> bytes:
    digest = hashlib.blake2b()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.digest()
