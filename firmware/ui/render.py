"""Renders a page into a 1-bit picture: decides sizes and places, cuts what is too long.

Knows no call and no clock. Two layouts: 128x64, and a reduced one for panels of 128x32.
Units: pixels from the top left corner.
Source: SSD1306 data sheet section 8.7 (order of the bytes in the display's memory).
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from firmware.model import Picture
from firmware.ui.font import Font, FontName, font, icons
from firmware.ui.pages import LEVEL_MAX, ROWS_MAX, Page

WIDTH = 128
HEIGHTS = (64, 32)
_ICON_STEP = 20  # an icon and the gap behind it
_GROUP = 4  # digits of a number between two gaps
_SUBJECT_MIN = 6  # characters; with less room beside the title nobody knows who it is


def render(page: Page, height: int = 64) -> Picture:
    """The picture of `page`; `height` is one of HEIGHTS. Never fails, whatever the texts are."""
    assert height in HEIGHTS
    canvas = _Canvas(height)
    if height == 64:
        _lay_out(canvas, page)
    else:
        _lay_out_reduced(canvas, page)
    return Picture(canvas.lines(), _pages_of(canvas.image, page.inverted), WIDTH, height)


class _Canvas:
    """A picture in the making, and the texts that were put on it."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("1", (WIDTH, height))
        self.height = height
        self._draw = ImageDraw.Draw(self.image)
        self._texts: list[tuple[int, int, str]] = []

    def lines(self) -> tuple[str, ...]:
        """The texts from top to bottom; those on one line are joined by a space."""
        rows: dict[int, list[str]] = {}
        for y, _, text in sorted(self._texts):
            rows.setdefault(y, []).append(text)
        return tuple(" ".join(row) for row in rows.values())

    def text(
        self, x: int, y: int, text: str, name: FontName, *, right: int = WIDTH, ink: int = 1
    ) -> int:
        """Write `text`, cut before `right`; return where it ends."""
        face = font(name)
        shown = face.fit(text, right - x)
        for index, character in enumerate(shown):
            self.image.paste(ink, (x + index * face.width, y), face.glyphs[character])
        if shown:
            self._texts.append((y, x, shown))
        return x + len(shown) * face.width

    def text_right(self, y: int, text: str, name: FontName) -> int:
        """Write `text` so that it ends at the right edge; return where it begins."""
        face = font(name)
        x = WIDTH - len(face.fit(text, WIDTH)) * face.width
        self.text(x, y, text, name)
        return x

    def icon(self, x: int, y: int, name: str) -> None:
        self.image.paste(1, (x, y), icons()[name])

    def box(self, left: int, top: int, right: int, bottom: int, *, filled: bool) -> None:
        """A rectangle; `right` and `bottom` are its last pixels."""
        self._draw.rectangle((left, top, right, bottom), fill=int(filled), outline=1)

    def level(self, level: int) -> int:
        """Quality bars in the top right corner, an empty one as a dot; return where they begin."""
        left = WIDTH - LEVEL_MAX * 3 + 1
        for bar in range(LEVEL_MAX):
            x, top = left + bar * 3, 8 - 2 * bar
            self.box(x, top if bar < level else 10, x + 1, 11, filled=True)
        return left - 3


def _lay_out(canvas: _Canvas, page: Page) -> None:
    """128x64: a title, what matters most in the middle, one or two lines below."""
    top = _head(canvas, page, FontName.NORMAL)
    if page.subject:
        canvas.text(0, top, page.subject, FontName.NORMAL)
        top += 16
    bottom = canvas.height
    if page.banner:
        bottom -= 20
        canvas.box(0, bottom, WIDTH - 1, canvas.height - 1, filled=True)
        canvas.text(12, bottom + 3, page.banner, FontName.NORMAL, ink=0)
    if page.progress is not None:
        bottom -= 20
        _progress(canvas, page.progress, bottom, canvas.height - 5)
    for row, text in enumerate(page.rows[:ROWS_MAX]):
        _row(canvas, top + 12 * row, text, is_selected=row == page.selected)
    _body(canvas, page.body, top, bottom, (FontName.NORMAL, FontName.SMALL))
    _large(canvas, page, 20)
    _foot(canvas, page)
    _notices(canvas, page.notices)


def _lay_out_reduced(canvas: _Canvas, page: Page) -> None:
    """128x32: one small line, and below it what matters most; of much text nothing but that."""
    body = " ".join(text for text in (page.body, page.banner) if text)
    if page.selected is None and len(page.rows) > 2:
        lines = [text for text in (page.title, *page.rows) if text]
        _tiny(canvas, lines)
        return
    lines = _wrap(body, font(FontName.TINY))
    if page.progress is None and len(lines) > 2:
        _tiny(canvas, lines)
        return
    top = _head(canvas, page, FontName.SMALL)
    bottom = canvas.height
    if page.progress is not None:
        bottom -= 8
        _progress(canvas, page.progress, bottom, canvas.height - 1)
    first = min(page.selected or 0, max(len(page.rows) - 2, 0))  # two rows, the selected in it
    for row, text in enumerate(page.rows[first : first + 2]):
        _row(canvas, top + 10 * row, text, is_selected=first + row == page.selected)
    _body(canvas, body, top, bottom, (FontName.SMALL, FontName.TINY))
    _large(canvas, page, 14)
    if page.foot_right:
        canvas.text_right(18, page.foot_right, FontName.SMALL)


def _tiny(canvas: _Canvas, lines: list[str]) -> None:
    """As many lines as fit."""
    height = font(FontName.TINY).height
    for row, text in enumerate(lines[: canvas.height // height]):
        canvas.text(0, height * row, text, FontName.TINY)


def _head(canvas: _Canvas, page: Page, name: FontName) -> int:
    """Icon, title and corner; return the first row below them."""
    title, reduced = page.title, name is not FontName.NORMAL
    if reduced and not page.large_icon:  # what no longer fits below says more than the title
        title = next(iter(page.notices), page.foot or _with_subject(title, page.subject))
    elif reduced and page.foot and not page.foot_right:
        both = f"{title} {page.foot}"
        title = both if _fits(both, font(name), WIDTH) else page.foot
    if not (title or page.corner):
        return 0
    x, right = 0, WIDTH
    if page.icon and not reduced:
        canvas.icon(0, 0, page.icon)
        x = _ICON_STEP
    is_beside = not reduced or _fits(f"{title} {page.corner}", font(name), WIDTH)
    if page.corner and is_beside:
        right = canvas.text_right(0, page.corner, name) - 2
    elif page.level is not None:
        right = canvas.level(page.level)
    canvas.text(x, 0, title, name, right=right)
    return font(name).height


def _with_subject(title: str, subject: str) -> str:
    """Both on one line; of a number that has no room its end, of a name its beginning."""
    room = WIDTH // font(FontName.SMALL).width - len(title) - 1
    if not subject or room < _SUBJECT_MIN:
        return title
    is_cut_number = len(subject) > room and not any(letter.isalpha() for letter in subject)
    return f"{title} ..{subject[2 - room :].strip()}" if is_cut_number else f"{title} {subject}"


def _large(canvas: _Canvas, page: Page, y: int) -> None:
    """The middle: digits 18 high, or letters as large as they fit; then two lines, then cut."""
    digits, tall = font(FontName.DIGITS), canvas.height == 64
    if all(character in digits.glyphs for character in page.large):
        x = 1
        if page.large_icon and tall:
            canvas.icon(0, y + 1, page.large_icon)
            x = 24
        canvas.text(x, y, page.large, FontName.DIGITS, right=WIDTH + 1)
        _blanks(canvas, page, y + digits.height)
    elif tall and _fits(page.large, font(FontName.LARGE), WIDTH):
        canvas.text(0, y - 2, page.large, FontName.LARGE)
    elif not tall or _fits(page.large, font(FontName.NORMAL), WIDTH):
        canvas.text(0, y + 1 if tall else y, page.large, FontName.NORMAL)
    else:
        lines = _wrap(page.large, font(FontName.NORMAL))
        canvas.text(0, y - 4, "".join(lines[:1]), FontName.NORMAL)
        canvas.text(0, y + 12, " ".join(lines[1:]), FontName.NORMAL)


def _blanks(canvas: _Canvas, page: Page, baseline: int) -> None:
    """A stroke in the place of each digit that is still to come."""
    dialled = sum(character != " " for character in page.large)
    for place in range(dialled, dialled + page.blanks):
        x = 1 + (place + place // _GROUP) * font(FontName.DIGITS).width
        canvas.box(x + 1, baseline - 2, x + 6, baseline - 1, filled=True)


def _row(canvas: _Canvas, y: int, text: str, *, is_selected: bool) -> None:
    if is_selected:
        canvas.box(0, y, WIDTH - 1, min(y + 10, canvas.height - 1), filled=True)
    canvas.text(1, y, text, FontName.SMALL, ink=0 if is_selected else 1)


def _foot(canvas: _Canvas, page: Page) -> None:
    right = WIDTH
    if page.foot_right:
        right = canvas.text_right(48, page.foot_right, FontName.NORMAL) - 2
    if page.foot:
        _line(canvas, page.foot, 48, right)


def _notices(canvas: _Canvas, notices: tuple[str, ...]) -> None:
    if len(notices) == 1:
        _line(canvas, notices[0], 47, WIDTH)
    for row, notice in enumerate(notices if len(notices) > 1 else ()):
        canvas.text(0, 40 + 12 * row, notice, FontName.SMALL)


def _line(canvas: _Canvas, text: str, y: int, right: int) -> None:
    """One line in the normal size, or in the small one on the same baseline if it is too long."""
    if _fits(text, font(FontName.NORMAL), right):
        canvas.text(0, y, text, FontName.NORMAL, right=right)
    else:
        canvas.text(0, y + 3, text, FontName.SMALL, right=right)


def _body(
    canvas: _Canvas, body: str, top: int, bottom: int, names: tuple[FontName, FontName]
) -> None:
    """Wrapped text, centred between two rows, in the first size in which it fits."""
    if not body:
        return
    lines: list[str] = []
    for name in names:
        height = font(name).height
        lines = _wrap(body, font(name))
        if len(lines) * height <= bottom - top:
            break
    lines = lines[: max((bottom - top) // height, 0)]
    y = top + (bottom - top - len(lines) * height) // 2
    for row, line in enumerate(lines):
        canvas.text(0, y + row * height, line, name)


def _wrap(text: str, face: Font) -> list[str]:
    """Lines of whole words; one longer than a line stays alone and is cut when drawn."""
    lines: list[str] = []
    for word in (face.fold(part) for part in text.split(" ") if part):
        if lines and (len(lines[-1]) + 1 + len(word)) * face.width <= WIDTH:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def _progress(canvas: _Canvas, fraction: float, top: int, bottom: int) -> None:
    canvas.box(0, top, WIDTH - 1, bottom, filled=False)
    filled = int(min(max(fraction, 0.0), 1.0) * (WIDTH - 4))
    if filled:
        canvas.box(2, top + 2, 1 + filled, bottom - 2, filled=True)


def _fits(text: str, face: Font, width: int) -> bool:
    return len(face.fold(text)) * face.width <= width


def _pages_of(image: Image.Image, inverted: bool) -> bytes:
    """The bytes in the order of the display: bands of eight rows, lowest bit uppermost."""
    bits = np.asarray(image, dtype=np.bool_).reshape(-1, 8, WIDTH) ^ inverted
    return np.packbits(bits, axis=1, bitorder="little").tobytes()
