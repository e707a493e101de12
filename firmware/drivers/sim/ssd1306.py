"""Simulated SSD1306: decodes what comes over I2C, and knows what an eye would see.

The glass is that of the usual module, which stands upright with segment remap and reversed COM
scan, as every driver sets them; without them the picture is mirrored here as it is there.
Source: SSD1306 data sheet rev. 1.1, sections 8.1.5.2 (I2C), 9 and 10 (commands), 8.7 (memory).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

COLUMNS, PAGES = 128, 8
_ARGUMENTS = {  # command: how many bytes follow it; every other command stands alone
    0x20: 1, 0x21: 2, 0x22: 2,  # memory addressing mode, column window, page window
    0x26: 6, 0x27: 6, 0x29: 5, 0x2A: 5, 0xA3: 2,  # scrolling
    0x81: 1, 0x8D: 1, 0xA8: 1, 0xAD: 1,  # contrast, charge pump, multiplex ratio, current
    0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1, 0xFD: 1,  # offset, clock, timing, lock
}  # fmt: skip
_HORIZONTAL, _VERTICAL, _PAGED = 0, 1, 2  # memory addressing modes


class SimSsd1306:
    """One chip and its glass, of `width` x `height` dots."""

    def __init__(self, width: int = 128, height: int = 64) -> None:
        self.width, self.height = width, height
        self.power_cycle()

    def power_cycle(self) -> None:
        """From outside: interrupt the supply; the memory is noise and the panel dark."""
        self.memory = np.full((PAGES, COLUMNS), 0xA5, dtype=np.uint8)
        self.on = self.inverted = self.all_on = self.pumped = False
        self.upright_columns = self.upright_rows = False
        self.contrast = 0x7F
        self.unknown_commands = 0
        self._pending: list[int] = []  # a command whose arguments are not complete
        self._mode = _PAGED
        self._column_window, self._page_window = (0, COLUMNS - 1), (0, PAGES - 1)
        self._column = self._page = 0

    def write(self, data: bytes) -> None:
        """One transaction: control bytes, each followed by one byte or by all that is left."""
        at = 0
        while at < len(data):
            control, at = data[at], at + 1
            continues, is_memory = control & 0x80, control & 0x40
            end = at + 1 if continues else len(data)
            for byte in data[at:end]:
                if is_memory:
                    self._store(byte)
                else:
                    self._command_byte(byte)
            at = end

    def read(self, size_bytes: int) -> bytes:
        """The status register: bit 6 is set while the display is off (section 10.1)."""
        return bytes([0x00 if self.on else 0x40]) * size_bytes

    def visible(self) -> npt.NDArray[np.bool_]:
        """The dots that shine, shape (height, width), from the upper left."""
        if not (self.on and self.pumped):
            return np.zeros((self.height, self.width), dtype=np.bool_)
        bits = np.unpackbits(self.memory[:, :, None], axis=2, bitorder="little")
        dots = bits.transpose(0, 2, 1).reshape(PAGES * 8, COLUMNS).astype(np.bool_)
        left = (COLUMNS - self.width) // 2  # narrow glass is bonded to the middle columns
        dots = dots[: self.height, left : left + self.width]
        dots = dots if self.upright_rows else dots[::-1]
        return np.ones_like(dots) if self.all_on else dots ^ self.inverted

    def pixels(self) -> bytes:
        """What shines, in the order of `model.Picture.pixels`."""
        pages = self.visible().reshape(self.height // 8, 8, self.width)
        return np.packbits(pages, axis=1, bitorder="little").tobytes()

    def _command_byte(self, byte: int) -> None:
        self._pending.append(byte)
        if len(self._pending) > _ARGUMENTS.get(self._pending[0], 0):
            command, *arguments = self._pending
            self._pending = []
            self._execute(command, arguments)

    def _execute(self, command: int, arguments: list[int]) -> None:
        if command == 0x20:
            self._mode = arguments[0] & 3
        elif command == 0x21:
            self._column_window = (arguments[0] & 0x7F, arguments[1] & 0x7F)
            self._column = self._column_window[0]
        elif command == 0x22:
            self._page_window = (arguments[0] & 7, arguments[1] & 7)
            self._page = self._page_window[0]
        elif command == 0x81:
            self.contrast = arguments[0]
        elif command == 0x8D:
            self.pumped = bool(arguments[0] & 0x04)
        elif command < 0x10 and self._mode == _PAGED:
            self._column = (self._column & 0x70) | command
        elif command < 0x20 and self._mode == _PAGED:
            self._column = (self._column & 0x0F) | (command & 0x07) << 4
        elif 0xB0 <= command <= 0xB7 and self._mode == _PAGED:
            self._page = command & 7
        else:
            self._switch(command)

    def _switch(self, command: int) -> None:
        if command in (0xA0, 0xA1):
            self.upright_columns = command == 0xA1
        elif command & 0xF0 == 0xC0:
            self.upright_rows = bool(command & 0x08)
        elif command in (0xA4, 0xA5):
            self.all_on = command == 0xA5
        elif command in (0xA6, 0xA7):
            self.inverted = command == 0xA7
        elif command in (0xAE, 0xAF):
            self.on = command == 0xAF
        elif not (command in _ARGUMENTS or 0x40 <= command <= 0x7F or command in (0x2E, 0xE3)):
            self.unknown_commands += 1  # timing, start line and no-operation change no dot here

    def _store(self, byte: int) -> None:
        # the remap works on what is written from then on, not on what is there (section 10.1.8)
        column = self._column if self.upright_columns else COLUMNS - 1 - self._column
        self.memory[self._page, column] = byte
        if self._mode == _PAGED:
            self._column = (self._column + 1) % COLUMNS
        elif self._mode == _HORIZONTAL:
            self._column, wrapped = _advance(self._column, self._column_window, COLUMNS)
            if wrapped:
                self._page, _ = _advance(self._page, self._page_window, PAGES)
        else:
            self._page, wrapped = _advance(self._page, self._page_window, PAGES)
            if wrapped:
                self._column, _ = _advance(self._column, self._column_window, COLUMNS)


def _advance(at: int, window: tuple[int, int], size: int) -> tuple[int, bool]:
    """The next address in a window, and whether it began again."""
    return (window[0], True) if at == window[1] else ((at + 1) % size, False)
