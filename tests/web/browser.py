"""Soft handsets in processes of their own, and Debian's Chromium with a fake sound device."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import numpy as np
from playwright.sync_api import Browser, Page, Playwright

from firmware.codec.recording import encode
from firmware.commands.soft import BOX_FILE, HANDSET, HANDSET_FILE, configuration
from firmware.demo.measure import Sound, cut, find
from firmware.events.store import Kind, SaveRecord
from firmware.model import FRAME_SAMPLES
from firmware.shell.state import IDENTITY, StateDir
from firmware.store.keeper import Store
from firmware.store.sealing import Sealer

IDENTITIES = Path(__file__).parent.parent / "vectors" / "identities.json"
CHROMIUM = Path(__file__).with_name("chromium.sh")
CALLER = "478505244227"  # who left a message
SLACK_SAMPLES = 8_000
WAIT_MS = 30_000.0  # of a loaded machine
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
)  # fmt: skip
# A second mouth beside the ear hears what a page plays, in the audio thread, at 16 kHz.
RECORD = """() => {
  const { context, ear } = globalThis.fernruf_sound;
  const mouth = new AudioWorkletNode(context, "mouth", { numberOfOutputs: 0 });
  const wire = new MessageChannel();
  globalThis.recorded = [];
  wire.port2.onmessage = event => globalThis.recorded.push(new Uint8Array(event.data, 4));
  mouth.port.postMessage(wire.port1, [wire.port1]);
  ear.connect(mouth);
}"""
RECORDED = """() => {
  let text = "";
  for (const each of globalThis.recorded) text += String.fromCharCode(...each);
  return btoa(text);
}"""


@dataclass(frozen=True, slots=True)
class Soft:
    """A running soft handset."""

    address: str  # good for one visit
    process: subprocess.Popen[str]
    control: Path

    @property
    def base(self) -> str:
        """The page without the invitation."""
        return self.address.partition("#")[0]


@contextlib.contextmanager
def running_exchange(state: Path) -> Iterator[str]:
    """One node to find each other by."""
    arguments = ("exchange", "--bind", "127.0.0.1:0", "--state", str(state), "--drain", "0")
    with _running(*arguments) as process:
        yield next_line(process, "listening on ")


@contextlib.contextmanager
def running_soft(
    state: Path, name: str, bootstrap: str, records: tuple[SaveRecord, ...] = ()
) -> Iterator[Soft]:
    """A soft handset with a ready identity that stays on this machine.

    `records` are in its store already.
    """
    directory = StateDir(state)
    directory.write(IDENTITY, json.dumps(json.loads(IDENTITIES.read_text())[name]).encode())
    text = configuration(name.title(), 0, (bootstrap,))
    quiet = text.replace('"[::]:6881"', '"127.0.0.1:0"\nmdns = false\nport_mapping = false')
    assert quiet != text, "it would call the telephones of the house"
    directory.write(BOX_FILE, quiet.encode())
    directory.write(HANDSET_FILE, HANDSET.encode())
    if records:
        _keep(directory, records)
    control = state.with_suffix(".sock")
    with _running(
        "soft", "--state", str(state), "--no-open", "--control", str(control)
    ) as process:  # fmt: skip
        address = next_line(process, "your telephone is at ")
        yield Soft(address, process, control)


def chromium(playwright: Playwright, *flags: str) -> Browser:
    """Debian's Chromium, headless."""
    assert which("chromium") is not None, "tools/install.sh installs it"
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])


def record(page: Page) -> None:
    """From now on keep what the page's earpiece plays."""
    page.evaluate(RECORD)


def recorded(page: Page) -> Sound:
    """What was played since, at 16 kHz."""
    data = base64.b64decode(page.evaluate(RECORDED))
    return np.frombuffer(data, dtype="<i2").astype(np.int16)


def whole(spoken: Sound, heard: Sound) -> Sound:
    """What was heard of a speech that is said again and again: all of it, not its last words.

    Where a buffer was set right in its pauses a half of it may fit better than the whole of the one
    before: that one is looked for where it must be, a speech earlier or later.
    """
    found = find(spoken, heard).delay_samples
    beyond = found + len(spoken) - len(heard)
    if found >= 0 and beyond <= 0:
        return cut(heard, found, len(spoken))
    begin = (found - len(spoken) if beyond > 0 else found + len(spoken)) - SLACK_SAMPLES
    near = cut(heard, begin, len(spoken) + 2 * SLACK_SAMPLES)
    more = find(spoken, near).delay_samples
    return cut(near, more if 0 <= more <= 2 * SLACK_SAMPLES else SLACK_SAMPLES, len(spoken))


def message_left(spoken: Sound) -> tuple[SaveRecord, ...]:
    """By CALLER on the answering machine."""
    about = {"number": CALLER, "utc_s": 1_790_000_000, "is_new": True}
    frames = list(spoken[: len(spoken) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES))
    return (
        SaveRecord(Kind.SOUND, "1", encode(frames)),
        SaveRecord(Kind.MESSAGE, "1", json.dumps(about).encode()),
    )


def _keep(directory: StateDir, records: tuple[SaveRecord, ...]) -> None:
    identity = directory.load_identity().identity
    store = Store(directory.path, Sealer(identity, os.urandom), lambda _fact: None)
    store.open()
    for each in records:
        store.perform(each)
    store.close()


@contextlib.contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "firmware", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    with contextlib.suppress(OSError):  # before others, where we may: sound has no time to lose
        Path(f"/proc/{process.pid}/autogroup").write_text("-15")
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def next_line(process: subprocess.Popen[str], start: str) -> str:
    """What follows `start` in a line of the process."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return line[len(start) :].strip()
    raise AssertionError(f"it ended without {start!r}")
