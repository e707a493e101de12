"""The page: how soon it is ready, how far behind the box, what the soft handset adds, a full house.

`python -m bench.web [--pages N] [--connections N]` prints one JSON object. Real boxes in processes
of their own on loopback, Debian's Chromium with its fake sound device, `*1` (the echo of half a
second) for the delay. `house`: a call of two soft handsets whose box has N watched pages, beside
one that has none, and one at whose page ten thousand requests knock that never end.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright

from firmware.demo.measure import Sound, find, quality, read_wav
from firmware.shell.control import ControlClient
from firmware.ui.selftest import ECHO_FRAMES
from tests.web.browser import (
    RECORD,
    WAIT_MS,
    Soft,
    chromium,
    recorded,
    running_exchange,
    running_soft,
    whole,
)

SPEECH = Path(__file__).parents[1] / "firmware" / "demo" / "speech" / "kennedy.wav"
READY_ROUNDS, LIVE_ROUNDS = 10, 20
ECHO_MS, CALL_MS, SLACK_MS = 12_000, 24_000, 4_000
ECHO_S = ECHO_FRAMES * 0.02
RATE_HZ = 16_000
EAR_AND_MOUTH = """() => {
  const { context, ear, source } = globalThis.fernruf_sound;
  globalThis.both = { ear: [], mouth: [] };
  for (const [name, from] of [["ear", ear], ["mouth", source]]) {
    const mouth = new AudioWorkletNode(context, "mouth", { numberOfOutputs: 0 });
    const wire = new MessageChannel(), kept = globalThis.both[name];
    wire.port2.onmessage = event => kept.push(event.data);
    mouth.port.postMessage(wire.port1, [wire.port1]);
    from.connect(mouth);
  }
}"""
BOTH = """() => Object.fromEntries(Object.entries(globalThis.both).map(([name, frames]) => {
  let text = "";
  for (const frame of frames) text += String.fromCharCode(...new Uint8Array(frame));
  return [name, btoa(text)];
}))"""
SLEEP = "ms => new Promise(done => setTimeout(done, ms))"
IMPORT = """
import json, time
rss = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
import firmware.__main__, firmware.commands.box, firmware.page
before_mb, begun_s = rss(), time.perf_counter()
firmware.page.load()
print(json.dumps([1000 * (time.perf_counter() - begun_s), rss() - before_mb]))
"""


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--connections", type=int, default=10_000)
    arguments = parser.parse_args()
    pages, connections = arguments.pages, arguments.connections
    report = imports()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        top = Path(name)
        with (
            running_exchange(top / "exchange") as bootstrap,
            running_soft(top / "anna", "anna", bootstrap) as anna,
            running_soft(top / "bert", "bert", bootstrap) as bert,
        ):
            browser = chromium(playwright, f"--use-file-for-fake-audio-capture={SPEECH}")
            page, other = visit(browser, anna), visit(browser, bert)
            report |= ready(page) | asyncio_apart(live(anna, cookie(page)))
            report |= soft_delay(page)
            call(page, other)
            report["house"] = {
                "without_pages": heard_well(other, bert),
                f"with_{pages}_pages": full_house(other, bert, pages),
                f"with_{connections}_connections": besieged(other, bert, connections),
            }
            browser.close()
    print(json.dumps(report, indent=1))
    return 0


def imports() -> dict[str, Any]:
    """What the page costs a box that has it: time and memory of its modules."""
    done = [
        json.loads(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True).stdout)
        for _ in range(3)
    ]
    start_ms, rss_mb = min(done)
    return {"import_ms": round(start_ms), "import_mb": round(rss_mb, 1)}


def visit(browser: Browser, soft: Soft) -> Page:
    """A page with sound."""
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(soft.address)
    page.check("#headset")
    page.click("#sound-on")
    expect(page.locator("#sound-state")).to_have_text("The sound is on.")
    return page


def cookie(page: Page) -> dict[str, str]:
    """The session of a page, for other clients."""
    return {str(each["name"]): str(each["value"]) for each in page.context.cookies()}


def ready(page: Page) -> dict[str, Any]:
    """From the beginning of the navigation to the first picture of the display, in a second tab."""
    tab, times_ms = page.context.new_page(), []
    for _ in range(READY_ROUNDS):
        tab.goto(page.url)
        tab.locator("#telephone").wait_for()
        mark = "performance.getEntriesByName('ready')[0].startTime"
        times_ms.append(tab.evaluate(f"() => {mark}"))
    tab.close()
    return {"page_ready_ms": spread(times_ms)}


async def live(soft: Soft, session: dict[str, str]) -> dict[str, Any]:
    """From a change of the call in the box to its event at a page."""
    behind_ms: list[float] = []
    async with (
        ControlClient.open(soft.control) as hand,
        ControlClient.open(soft.control) as eye,
        aiohttp.ClientSession(soft.base, cookies=session) as client,
        client.get("/api/events") as stream,
    ):
        await event_with(stream, "state")
        for _ in range(LIVE_ROUNDS):
            for move, state in (("lift", "off_hook"), ("replace", "idle")):
                told = asyncio.ensure_future(event_with(stream, "state"))
                seen = asyncio.ensure_future(moment(eye, state))
                await hand.request(move)
                behind_ms.append(1000 * (await told - await seen))
    return {"live_behind_ms": spread(behind_ms)}


async def moment(eye: ControlClient, state: str) -> float:
    """When the box is in a state, as its control socket tells it."""
    await eye.request("wait", state=state, timeout_s=10)
    return time.monotonic()


async def event_with(stream: aiohttp.ClientResponse, key: str) -> float:
    """When the next event with this key came."""
    while True:
        line = await stream.content.readline()
        if line.startswith(b"data: ") and key in json.loads(line[6:]):
            return time.monotonic()


def soft_delay(page: Page) -> dict[str, Any]:
    """Both ways through page and box, by the echo test; without the half second of the echo."""
    page.click("#hook")
    expect(page.locator("#state")).to_have_text("Handset lifted")
    page.keyboard.type("*1#", delay=200)
    expect(page.locator("#microphone-state")).to_have_text("The microphone is on.")
    page.evaluate(SLEEP, 6000)  # the small buffer finds its depth
    page.evaluate(EAR_AND_MOUTH)
    page.evaluate(SLEEP, ECHO_MS)
    sounds = {name: stamped(text) for name, text in page.evaluate(BOTH).items()}
    (ear_s, ear), (mouth_s, mouth) = sounds["ear"], sounds["mouth"]
    spoken = mouth[: 5 * RATE_HZ]
    match = find(spoken, ear)
    loop_s = ear_s + match.delay_samples / RATE_HZ - mouth_s
    figures = page.evaluate("() => globalThis.fernruf_sound.figures")
    page.click("#hook")
    expect(page.locator("#state")).to_have_text("Ready")
    added_ms = 1000 * (loop_s - ECHO_S)
    return {
        "soft_adds_ms": round(added_ms),  # mouth and ear together, as two laptops add in one call
        "soft_likeness": round(match.likeness, 3),
        "soft_figures_ms": {
            key: round(figures[key], 1)
            for key in ("buffer_ms", "reserve_ms", "way_ms", "output_ms")
            if figures[key] is not None
        },
    }


def stamped(text: str) -> tuple[float, Sound]:
    """When the first sample was, by the audio clock, and all samples."""
    data = base64.b64decode(text)
    frames = np.frombuffer(data, dtype=np.dtype([("ms", "<u4"), ("sound", "<i2", 320)]))
    sound = frames["sound"].reshape(-1).astype(np.int16)
    begun_s = float(np.median(frames["ms"] / 1000 - 0.02 * np.arange(1, len(frames) + 1)))
    return begun_s, sound


def call(page: Page, other: Page) -> None:
    """One soft handset calls the other."""
    number = other.locator("#number").inner_text().replace(" ", "")
    page.click("#hook")
    expect(page.locator("#state")).to_have_text("Handset lifted")
    page.keyboard.type(number, delay=150)
    expect(other.locator("#state")).to_have_text("Your telephone rings", timeout=WAIT_MS)
    other.click("#hook")
    expect(page.locator("#state")).to_have_text("In a call", timeout=WAIT_MS)
    other.evaluate(RECORD)


def heard_well(page: Page, soft: Soft) -> dict[str, Any]:
    """PESQ and what ran dry in the next seconds."""
    before = asyncio_apart(status(soft))
    page.evaluate(SLEEP, CALL_MS)
    after = asyncio_apart(status(soft))
    spoken = read_wav(SPEECH)
    heard = whole(spoken, recorded(page)[-2 * len(spoken) - RATE_HZ :])
    score = quality(spoken, heard, wideband=True)
    cpu_s = after["process"]["cpu_s"] - before["process"]["cpu_s"]
    return {
        "pesq": None if score is None else round(score, 2),
        "box_cpu_percent": round(100_000 * cpu_s / CALL_MS, 1),
        "underruns": after["audio"]["underruns"] - before["audio"]["underruns"],
        "overruns": after["audio"]["overruns"] - before["audio"]["overruns"],
    }


def full_house(page: Page, soft: Soft, pages: int) -> dict[str, Any]:
    """The same while many pages are open."""
    with watching(soft, cookie(page), pages) as events:
        report = heard_well(page, soft)
        return report | {"events_read": sum(events)}


def besieged(page: Page, soft: Soft, connections: int) -> dict[str, Any]:
    """The same while many knock at its page; afterwards the page answers."""
    where = soft.base.removeprefix("http://").rstrip("/")
    command = [sys.executable, "-m", "bench.peers.connections", where, str(connections)]
    command += [str((CALL_MS + SLACK_MS) / 1000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as siege:
        report = heard_well(page, soft)
        told, _ = siege.communicate()
    page.evaluate("() => fetch('/', { cache: 'no-store' })")
    return report | {"connections": json.loads(told)}


@contextmanager
def watching(soft: Soft, session: dict[str, str], pages: int) -> Iterator[list[int]]:
    """Streams that are read all the time, in a thread of their own."""
    loop, events = asyncio.new_event_loop(), [0] * pages
    started = threading.Barrier(2)

    async def one(client: aiohttp.ClientSession, index: int) -> None:
        async with client.get("/api/events") as stream:
            async for _ in stream.content:
                events[index] += 1

    async def all_of_them() -> None:
        connector = aiohttp.TCPConnector(limit=pages)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            soft.base, cookies=session, connector=connector, timeout=timeout
        ) as client:
            await asyncio.gather(*(one(client, index) for index in range(pages)))

    task = loop.create_task(all_of_them())

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.call_later(1.0, started.wait)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    yield events
    loop.call_soon_threadsafe(task.cancel)
    thread.join()


async def status(soft: Soft) -> dict[str, Any]:
    """What `fernruf ctl status` tells."""
    async with ControlClient.open(soft.control) as client:
        return await client.request("status")


def asyncio_apart(work: Any) -> Any:
    """Playwright's loop runs in this thread: another one for ours."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work)))
    thread.start()
    thread.join()
    return found[0]


def spread(values: list[float]) -> dict[str, float]:
    """Median and worst."""
    return {"median": round(statistics.median(values), 1), "worst": round(max(values), 1)}


if __name__ == "__main__":
    sys.exit(main())
