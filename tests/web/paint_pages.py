"""Paints every view of the page, light and dark and as wide as a telephone, into docs/page.

`python -m tests.web.paint_pages`; look at the pictures afterwards.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from firmware.demo.measure import read_wav
from firmware.events.store import Kind, SaveRecord
from tests.web.browser import WAIT_MS, chromium, message_left, running_exchange, running_soft

SPEECH = Path(__file__).parents[2] / "firmware" / "demo" / "speech" / "kennedy.wav"
FOLDER = Path(__file__).parents[2] / "docs" / "page"
VIEWS = ("telephone", "book", "rules", "line", "calls", "helping", "settings", "log")
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
            running_soft(top / "anna", "anna", bootstrap, RECORDS) as soft,
            running_soft(top / "bert", "bert", bootstrap) as other,
            sync_playwright() as playwright,
        ):
            browser = chromium(playwright, f"--use-file-for-fake-audio-capture={SPEECH}")
            bert = browser.new_context(locale="en-GB").new_page()
            bert.goto(other.address)
            bert.click("#sound-on")
            page = browser.new_context(locale="en-GB").new_page()
            page.goto(soft.address)
            expect(page.locator("#number")).to_have_text(re.compile("[0-9]"), timeout=WAIT_MS)
            page.click("#sound-on")
            furnish(page)
            for view in VIEWS:
                if view == "line":
                    call(page, bert)
                page.locator(f'nav a[href="#{view}"]').click()
                expect(page.locator(f"#{view}")).to_be_visible()
                for look in LOOKS:
                    paint(page, view, look)
                if view == "line":
                    hang_up(page)
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


def call(page: Page, other: Page) -> None:
    """The line is seen in a call."""
    page.locator('nav a[href="#telephone"]').click()
    number = other.locator("#number").inner_text().replace(" ", "")
    page.click("#hook")
    expect(page.locator("#state")).to_have_text("Handset lifted", timeout=WAIT_MS)
    page.keyboard.type(number, delay=150)
    expect(other.locator("#state")).to_have_text("Your telephone rings", timeout=WAIT_MS)
    other.click("#hook")
    expect(page.locator("#state")).to_have_text("In a call", timeout=WAIT_MS)
    page.wait_for_timeout(40_000)


def hang_up(page: Page) -> None:
    """The call log has a call then."""
    page.locator('nav a[href="#telephone"]').click()
    page.click("#hook")
    expect(page.locator("#state")).to_have_text("Ready", timeout=WAIT_MS)


def a_month() -> tuple[SaveRecord, ...]:
    """Of a line: two short failures, and an evening of bad weather."""
    chance, now_h = random.Random(1), int(time.time() // 3600)
    days: dict[int, dict[int, list[float]]] = {}
    for hour in range(now_h - 30 * 24, now_h):
        is_down, is_bad = hour % 331 in (7, 8, 9), hour % 401 == 60
        row: list[float] = [0 if is_down else 3600, 3600 if is_down else 0, 0, 0, 0, 0, 0, 0]
        if hour % 24 in (8, 9, 11, 15, 18, 19, 20) and chance.random() < 0.6:
            lost = 0.03 if is_bad else max(0.0, chance.gauss(0.001, 0.002))
            times_s = (
                chance.uniform(*each) for each in ((0.004, 0.012), (0.04, 0.07), (0.02, 0.05))
            )
            row[2:] = [9000, round(9000 * lost), 180, *(180 * each for each in times_s)]
        days.setdefault(hour // 24, {})[hour % 24] = row
    return tuple(
        SaveRecord(Kind.LINE, str(day), json.dumps(rows).encode()) for day, rows in days.items()
    )


RECORDS = (*message_left(read_wav(SPEECH)[:80_000]), *a_month())


def paint(page: Page, view: str, look: str) -> None:
    """One picture, small enough for the repository."""
    width, scheme = LOOKS[look]
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.mouse.move(0, HEIGHT - 1)
    path = FOLDER / f"{view}-{look}.png"
    page.screenshot(path=path, full_page=True)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
