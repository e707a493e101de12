"""Writing an image: whole or not at all, and cards that lie are found out."""

from __future__ import annotations

from pathlib import Path

import pytest
from card.errors import BadCardError, CardError, ImageError
from card.image import open_image
from card.writing import (
    PROBE_BYTES,
    compare,
    is_unfinished,
    probe_capacity,
    probe_places,
    verify,
    write,
)

from tests.tools.cards import MIB, SimCard, block_map, make_image


def silent(what: str, done: int, total: int | None) -> None:
    assert total is None or done <= total, f"{what}: {done} of {total}"


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "fernruf.img"


def test_card_holds_the_image_byte_for_byte_and_verifies(path: Path) -> None:
    data = make_image(path)
    card = SimCard(128 * MIB)
    written = write(open_image(path, None), card, silent)
    verify(written, card, silent)
    assert card.flash[: len(data)] == data
    assert written.bytes_total == len(data)


def test_first_block_is_written_last(path: Path) -> None:
    make_image(path)
    card = SimCard(128 * MIB)
    write(open_image(path, None), card, silent)
    assert card.written[-1][0] == 0
    assert card.written[0][0] == 0, "the mark of an unfinished card comes first"


def test_card_pulled_out_while_writing_says_that_it_is_unfinished(path: Path) -> None:
    make_image(path)
    card = SimCard(128 * MIB, gone_after_bytes=20 * MIB)
    with pytest.raises(BadCardError, match="No medium"):
        write(open_image(path, None), card, silent)
    assert is_unfinished(bytes(card.flash[:512]))
    assert card.flash[510:512] != b"\x55\xaa"


def test_damaged_image_leaves_an_unfinished_card(path: Path) -> None:
    data = make_image(path)
    text = block_map(data, [(0, 10), (2000, 3000)])
    path.with_suffix(".bmap").write_text(text)
    changed = bytearray(data)
    changed[2500 * 4096] ^= 1
    path.write_bytes(changed)
    card = SimCard(128 * MIB)
    with pytest.raises(ImageError, match="damaged between"):
        write(open_image(path, None), card, silent)
    assert is_unfinished(bytes(card.flash[:512]))


def test_block_map_leaves_out_what_is_empty(path: Path) -> None:
    data = make_image(path)
    path.with_suffix(".bmap").write_text(block_map(data, [(0, 300), (11_000, 12_000)]))
    card = SimCard(128 * MIB)
    written = write(open_image(path, None), card, silent)
    assert written.bytes_total == (301 + 1001) * 4096
    assert card.flash[11_000 * 4096 : 12_001 * 4096] == data[11_000 * 4096 : 12_001 * 4096]
    assert card.flash[5_000 * 4096] == SimCard(128 * MIB).flash[5_000 * 4096], "was not touched"


def test_byte_that_rots_is_found_by_verifying(path: Path) -> None:
    make_image(path)
    card = SimCard(128 * MIB, rots_at=30 * MIB + 17)
    written = write(open_image(path, None), card, silent)
    with pytest.raises(BadCardError, match="did not keep"):
        verify(written, card, silent)
    with pytest.raises(BadCardError, match="differs"):
        compare(open_image(path, None), card, silent)


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("holds_mib", [8, 24, 31, 64])
def test_counterfeit_card_is_found_before_the_image_is_written(
    path: Path, holds_mib: int, wraps: bool
) -> None:
    make_image(path)
    card = SimCard(512 * MIB, holds_bytes=holds_mib * MIB, wraps=wraps)
    with pytest.raises(BadCardError, match="counterfeit"):
        write(open_image(path, None), card, silent)


def test_honest_card_of_any_size_passes_the_test_and_is_left_empty_there() -> None:
    for size in (8 * MIB, 37 * MIB + 512, 100 * MIB):
        card = SimCard(size)
        probe_capacity(card, silent)
        for place in probe_places(size):
            assert card.read(place, PROBE_BYTES) == bytes(PROBE_BYTES), (size, place)


def test_probes_lie_on_the_card_and_reach_its_end() -> None:
    for size in (4 * MIB, 8 * 10**9, 64 * 10**9 + 512):
        places = probe_places(size)
        assert all(MIB <= place <= size - PROBE_BYTES for place in places)
        assert places[-1] >= size - 2 * PROBE_BYTES
        assert len(places) < 80


def test_image_larger_than_the_card_is_refused_before_anything_is_written(path: Path) -> None:
    make_image(path)
    card = SimCard(16 * MIB)
    with pytest.raises(ImageError, match="needs"):
        write(open_image(path, None), card, silent)
    assert not card.written


def test_every_error_of_a_card_is_one_line(path: Path) -> None:
    make_image(path)
    card = SimCard(512 * MIB, holds_bytes=8 * MIB)
    with pytest.raises(CardError) as caught:
        write(open_image(path, None), card, silent)
    assert "\n" not in str(caught.value)
