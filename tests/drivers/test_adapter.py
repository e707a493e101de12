"""The host's end of the adapter's line: with a real MicroPython behind a pty, and with liars."""

from __future__ import annotations

import queue
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.drivers.adapter import SILENT_MAX_S, Adapter, AdapterEnd
from firmware.drivers.pi.stream import SerialStream
from firmware.drivers.pi.usb import serial_path
from firmware.errors import HardwareError
from firmware.events import (
    Fact,
    HardwareFailed,
    HardwareRecovered,
    HookLifted,
    HookReplaced,
    KeyPressed,
)
from firmware.link.frames import encode
from firmware.link.session import Session
from firmware.model import Part
from tests.adapter.pico_process import MICROPYTHON, RM, SHK, Pico, Wire, lay_out

KEYS = ("123A", "456B", "789C", "*0#D")
WAIT_S = 10.0

needs_micropython = pytest.mark.skipif(
    shutil.which(MICROPYTHON) is None, reason="no MicroPython for this processor"
)


class Cable:
    """A pty between the driver and the Pico, which drops and garbles what passes."""

    def __init__(self, pico: Pico, seed: int) -> None:
        self.wire, self.pico, self._dice = Wire(), pico, random.Random(seed)
        self.drops, self.garbles = 0.0, 0.0
        self._cut = threading.Event()
        self._threads = [
            threading.Thread(target=self._carry, args=ends, daemon=True)
            for ends in ((self.wire, pico.line), (pico.line, self.wire))
        ]
        for thread in self._threads:
            thread.start()

    def _carry(self, source: Wire, sink: Wire) -> None:
        while not self._cut.is_set():
            data = bytearray(source.read(0.05))
            data = bytearray(byte for byte in data if self._dice.random() >= self.drops)
            for at in range(len(data)):
                if self._dice.random() < self.garbles:
                    data[at] ^= 1 << self._dice.randrange(8)
            if data:
                sink.write(bytes(data))

    def close(self) -> None:
        self._cut.set()
        for thread in self._threads:
            thread.join()
        self.wire.close()


class Bench:
    """A Pico, a cable and the driver."""

    def __init__(self, folder: Path) -> None:
        self.pico = Pico(folder)
        self.cable = Cable(self.pico, seed=7)
        self.facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        self.adapter = Adapter(
            lambda: SerialStream(self.cable.wire.path), KEYS, "SE", (0.4, 0.2), 25
        )
        self.adapter.open(self.facts.put)

    def until(self, *wanted: Fact) -> list[Fact]:
        """All facts until the last of `wanted`, which come in this order."""
        found: list[Fact] = []
        for fact in wanted:
            while not found or found[-1] != fact:
                found.append(self.facts.get(timeout=WAIT_S))
        return found

    def rings(self, *, on: bool) -> None:
        """Wait until RM goes on and the adapter says so, or until it says that the bell is off."""
        deadline_s = time.monotonic() + WAIT_S
        self.pico.outputs.clear()
        while time.monotonic() < deadline_s:
            heard = (RM, 1) in [(pin, level) for pin, level, _ in self.pico.look(0.02)]
            if self.adapter.rings == on and heard >= on:
                return
        raise AssertionError("rings" if not on else "does not ring")

    def close(self) -> None:
        self.adapter.close()
        assert self.adapter.join(WAIT_S)
        self.cable.close()
        self.pico.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("pico"))


@pytest.fixture
def bench(folder: Path) -> Iterator[Bench]:
    bench = Bench(folder)
    yield bench
    bench.close()


@needs_micropython
def test_adapter_carries_hook_keys_and_bell(bench: Bench) -> None:
    bench.adapter.ring(on=True)
    bench.rings(on=True)
    bench.pico.level(SHK, 1)
    bench.until(HookLifted())
    bench.rings(on=False)
    bench.adapter.ring(on=False)
    for row, keys in enumerate(KEYS):
        for column, key in enumerate(keys):
            bench.pico.key(row, column, 1)
            assert bench.until(KeyPressed(key)) == [KeyPressed(key)]
            bench.pico.key(row, column, 0)  # the next key is another: no need to wait
    bench.pico.level(SHK, 0)
    bench.until(HookReplaced())


@needs_micropython
def test_adapter_reset_in_mid_ring_rings_again(bench: Bench) -> None:
    bench.adapter.ring(on=True)
    bench.rings(on=True)
    bench.pico.kill()
    bench.pico.look(0.02)
    bench.pico.power_up()
    bench.rings(on=True)


@needs_micropython
def test_adapter_reset_during_a_call_does_not_lose_the_hook(bench: Bench) -> None:
    bench.pico.level(SHK, 1)
    bench.until(HookLifted())
    bench.pico.kill()
    bench.until(HardwareFailed(Part.ADAPTER, "the adapter does not answer"))
    bench.pico.power_up()  # the simulated pins are low again: the handset was replaced meanwhile
    bench.until(HardwareRecovered(Part.ADAPTER), HookReplaced())


@needs_micropython
def test_adapter_over_a_bad_line_ends_with_the_right_hook(bench: Bench) -> None:
    bench.cable.drops = bench.cable.garbles = 0.02
    for lifted in (True, False) * 5:
        bench.pico.level(SHK, int(lifted))
        bench.until(HookLifted() if lifted else HookReplaced())


@needs_micropython
def test_adapter_on_usb_that_comes_back_under_another_number_is_taken_again(
    tmp_path: Path,
) -> None:
    sys, dev = tmp_path / "sys", tmp_path / "dev"
    program = lay_out(tmp_path / "pico", usb=True)
    (sys / "class" / "tty").mkdir(parents=True)
    dev.mkdir()

    def plug(number: int) -> Cable:
        cable = Cable(Pico(program), seed=number)
        usb = sys / "devices" / f"usb{number}"
        usb.mkdir(parents=True)
        (usb / "idVendor").write_text("2e8a\n")
        (usb / "idProduct").write_text("0005\n")
        node = sys / "class" / "tty" / f"ttyACM{number}"
        node.mkdir()
        (dev / node.name).symlink_to(cable.wire.path)
        (node / "device").symlink_to(usb)
        return cable

    facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
    adapter = Adapter(lambda: SerialStream(serial_path("usb", sys, dev)), KEYS, "", (1.0, 4.0), 25)
    adapter.open(facts.put)
    assert facts.get(timeout=WAIT_S) == HardwareFailed(Part.ADAPTER, "no Pico on USB")
    for number in (0, 3):
        cable = plug(number)
        assert facts.get(timeout=WAIT_S) == HardwareRecovered(Part.ADAPTER)
        cable.pico.level(SHK, 1)
        assert facts.get(timeout=WAIT_S) == HookLifted()
        if number:
            break
        (sys / "class" / "tty" / f"ttyACM{number}" / "device").unlink()
        cable.pico.kill()
        cable.close()
        cable.pico.close()
        failed = facts.get(timeout=WAIT_S)
        assert isinstance(failed, HardwareFailed) and failed.part is Part.ADAPTER
        assert facts.get(timeout=WAIT_S) == HookReplaced()  # nobody is left who could hang up
    adapter.close()
    assert adapter.join(WAIT_S)
    cable.close()
    cable.pico.close()


def test_adapter_that_is_not_there_is_reported_once_and_taken_when_it_comes(
    tmp_path: Path,
) -> None:
    facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
    port = tmp_path / "ttyACM0"
    adapter = Adapter(lambda: SerialStream(str(port)), KEYS, "", (1.0, 4.0), 25)
    adapter.open(facts.put)
    failed = facts.get(timeout=WAIT_S)
    assert isinstance(failed, HardwareFailed) and failed.part is Part.ADAPTER
    assert "No such file or directory" in failed.reason
    wire = Wire()
    port.symlink_to(wire.path)
    wire.read(WAIT_S)  # its greeting
    wire.write(encode("S", 0, "0 0 0 0"))
    assert facts.get(timeout=WAIT_S) == HardwareRecovered(Part.ADAPTER)
    adapter.close()
    assert adapter.join(WAIT_S)
    wire.close()
    assert facts.empty()


def talk(end: AdapterEnd, *said: tuple[str, str], at_s: float = 1.0) -> list[Fact]:
    """What the host makes of what an adapter says."""
    session, facts = Session("1 liar"), list[Fact]()
    session.feed(b"")
    for kind, arguments in said:
        session.send(kind, arguments)
    for _ in range(8 * len(said) + 8):
        data = session.step(10)
        facts += end.feed(data, at_s)
        session.feed(end.step(at_s))
        at_s += 0.01
    return facts


def begun() -> AdapterEnd:
    end = AdapterEnd(KEYS, "SE")
    end.begin(1.0, "nonce")
    return end


@pytest.mark.parametrize(
    ("said", "facts"),
    [
        (("D", "1"), [KeyPressed("0")]),  # Sweden
        (("D", "10"), [KeyPressed("9")]),
        (("D", "11"), []),
        (("D", "0"), []),
        (("B", "0"), [KeyPressed("1")]),
        (("B", "27"), [KeyPressed("D")]),
        (("B", "28"), []),
        (("B", "65535"), []),
        (("H", "7"), []),
        (("H", ""), []),
        (("F", "300"), []),  # of a handset that rests
        (("S", "1 0"), []),
        (("E", "99"), []),
        (("X", "1"), []),
    ],
)
def test_adapter_end_takes_what_makes_sense(said: tuple[str, str], facts: list[Fact]) -> None:
    assert talk(begun(), said) == facts


def test_adapter_end_says_in_words_what_is_wrong_with_the_line_and_when_it_is_over() -> None:
    end = begun()
    failed = HardwareFailed(Part.HOOK, "the line opens and closes too often: a loose wire?")
    assert talk(end, ("E", "1")) == [failed]
    assert talk(end, ("S", "0 0 1 0")) == []
    assert talk(end, ("S", "0 0 0 0")) == [HardwareRecovered(Part.HOOK)]


def test_adapter_end_believes_a_hook_that_is_said_twice_by_the_state_alone() -> None:
    end = begun()
    assert talk(end, ("S", "1 0 0 0"), ("S", "1 0 0 0")) == [HookLifted()]


def test_adapter_end_drops_a_flood_of_keys() -> None:
    end = begun()
    flood = talk(end, *[("B", str(n % 2)) for n in range(14)] * 1)
    assert len(flood) == 14
    session_facts = [fact for _ in range(40) for fact in talk(end, *[("B", "0")] * 14)]
    assert len(session_facts) < 200


def test_adapter_end_of_another_version_says_what_to_do() -> None:
    end = begun()
    with pytest.raises(HardwareError, match="version 9, not 1: put the new one on it"):
        end.feed(encode("A", 0, "9 nonce"), 1.0)


def test_adapter_end_gives_up_a_silent_adapter() -> None:
    end = begun()
    assert end.step(1.0 + SILENT_MAX_S) != b""
    with pytest.raises(HardwareError, match="does not answer"):
        end.step(1.1 + SILENT_MAX_S)


def test_adapter_end_survives_any_bytes() -> None:
    end, dice = begun(), random.Random(3)
    make: list[Callable[[], bytes]] = [
        lambda: dice.randbytes(dice.randrange(100)),
        lambda: encode(dice.choice("ABDEFHKSTQ"), dice.randrange(100), str(dice.randrange(70000))),
    ]
    for step in range(5000):
        try:
            end.feed(dice.choice(make)(), 1.0 + step / 100)
        except HardwareError as error:
            assert "version" in str(error)
        end.step(1.0 + step / 100)
