"""Writing an image to a card, and reading it back: the order in which nothing is left half done.

The first block, with the partition table, is written last: until then the card says that it is
unfinished. Before anything else the card is asked at many places whether it is as large as it says.
Units: bytes.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from card.errors import BadCardError, CardError, ImageError
from card.image import Image
from card.target import Target

UNFINISHED = b"FERNRUF: this card is unfinished; please write it again.\n"
EDGE_BYTES = 1 << 20  # of old partition tables, at both ends of a card
PROBES_MAX = 48
PROBE_BYTES = 4096  # a page of flash
FLUSH_EVERY_BYTES = 64 << 20  # so that progress means progress, and a pulled card is noticed
READERS = 2  # one waits for the card while the other computes
BLOCKS_AHEAD_MAX = 8  # unpacked and not yet written

Hashed = tuple[int, bytes, bytes]  # offset, block, SHA-256
Progress = Callable[[str, int, int | None], None]  # what is done, bytes so far, bytes in all


@dataclass(frozen=True, slots=True)
class Written:
    """What was written where: what verify() compares."""

    blocks: tuple[tuple[int, int, bytes], ...]  # offset, length, SHA-256

    @property
    def bytes_total(self) -> int:
        """How much was written."""
        return sum(length for _, length, _ in self.blocks)


def write(image: Image, target: Target, progress: Progress) -> Written:
    """Write the image; raises ImageError or BadCardError and then leaves a card that says so."""
    check_size(image, target)
    target.discard()
    mark_unfinished(target)
    probe_capacity(target, progress)
    blocks: list[tuple[int, int, bytes]] = []
    first = b""
    done = flushed = 0
    for offset, block, digest in _ahead(image.blocks()):
        blocks.append((offset, len(block), digest))
        if offset == 0:
            first = block
        else:
            if offset + len(block) > target.size_bytes:
                raise ImageError("the image does not fit on this card")
            target.write(offset, block)
        done += len(block)
        if done - flushed >= FLUSH_EVERY_BYTES:
            target.flush()
            flushed = done
        progress("writing", done, image.bytes_total)
    target.flush()
    if not first:
        raise ImageError("the image has no first block")
    target.write(0, first)
    target.flush()
    return Written(tuple(blocks))


def verify(written: Written, target: Target, progress: Progress) -> None:
    """Read everything back; BadCardError names the first place that differs."""

    def differs(block: tuple[int, int, bytes]) -> bool:
        offset, length, digest = block
        return hashlib.sha256(target.read(offset, length)).digest() != digest

    done = 0
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="verify")
    try:
        for block, wrong in zip(written.blocks, pool.map(differs, written.blocks), strict=True):
            if wrong:
                raise BadCardError(f"the card did not keep what was written at byte {block[0]}")
            done += block[1]
            progress("verifying", done, written.bytes_total)
    finally:
        pool.shutdown(cancel_futures=True)


def compare(image: Image, target: Target, progress: Progress) -> None:
    """Whether the card holds this image; BadCardError names the first block that differs.

    A card that has been started once differs, or has settings on it: it is no copy any more.
    """
    check_size(image, target)
    done = 0
    for offset, block, _ in _ahead(image.blocks()):
        if target.read(offset, len(block)) != block:
            raise BadCardError(
                f"the card differs from the image at byte {offset}"
                " (a card that has settings or has been started does)"
            )
        done += len(block)
        progress("verifying", done, image.bytes_total)


def check_size(image: Image, target: Target) -> None:
    """ImageError if the card is too small, as far as the image tells."""
    if image.card_bytes is not None and image.card_bytes > target.size_bytes:
        raise ImageError(
            f"the image needs {image.card_bytes} bytes, the card has {target.size_bytes}"
        )


def mark_unfinished(target: Target) -> None:
    """Neither a computer nor a Raspberry Pi takes this card for a finished one."""
    edge = min(EDGE_BYTES, target.size_bytes)
    target.write(0, UNFINISHED.ljust(edge, b"\0"))
    target.write(target.size_bytes - edge, bytes(edge))
    target.write(0, UNFINISHED.ljust(edge, b"\0"))  # if the two overlap
    target.flush()


def is_unfinished(first_bytes: bytes) -> bool:
    """Whether the card was left in the middle of write()."""
    return first_bytes.startswith(UNFINISHED)


def probe_capacity(target: Target, progress: Progress) -> None:
    """Find a card that is smaller than it says: BadCardError.

    Counterfeit cards take what lies beyond their flash and drop it or write it over the beginning.
    So each place gets contents of its own, and all are read when all are written.
    """
    places = probe_places(target.size_bytes)
    total_bytes = 2 * len(places) * PROBE_BYTES
    for done, place in enumerate(places):
        target.write(place, _tag(place))
        progress("testing the card", done * PROBE_BYTES, total_bytes)
    target.flush()
    good_until = 0
    for done, place in enumerate(places, len(places)):
        if target.read(place, PROBE_BYTES) != _tag(place):
            raise BadCardError(
                f"this card says that it holds {target.size_bytes / 1e9:.1f} GB and does not keep "
                f"what is written beyond {good_until / 1e9:.1f} GB: it is counterfeit or worn out"
            )
        good_until = place + PROBE_BYTES
        progress("testing the card", (done + 1) * PROBE_BYTES, total_bytes)
    for place in places:
        target.write(place, bytes(PROBE_BYTES))


def probe_places(size_bytes: int) -> list[int]:
    """Where to look: each power of two, where false ends lie, and evenly between; ascending."""
    step = max(size_bytes // (PROBES_MAX // 2), PROBE_BYTES)
    powers = (1 << bit for bit in range(21, size_bytes.bit_length()))
    wanted = {*powers, *range(step, size_bytes, step), size_bytes - PROBE_BYTES}
    aligned = {place // PROBE_BYTES * PROBE_BYTES for place in wanted}
    return sorted(place for place in aligned if EDGE_BYTES <= place <= size_bytes - PROBE_BYTES)


def _tag(place: int) -> bytes:
    """Contents that belong to one place only."""
    return hashlib.shake_128(b"fernruf" + place.to_bytes(8, "big")).digest(PROBE_BYTES)


def _ahead(blocks: Iterator[tuple[int, bytes]]) -> Iterator[Hashed]:
    """The same blocks, unpacked and hashed by a thread of its own while the card is busy."""
    waiting: queue.Queue[Hashed | CardError | None] = queue.Queue(BLOCKS_AHEAD_MAX)
    stopped = threading.Event()

    def put(item: Hashed | CardError | None) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def unpack() -> None:
        try:
            for offset, block in blocks:
                if not put((offset, block, hashlib.sha256(block).digest())):
                    return
            put(None)
        except CardError as error:
            put(error)

    thread = threading.Thread(target=unpack, name="unpack", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, CardError):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
