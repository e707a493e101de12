"""Writes docs/pictures.md and its sheets: python -m tests.ui.picture_book; then look at them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from firmware.ui.font import FontName, font
from firmware.ui.language import in_language
from firmware.ui.menu.texts import ENGLISH as MENU
from firmware.ui.pages import Page, page
from firmware.ui.render import HEIGHTS, WIDTH, render
from firmware.ui.texts import ENGLISH
from tests.ui import call_cases
from tests.ui.cases import CASES, announced
from tests.ui.images import image_of
from tests.ui.menu.cases import KEYS, menu_page

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHEETS = DOCS / "pictures"
LANGUAGES = {"en": "English", "de": "German"}
COLUMNS, MARGIN, CAPTION = 4, 8, 14
_SCALE = 2
_PAPER, _INK = 255, 0


def pages(language: str) -> dict[str, Page]:
    """Every page by name: those of the telephone, then those of the menu."""
    texts, menu = in_language(ENGLISH, language), in_language(MENU, language)
    cases = CASES | announced(language)
    shown = {name: page(view, status, texts) for name, (view, status) in cases.items()}
    shown |= {f"calls_{name}": call_cases.shown(name, texts) for name in call_cases.CASES}
    return shown | {f"menu_{name}": menu_page(name, menu) for name in KEYS}


def sheet(language: str, height: int) -> Image.Image:
    """All pages of one language and one height of the display, with their names."""
    all_pages = pages(language)
    wide, tall = WIDTH * _SCALE + MARGIN, height * _SCALE + CAPTION + MARGIN
    rows = -(-len(all_pages) // COLUMNS)
    paper = Image.new("L", (COLUMNS * wide + MARGIN, rows * tall + MARGIN), _PAPER)
    for place, (name, shown) in enumerate(all_pages.items()):
        x, y = MARGIN + place % COLUMNS * wide, MARGIN + place // COLUMNS * tall
        small = image_of(render(shown, height)).convert("L")
        paper.paste(
            small.resize((WIDTH * _SCALE, height * _SCALE), Image.Resampling.NEAREST), (x, y)
        )
        _caption(paper, x, y + height * _SCALE + 1, name)
    return paper.convert("1")


def book() -> str:
    """The text of docs/pictures.md."""
    lines = [
        "# What the display shows",
        "",
        "Every page of the display, in both languages and for both heights. Made by",
        "`python -m tests.ui.picture_book` from the program's own pages, and checked by a test.",
        "",
        "Keys of the menu: `#` opens it and chooses, `2` up, `8` down, `*` back. In the phone book",
        "keys spell a name until `#` is pressed; lifting the handset over a contact dials it.",
    ]
    for language, name in LANGUAGES.items():
        for height in HEIGHTS:
            text = f"{name}, 128 x {height}"
            lines += ["", f"## {text}", "", f"![{text}](pictures/{language}-{height}.png)"]
    return "\n".join(lines) + "\n"


def _caption(paper: Image.Image, x: int, y: int, text: str) -> None:
    face = font(FontName.SMALL)
    for index, character in enumerate(text):
        paper.paste(_INK, (x + index * face.width, y), face.glyphs[character])


if __name__ == "__main__":
    SHEETS.mkdir(exist_ok=True)
    (DOCS / "pictures.md").write_text(book(), encoding="utf-8")
    for language in LANGUAGES:
        for height in HEIGHTS:
            sheet(language, height).save(SHEETS / f"{language}-{height}.png", optimize=True)
