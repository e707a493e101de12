"""The simulated SSD1306 against its data sheet, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.drivers.sim.ssd1306 import SimSsd1306

COMMANDS = 0x00  # control byte: only commands follow
DATA = 0x40  # control byte: only data follows
AWAKE = (0xA1, 0xC8, 0x8D, 0x14, 0xAF)  # upright, charge pump, display on


def awake_chip(*commands: int) -> SimSsd1306:
    """A chip that is on, with an empty memory, after `commands`."""
    chip = SimSsd1306()
    chip.write(bytes([COMMANDS, *AWAKE, 0x20, 0, 0x21, 0, 127, 0x22, 0, 7]))
    chip.write(bytes([DATA]) + bytes(1024))
    chip.write(bytes([COMMANDS, *commands]))
    return chip


def dots(chip: SimSsd1306) -> list[tuple[int, int]]:
    """Rows and columns of the dots that shine."""
    return [(int(row), int(column)) for row, column in np.argwhere(chip.visible())]


def test_ssd1306_after_power_up_is_dark() -> None:
    assert not SimSsd1306().visible().any()


def test_ssd1306_on_without_its_charge_pump_is_dark() -> None:
    chip = SimSsd1306()
    chip.write(bytes([COMMANDS, 0xA1, 0xC8, 0xAF]))
    assert not chip.visible().any()


def test_ssd1306_lowest_bit_of_a_byte_is_the_uppermost_dot() -> None:
    chip = awake_chip()
    chip.write(bytes([DATA, 0x01, 0x80]))
    assert dots(chip) == [(0, 0), (7, 1)]


def test_ssd1306_commands_one_by_one_with_control_bytes_are_the_same() -> None:
    chip = awake_chip()
    for byte in (0x21, 5, 6, 0x22, 1, 1):
        chip.write(bytes([0x80, byte]))
    chip.write(bytes([0xC0, 0x01, 0xC0, 0x01, 0x40, 0x02]))  # data one by one, then the rest
    assert dots(chip) == [(8, 6), (9, 5)]


def test_ssd1306_horizontal_mode_goes_to_the_next_page_at_the_end_of_the_window() -> None:
    chip = awake_chip(0x20, 0, 0x21, 10, 11, 0x22, 2, 3)
    chip.write(bytes([DATA, 1, 1, 1, 1, 2]))
    assert dots(chip) == [(16, 11), (17, 10), (24, 10), (24, 11)]


def test_ssd1306_vertical_mode_goes_to_the_next_column_at_the_end_of_the_window() -> None:
    chip = awake_chip(0x20, 1, 0x21, 10, 11, 0x22, 2, 3)
    chip.write(bytes([DATA, 1, 1, 1]))
    assert dots(chip) == [(16, 10), (16, 11), (24, 10)]


def test_ssd1306_page_mode_stays_on_its_page() -> None:
    chip = awake_chip(0x20, 2, 0xB3, 0x0F, 0x17)  # page 3, column 0x7F
    chip.write(bytes([DATA, 1, 1]))
    assert dots(chip) == [(24, 0), (24, 127)]


def test_ssd1306_without_remap_and_reversed_scan_is_upside_down() -> None:
    chip = SimSsd1306()
    chip.write(bytes([COMMANDS, 0x8D, 0x14, 0xAF, 0x20, 0]))
    chip.write(bytes([DATA]) + bytes([1]) + bytes(1023))
    assert dots(chip) == [(63, 127)]


def test_ssd1306_inverted_and_all_on_and_off_show_so() -> None:
    chip = awake_chip(0xA7)
    assert chip.visible().all()
    chip.write(bytes([COMMANDS, 0xA6, 0xA5]))
    assert chip.visible().all()
    chip.write(bytes([COMMANDS, 0xA4, 0xAE]))
    assert not chip.visible().any()
    assert chip.read(2) == b"\x40\x40"


def test_ssd1306_contrast_is_kept() -> None:
    assert awake_chip(0x81, 0x20).contrast == 0x20


def test_ssd1306_unknown_command_is_counted() -> None:
    assert awake_chip(0xE3, 0x2E, 0x40, 0xD5, 0x80).unknown_commands == 0
    assert awake_chip(0xFF).unknown_commands == 1


@pytest.mark.parametrize("seed", range(20))
def test_ssd1306_random_pixels_come_back_as_they_were_sent(seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, 1024, dtype=np.uint8).tobytes()
    chip = awake_chip()
    chip.write(bytes([DATA]) + pixels)
    assert chip.pixels() == pixels, f"seed {seed}"


def test_ssd1306_random_bytes_never_upset_the_chip() -> None:
    seed = 815
    dice = np.random.default_rng(seed)
    chip = SimSsd1306()
    for _ in range(2000):
        chip.write(dice.integers(0, 256, int(dice.integers(0, 40)), dtype=np.uint8).tobytes())
        assert chip.visible().shape == (64, 128), f"seed {seed}"
