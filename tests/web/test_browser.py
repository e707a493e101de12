"""The page in Debian's Chromium: first visit, a call between two soft handsets, every view."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from firmware.demo.measure import LIKENESS_MIN, cut, find, read_wav
from firmware.model import SAMPLE_RATE_HZ
from firmware.web.connections import CONNECTIONS_MAX
from tests.web.browser import (
    WAIT_MS,
    Soft,
    chromium,
    message_left,
    next_line,
    record,
    recorded,
    running_exchange,
    running_soft,
)

SPEECH = Path(__file__).parents[2] / "firmware" / "demo" / "speech" / "kennedy.wav"
MESSAGE = read_wav(SPEECH)[:16_000]
SECONDS_MIN = 4  # of the speech's eleven
TRIES_MAX = 6  # speeches listened to, on a machine that has other things to do as well
SPEECH_MS = 11_050
MORE = 1_600  # samples: there is a gap before each speech
PLAY = """async audio => {
  const ended = new Promise((done, failed) => {
    audio.onerror = failed;
    audio.addEventListener("ended", done);
  });
  await audio.play();
  await ended;
  return audio.currentTime;
}"""
FAR_CALL = """async path => {
  const { box } = await import("./common.js"), line = await import("./line.js");
  Object.assign(box, {
    state: "connected", path, remote: "[2001:db8:85a3:1234:5678:8a2e:370:7334]:46881",
    mapped: "203.0.113.200:46881", number: "774046112712", peer_number: "375873982561",
    peer_name: "Grandmother Wilhelmina", rtt_s: 0.123,
  });
  line.show();
  const card = document.querySelector("#route").parentElement;
  return [...document.querySelectorAll("#route text")].map(each => each.getBoundingClientRect())
    .concat(document.querySelector("#route").getBoundingClientRect())
    .every(each => each.left >= 0 && each.right <= card.getBoundingClientRect().right)
    && card.scrollWidth <= card.clientWidth;
}"""
WAIT = "ms => new Promise(done => setTimeout(done, ms))"
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def softs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Soft, Soft]]:
    top = tmp_path_factory.mktemp("softs")
    with (
        running_exchange(top / "exchange") as bootstrap,
        running_soft(top / "anna", "anna", bootstrap, message_left(MESSAGE)) as anna,
        running_soft(top / "bert", "bert", bootstrap) as bert,
    ):
        yield anna, bert


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = chromium(playwright, f"--use-file-for-fake-audio-capture={SPEECH}")
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(browser: Browser, softs: tuple[Soft, Soft]) -> tuple[Page, Page]:
    anna, bert = (visit(browser, soft) for soft in softs)
    return anna, bert


def visit(browser: Browser, soft: Soft) -> Page:
    """A visitor by the address that the terminal printed; a mistake of a script ends the test."""
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(WAIT_MS)
    page.on("pageerror", lambda error: pytest.fail(f"{page.url}: {error}"))
    page.goto(soft.address)
    expect(page.locator("#telephone")).to_be_visible()
    assert "invitation" not in page.url, "it is not left in the address bar"
    return page


def view(page: Page, name: str) -> None:
    page.locator(f'nav a[href="#{name}"]').click()
    expect(page.locator(f"#{name}")).to_be_visible()


def state(page: Page, words: str) -> None:
    expect(page.locator("#state")).to_contain_text(words)


def number_of(page: Page) -> str:
    expect(page.locator("#number")).to_have_text(re.compile("[0-9]{4}"))
    return page.locator("#number").inner_text().replace(" ", "")


def test_first_visit_needs_the_code_of_the_display(
    browser: Browser, softs: tuple[Soft, Soft]
) -> None:
    soft = softs[0]
    page = browser.new_context(locale="de-DE").new_page()
    page.goto(soft.base)
    expect(page.locator("#door-title")).to_have_text("Willkommen")
    code = next_line(soft.process, "the code for the page: ")
    page.fill("#code", f"{(int(code) + 1) % 10**6:06}")
    page.keyboard.press("Enter")
    expect(page.locator("#alarm")).to_have_text("Das ist nicht der Code auf dem Display")
    page.fill("#code", code)
    page.keyboard.press("Enter")
    expect(page.locator("#telephone")).to_be_visible()
    expect(page.locator("#telephone-title")).to_have_text("Telefon")
    page.reload()
    expect(page.locator("#telephone")).to_be_visible()
    page.click("#leave")
    expect(page.locator("#door")).to_be_visible()
    page.context.close()


def test_two_soft_handsets_talk(pages: tuple[Page, Page], softs: tuple[Soft, Soft]) -> None:
    anna, bert = pages
    for page in pages:
        page.check("#headset")
    number = number_of(bert)
    bert.click("#sound-on")
    expect(bert.locator("#sound-state")).to_have_text("The sound is on.")
    view(anna, "line")
    expect(anna.locator("#reach")).to_contain_text("can be called")
    view(anna, "telephone")
    anna.click("#hook")
    state(anna, "Handset lifted")
    anna.keyboard.type(number[:6], delay=150)
    for key in number[6:]:
        anna.click(f'[data-key="{key}"]')
    state(anna, "It rings")
    state(bert, "Your telephone rings")
    assert "☎" in bert.title()
    bert.keyboard.press("l")
    state(anna, "In a call")
    expect(bert.locator("#microphone-state")).to_have_text("The microphone is on.")
    assert seconds_heard(bert) >= SECONDS_MIN
    view(anna, "line")
    expect(anna.locator('[data-plot="jitter_ms"] polyline')).to_have_attribute(
        "points", re.compile(r"\d \d")
    )
    expect(anna.locator("#route")).to_have_attribute("aria-label", re.compile("Bert"))
    assert refused(softs[1], CONNECTIONS_MAX + 40) >= 40
    state(bert, "In a call")
    expect(bert.locator("#sound-state")).to_have_text("The sound is on.")
    expect(bert.locator("#alarm")).to_be_hidden()
    view(anna, "telephone")
    anna.click("#hook")
    state(anna, "Ready")
    bert.keyboard.press("h")
    state(bert, "Ready")
    expect(bert.locator("#microphone-state")).to_contain_text("off")
    view(anna, "calls")
    expect(anna.locator("#calls-list")).to_contain_text("outgoing")
    view(bert, "calls")
    expect(bert.locator("#calls-list")).to_contain_text("incoming")
    view(bert, "telephone")


def test_map_of_a_call_between_two_routers_fits_the_screen(
    pages: tuple[Page, Page], softs: tuple[Soft, Soft]
) -> None:
    page = pages[0].context.new_page()  # of the same visit
    page.goto(softs[0].base)
    view(page, "line")
    for width in (320, 360, 1100):
        page.set_viewport_size({"width": width, "height": 780})
        for path in ("direct", "relay"):
            assert page.evaluate(FAR_CALL, path), (width, path)
    page.close()


def refused(soft: Soft, connections: int) -> int:
    """How many of so many requests that never end are refused in words; as soon as 40 are."""
    host, port = soft.base.removeprefix("http://").rstrip("/").split(":")
    found, until_s = 0, time.monotonic() + WAIT_MS / 1000
    with contextlib.ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection((host, int(port)), WAIT_MS / 1000))
            for _ in range(connections)
        ]
        while found < 40 and time.monotonic() < until_s:
            for each in select.select(waiting, [], [], 1.0)[0]:
                waiting.remove(each)
                found += each.recv(64).startswith(b"HTTP/1.1 503 ")
    return found


def seconds_heard(page: Page) -> int:
    """How many seconds of the speech arrive as they were spoken, wherever; a busy machine has time.

    How well it sounds is told by the test of the page's buffer and by `bench.web`, not here.
    """
    spoken, found = read_wav(SPEECH), 0
    seconds = [
        cut(spoken, start, SAMPLE_RATE_HZ) for start in range(0, len(spoken), SAMPLE_RATE_HZ)
    ]
    record(page)
    for _ in range(TRIES_MAX):
        page.evaluate(WAIT, SPEECH_MS)
        heard = recorded(page)[-len(spoken) - MORE :]
        found = max(found, sum(find(each, heard).likeness >= LIKENESS_MIN for each in seconds))
        if found >= SECONDS_MIN:
            break
    return found


def test_message_is_played_in_the_browser_and_deleted_with_the_log(
    pages: tuple[Page, Page],
) -> None:
    anna, _ = pages
    view(anna, "calls")
    message = anna.locator("#messages tr")
    expect(message).to_contain_text("new")
    played_s = message.locator("audio").evaluate(PLAY)
    assert 0.9 < played_s < 1.2
    expect(message.locator("b")).to_have_count(0)
    message.locator("button", has_text="Delete").click()
    expect(anna.locator("#messages-empty")).to_be_visible()
    anna.locator("#calls-list tr").first.locator("button", has_text="Delete").click()
    expect(anna.locator("#calls-empty")).to_be_visible()


def test_phone_book_is_edited_and_taken_from_a_file(pages: tuple[Page, Page]) -> None:
    anna, bert = pages
    number = number_of(bert)
    view(anna, "book")
    anna.fill("#contact-name", "Bert Brücke")
    anna.fill("#contact-number", number)
    anna.fill("#contact-dial", "7")
    anna.check("#contact-favourite")
    anna.locator("#contact-form button").click()
    expect(anna.locator("#book-list")).to_contain_text("Bert Brücke")
    with anna.expect_download() as download:
        anna.locator('a[href="/api/book.vcf"]').click()
    card = Path(download.value.path()).read_bytes()
    assert b"FN:Bert" in card
    anna.locator("#book-list button", has_text="Delete").click()
    expect(anna.locator("#book-empty")).to_be_visible()
    file: FilePayload = {"name": "my.vcf", "mimeType": "text/vcard", "buffer": card}
    anna.set_input_files("#book-import", files=file)
    expect(anna.locator("#book-imported")).to_have_text("1 contacts taken, 0 skipped")
    anna.fill("#book-search", "brück")
    expect(anna.locator("#book-list tr")).to_have_count(1)


def test_rules_and_keys_outlive_a_reload(pages: tuple[Page, Page]) -> None:
    anna, _ = pages
    view(anna, "rules")
    anna.select_option("#strangers", "silent")
    anna.fill("#quiet-from", "22:00")
    anna.fill("#quiet-to", "07:30")
    anna.locator("#rules-form button").click()
    expect(anna.locator("#rules-saved")).to_have_text("Saved.")
    anna.fill("#rule-number", "123")
    anna.locator("#rule-form button").click()
    expect(anna.locator("#alarm")).to_contain_text("twelve digits")
    view(anna, "settings")
    anna.fill("#token-name", "Home Assistant")
    anna.locator("#token-form button").click()
    expect(anna.locator("#token-made")).to_have_text(re.compile("[0-9a-f]{64}"))
    anna.reload()
    view(anna, "settings")
    expect(anna.locator("#token-list")).to_contain_text("Home Assistant")
    view(anna, "rules")
    expect(anna.locator("#strangers")).to_have_value("silent")
    expect(anna.locator("#quiet-to")).to_have_value("07:30")
    view(anna, "log")
    expect(anna.locator("#log-list")).to_contain_text("the page is at")


def test_name_and_country_are_changed_and_the_visit_goes_on(
    pages: tuple[Page, Page], softs: tuple[Soft, Soft]
) -> None:
    page, soft = pages[0], softs[0]
    view(page, "settings")
    expect(page.locator("#box-name")).to_have_value("Anna")
    expect(page.locator("#update-state")).to_contain_text("updated there")
    page.fill("#box-name", "ß" * 25)
    page.locator("#box-form button").click()
    expect(page.locator("#alarm")).to_contain_text("name: must be at most 48 bytes")
    page.fill("#box-name", "Änne")
    page.select_option("#box-country", label="Austria")
    page.select_option("#box-language", "de")
    page.locator("#box-form button").click()
    expect(page.locator("#box-saved")).to_contain_text("starts anew")
    address = next_line(soft.process, "your telephone is at ")
    page.goto(address.partition("#")[0])  # the port of this test is another one each time
    expect(page.locator("#telephone")).to_be_visible()
    expect(page.locator("#display")).to_have_attribute("aria-label", re.compile("Bereit"))
    view(page, "settings")
    expect(page.locator("#box-name")).to_have_value("Änne")
    expect(page.locator("#box-country")).to_have_value("AT")


def test_box_starts_anew_with_the_words_of_its_backup(
    pages: tuple[Page, Page], softs: tuple[Soft, Soft]
) -> None:
    page, soft = pages[1], softs[1]
    number = number_of(page)
    view(page, "settings")
    page.click("#backup-words")
    expect(page.locator("#backup-shown")).to_have_text(re.compile(r"([a-z]{5}\s){40}"))
    words = page.locator("#backup-shown").inner_text()
    page.fill("#restore-words", words.replace(words[:5], words[6:11], 1))
    page.locator("#restore-form button").click()
    expect(page.locator("#alarm")).to_contain_text("A word is wrong")
    page.fill("#restore-words", words)
    page.locator("#restore-form button").click()
    expect(page.locator("#backup-shown")).to_contain_text("starts anew")
    page.goto(next_line(soft.process, "your telephone is at "))
    expect(page.locator("#telephone")).to_be_visible()
    assert number_of(page) == number
