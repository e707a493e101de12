"""The USB phone's driver, with reports through sockets in the place of hidraw."""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Iterator

import pytest

from firmware.drivers import attendant
from firmware.drivers.flood import BURST_MAX, EVENTS_PER_S, REASON
from firmware.drivers.hid import parse
from firmware.drivers.phone_keys import HidKeys
from firmware.drivers.pi.stream import FdStream
from firmware.drivers.usb_phone import UsbDevice, UsbPhone
from firmware.errors import HardwareError
from firmware.events import (
    Fact,
    HardwareFailed,
    HardwareRecovered,
    HookFlashed,
    HookLifted,
    HookReplaced,
    KeyPressed,
    MicrophoneMuted,
)
from firmware.model import Part
from tests.drivers.handsets import HANDSET, handset_report

WAIT_S = 10.0


class Bench:
    """A USB phone at the end of a socket, and the driver."""

    def __init__(self, *, is_open: bool = True) -> None:
        self._socket: socket.socket | None = None
        self.initial: tuple[bytes, ...] = ()
        self.plugged: queue.SimpleQueue[None] = queue.SimpleQueue()  # each time it was opened
        self.wanted = True
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.phone = UsbPhone(self._open, (0.2, 0.2))
        if is_open:
            self.phone.open(self.facts.put)
            self.plugged.get(timeout=WAIT_S)

    def _open(self) -> UsbDevice:
        if not self.wanted:
            raise HardwareError("no telephone on USB")
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(WAIT_S)
        self.plugged.put(None)
        return UsbDevice(FdStream(theirs.detach(), "phone"), HidKeys(parse(HANDSET)), self.initial)

    def report(self, **state: bool | str) -> None:
        assert self._socket is not None
        self._socket.send(handset_report(**state))  # type: ignore[arg-type]  # keywords by name

    def raw(self, data: bytes) -> None:
        assert self._socket is not None
        self._socket.send(data)

    def lamps(self) -> int:
        """The next output report: off-hook 1, ring 2, mute 4, message 8."""
        assert self._socket is not None
        report = self._socket.recv(64)
        assert report[0] == 2 and len(report) == 2
        return report[1]

    def lamps_until(self, wanted: int) -> None:
        while self.lamps() != wanted:
            pass

    def unplug(self) -> None:
        self.wanted = False
        self.pull()

    def pull(self) -> None:
        assert self._socket is not None
        self._socket.close()

    def plug(self) -> None:
        self.wanted = True
        self.plugged.get(timeout=WAIT_S)

    def fact(self) -> Fact:
        return self.facts.get(timeout=WAIT_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    assert bench.lamps() == 0
    yield bench
    bench.phone.close()
    assert bench.phone.join(WAIT_S)
    bench.pull()


def test_usb_phone_tells_hook_keys_flash_and_mute_and_shows_them(bench: Bench) -> None:
    bench.report(lifted=True)
    assert bench.fact() == HookLifted()
    bench.lamps_until(1)
    for key in "0123456789*#":
        bench.report(lifted=True, key=key)
        bench.report(lifted=True)
        assert bench.fact() == KeyPressed(key)
    bench.report(lifted=True, flash=True)
    assert bench.fact() == HookFlashed()
    bench.report(lifted=True, mute=True)
    assert bench.fact() == MicrophoneMuted(muted=True)
    bench.lamps_until(1 + 4)
    bench.report(lifted=False)
    assert bench.fact() == HookReplaced()
    bench.lamps_until(0)


def test_usb_phone_rings_in_the_cadence_until_it_is_stopped(bench: Bench) -> None:
    bench.phone.ring(on=True)
    assert [bench.lamps() for _ in range(4)] == [2, 0, 2, 0]
    bench.phone.ring(on=False)
    bench.phone.light(on=True)
    bench.lamps_until(8)


@pytest.mark.parametrize("state", ["resting", "ringing", "lifted", "in use"])
def test_usb_phone_unplugged_and_plugged_in_again_in_each_state(bench: Bench, state: str) -> None:
    if state == "ringing":
        bench.phone.ring(on=True)
        bench.lamps_until(2)
    if state in ("lifted", "in use"):
        bench.report(lifted=True)
        assert bench.fact() == HookLifted()
        bench.initial = (handset_report(lifted=True),)
    if state == "in use":
        bench.phone.in_use(on=True)
    bench.unplug()
    failed = bench.fact()
    assert isinstance(failed, HardwareFailed) and failed.part is Part.USB_PHONE
    bench.plug()
    assert bench.fact() == HardwareRecovered(Part.USB_PHONE)
    bench.lamps_until({"resting": 0, "ringing": 2}.get(state, 1))
    bench.report(lifted=False, key="5")
    assert bench.fact() == (HookReplaced() if bench.initial else KeyPressed("5"))


def test_usb_phone_lifted_while_it_was_unplugged_says_so_when_it_returns(bench: Bench) -> None:
    bench.initial = (handset_report(lifted=True),)
    bench.unplug()
    assert isinstance(bench.fact(), HardwareFailed)
    bench.plug()
    assert {bench.fact(), bench.fact()} == {HookLifted(), HardwareRecovered(Part.USB_PHONE)}


def test_usb_phone_unplugged_for_good_during_a_call_hangs_up(bench: Bench) -> None:
    bench.report(lifted=True)
    assert bench.fact() == HookLifted()
    began_s = time.monotonic()
    bench.unplug()
    assert isinstance(bench.fact(), HardwareFailed)
    assert bench.fact() == HookReplaced()
    assert time.monotonic() - began_s >= attendant.ABSENT_MAX_S


def test_usb_phone_that_floods_is_slowed_down_and_still_hears_the_end(bench: Bench) -> None:
    bench.report(lifted=True)
    assert bench.fact() == HookLifted()
    began_s = time.monotonic()
    for number in range(500):
        bench.report(lifted=True, key=str(number % 10))
        bench.raw(b"\x01")
    bench.report(lifted=False)
    found: list[Fact] = []
    while HookReplaced() not in found:
        found.append(bench.fact())
    keys = sum(isinstance(fact, KeyPressed) for fact in found)
    credible = BURST_MAX + EVENTS_PER_S * (time.monotonic() - began_s)  # on a machine of any load
    assert 10 < keys <= credible + 1
    assert keys == 500 or HardwareFailed(Part.USB_PHONE, REASON) in found
