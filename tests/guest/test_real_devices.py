"""A handset on a real hidraw, and a real sound card's loop: in the guest of run.sh only."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from firmware.drivers.pi.alsa import AlsaCapture, AlsaPlayback, Pace
from firmware.drivers.pi.cards import sound_cards
from firmware.drivers.pi.usb import open_usb_phone
from firmware.drivers.usb_phone import UsbPhone
from firmware.events import (
    Fact,
    HardwareFailed,
    HardwareRecovered,
    HookLifted,
    HookReplaced,
    KeyPressed,
)
from tests.drivers.handsets import HANDSET, handset_report
from tests.guest.uhid import UhidDevice, has_uhid

pytestmark = pytest.mark.skipif(
    not (os.environ.get("FERNRUF_KERNEL") and has_uhid()), reason="only in the guest: run.sh"
)
WAIT_S = 30.0  # an emulated processor


class Desk:
    """The phone's driver, and a handset that is plugged in and out."""

    def __init__(self) -> None:
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.outputs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.plug()
        self.phone = UsbPhone(open_usb_phone, (60.0, 1.0))
        self.phone.open(self.facts.put)

    def plug(self, *, lifted: bool = False) -> None:
        self.handset = UhidDevice("Fernruf handset", HANDSET, handset_report(lifted=lifted))
        self._listening = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        self._listening = False
        self._thread.join()
        self.handset.close()

    def _listen(self) -> None:
        while self._listening:
            report = self.handset.output(0.1)
            if report is not None:
                self.outputs.put(report)

    def until(self, *wanted: Fact | type[Fact]) -> None:
        for one in wanted:
            while True:
                fact = self.facts.get(timeout=WAIT_S)
                if fact == one or (isinstance(one, type) and isinstance(fact, one)):
                    break

    def shows(self, lamps: int) -> None:
        while self.outputs.get(timeout=WAIT_S) != bytes([2, lamps]):
            pass


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.shows(0)
    yield desk
    desk.phone.close()
    assert desk.phone.join(WAIT_S)
    desk.unplug()


def test_handset_of_the_kernel_is_lifted_dials_and_lights_its_lamps(desk: Desk) -> None:
    desk.phone.ring(on=True)
    desk.shows(2)
    desk.handset.report(handset_report(lifted=True))
    desk.until(HookLifted())
    desk.phone.ring(on=False)
    desk.shows(1)
    for key in "0123456789*#":
        desk.handset.report(handset_report(lifted=True, key=key))
        desk.handset.report(handset_report(lifted=True))
        desk.until(KeyPressed(key))
    desk.handset.report(handset_report())
    desk.until(HookReplaced())


def test_handset_of_the_kernel_unplugged_in_a_call_is_taken_up_where_it_is(desk: Desk) -> None:
    desk.handset.report(handset_report(lifted=True))
    desk.until(HookLifted())
    desk.unplug()
    desk.until(HardwareFailed)
    desk.plug(lifted=False)
    desk.until(HardwareRecovered)
    desk.handset.report(handset_report(lifted=True, key="7"))
    desk.until(KeyPressed("7"))


def test_sound_through_the_kernels_loop_comes_out_as_it_went_in() -> None:
    assert "plughw:CARD=Loopback" in sound_cards()
    playback = AlsaPlayback("plughw:CARD=Loopback,DEV=0", Pace())
    phase = np.arange(320) * 2 * np.pi * 450 / 16_000
    tone = (6000 * np.sin(phase)).astype("<i2").tobytes()
    heard = b""
    playing = threading.Event()

    def play() -> None:
        while not playing.is_set():
            playback.write(tone)

    thread = threading.Thread(target=play)
    thread.start()
    capture = AlsaCapture("plughw:CARD=Loopback,DEV=1")
    for _ in range(100):
        heard += capture.read()[1]
    playing.set()
    thread.join()
    playback.close()
    capture.close()
    samples = np.frombuffer(heard, "<i2").astype(float)[-16_000:]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert abs(int(spectrum.argmax()) - 450) <= 2
    assert 4000 < np.abs(samples).max() < 8000
