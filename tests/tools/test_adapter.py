"""The Pico: its drive found, MicroPython for it told from others, the program laid out whole."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from card.adapter import check_uf2, find_pico, lay_out, write_micropython, write_program
from card.errors import CardError, ImageError, RefusedError

FAMILY = 0xE48BFF56


def uf2(blocks: int = 4, family: int = FAMILY) -> bytes:
    """A UF2 file: blocks of 256 bytes of flash each."""
    return b"".join(
        struct.pack(
            "<8I476sI",
            *(0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + 256 * number, 256, number, blocks),
            family,
            bytes([number]) * 256,
            0x0AB16F30,
        )
        for number in range(blocks)
    )


@pytest.fixture(name="drive")
def _drive(tmp_path: Path) -> Path:
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").write_text(
        "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
    )
    return drive


def test_micropython_is_copied_to_the_pico(drive: Path, tmp_path: Path) -> None:
    file = tmp_path / "micropython.uf2"
    file.write_bytes(uf2())
    write_micropython(file, *find_pico(drive))
    assert (drive / "micropython.uf2").read_bytes() == uf2()


def test_folder_that_is_no_pico_is_refused(tmp_path: Path) -> None:
    (tmp_path / "INFO_UF2.TXT").write_text("Board-ID: SAMD21\n")
    with pytest.raises(RefusedError, match="BOOTSEL"):
        find_pico(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        uf2()[:-1],
        uf2()[:-512],
        b"x" * 512,
        uf2(family=0xE48BFF59),
        uf2(2) + uf2(2),
        uf2()[512:],
    ],
)
def test_file_that_is_not_for_this_pico_is_refused(
    drive: Path, tmp_path: Path, data: bytes
) -> None:
    file = tmp_path / "wrong.uf2"
    file.write_bytes(data)
    with pytest.raises(ImageError):
        write_micropython(file, *find_pico(drive))
    assert not (drive / "wrong.uf2").exists()


def test_program_is_laid_out_as_the_pico_imports_it(tmp_path: Path) -> None:
    names = lay_out(tmp_path)
    assert {"main.py", "adapter.py", "line.py", "link/frames.py"} <= set(names)
    for name in names:
        compile((tmp_path / name).read_text(encoding="utf-8"), name, "exec")


def test_program_for_usb_says_so_in_its_settings(tmp_path: Path) -> None:
    assert "settings.py" not in lay_out(tmp_path / "uart")
    assert "settings.py" in lay_out(tmp_path / "usb", usb=True)
    assert (tmp_path / "usb" / "settings.py").read_text(encoding="utf-8") == "USB = True\n"


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="cannot read"):
        check_uf2(tmp_path / "missing.uf2", "RPI-RP2")


def test_program_that_cannot_be_copied_is_said_to_be_the_work_of_mpremote(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="mpremote"):  # not installed, or it finds no such port
        write_program(str(tmp_path / "no-port"), usb=False)
