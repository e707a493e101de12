"""Paints every view of the page, light and dark and as wide as a telephone, into docs/page.

`python -m tests.web.paint_pages`; look at the pictures afterwards.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from firmware.demo.measure import read_wav
from tests.web.browser import WAIT_MS, chromium, running_exchange, running_soft

SPEECH = Path(__file__).parents[2] / "firmware" / "demo" / "speech" / "kennedy.wav"
FOLDER = Path(__file__).parents[2] / "docs" / "page"
VIEWS = ("telephone", "book", "calls", "rules", "line", "helping", "settings", "log")
LOOKS = {"light": (1100, "light"), "dark": (1100, "dark"), "phone": (390, "light")}
HEIGHT = 900
CONTACTS = {"Grandma Erna": "852120305277", "Bert": "478505244227"}
COLOURS = 64


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        with (
            running_exchange(top / "exchange") as bootstrap,
            running_soft(top / "anna", "anna", bootstrap, read_wav(SPEECH)[:80_000]) as soft,
            sync_playwright() as playwright,
        ):
            browser = chromium(playwright)
            page = browser.new_context(locale="en-GB").new_page()
            page.goto(soft.address)
            expect(page.locator("#number")).to_have_text(re.compile("[0-9]"), timeout=WAIT_MS)
            page.click("#sound-on")
            furnish(page)
            for view in VIEWS:
                page.locator(f'nav a[href="#{view}"]').click()
                expect(page.locator(f"#{view}")).to_be_visible()
                for look in LOOKS:
                    paint(page, view, look)
            browser.close()


def furnish(page: Page) -> None:
    """Somebody in the book, and rules."""
    page.locator('nav a[href="#book"]').click()
    for name, number in CONTACTS.items():
        page.fill("#contact-name", name)
        page.fill("#contact-number", number)
        page.set_checked("#contact-favourite", name.startswith("Grand"))
        page.locator("#contact-form button").click()
        expect(page.locator("#book-list")).to_contain_text(name)


def paint(page: Page, view: str, look: str) -> None:
    """One picture, small enough for the repository."""
    width, scheme = LOOKS[look]
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    path = FOLDER / f"{view}-{look}.png"
    page.screenshot(path=path, full_page=True)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
