"""The adapter's program on a real MicroPython: its logic, its pins, its memory, its serial line."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.link.frames import encode
from firmware.link.session import Session
from tests.adapter.pico_process import FR, LAMP, MICROPYTHON, RM, SHK, Pico, lay_out

HERE = Path(__file__).parent
WAIT_S = 10.0

pytestmark = pytest.mark.skipif(
    shutil.which(MICROPYTHON) is None, reason="no MicroPython for this processor"
)


class Host:
    """The host's end of the line, by hand."""

    def __init__(self, pico: Pico) -> None:
        self.pico, self.session = pico, Session("1 test")
        self.heard: list[tuple[str, str]] = []
        self._stepped_s = time.monotonic()

    def until(self, kind: str, arguments: str = "", *, pings: bool = True) -> float:
        """Talk until the adapter says so; how long that took."""
        began_s = pinged_s = time.monotonic()
        while (kind, arguments) not in self.heard:
            now_s = time.monotonic()
            assert now_s - began_s < WAIT_S, f"no {kind} {arguments} in {self.heard}"
            if pings and now_s - pinged_s > 0.2:
                pinged_s = now_s
                self.session.send("Q")
            self.talk(0.002)
        del self.heard[: self.heard.index((kind, arguments)) + 1]
        return time.monotonic() - began_s

    def talk(self, wait_s: float) -> None:
        now_s = time.monotonic()
        data = self.session.step(int((now_s - self._stepped_s) * 1000))
        self._stepped_s = now_s
        if data:
            self.pico.line.write(data)
        data = self.pico.line.read(wait_s)
        self.heard += [(kind, words) for kind, words in self.session.feed(data)]

    def talk_for(self, duration_s: float) -> None:
        until_s = time.monotonic() + duration_s
        while time.monotonic() < until_s:
            self.talk(0.005)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("pico"))


@pytest.fixture
def usb_pico(tmp_path: Path) -> Iterator[Pico]:
    pico = Pico(lay_out(tmp_path, mpy=True, usb=True))
    yield pico
    pico.close()


@pytest.fixture
def pico(folder: Path) -> Iterator[Pico]:
    pico = Pico(folder)
    yield pico
    pico.close()


@pytest.mark.parametrize("python", [MICROPYTHON, sys.executable])
def test_line_link_and_matrix_behave_the_same_on_both_pythons(folder: Path, python: str) -> None:
    cases = (HERE / "pico" / "cases.py").read_text()
    (folder / "cases.py").write_text(cases)
    done = subprocess.run([python, "cases.py"], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert done.stdout.count(b"check_") == cases.count("\ndef check_")


def test_program_is_compiled_by_mpy_cross_and_runs_compiled(tmp_path: Path) -> None:
    pico = Pico(lay_out(tmp_path, mpy=True))
    assert len(list(tmp_path.rglob("*.mpy"))) == 7
    Host(pico).until("S", "0 0 0 0")
    pico.close()


@pytest.mark.slow
def test_memory_in_use_is_flat_over_an_hour(folder: Path) -> None:
    (folder / "hour.py").write_text((HERE / "pico" / "hour.py").read_text())
    done = subprocess.run(
        [MICROPYTHON, "hour.py", "60"], cwd=folder, capture_output=True, check=True
    )
    heard, rang, lost, *used = map(int, done.stdout.split())
    assert heard > 10_000 and rang > 10_000 and lost == 0
    assert max(used) - min(used) < 200, used  # the list of these figures itself


def test_program_tells_hook_flash_digit_and_key(pico: Pico) -> None:
    host = Host(pico)
    host.until("A", host_greeting(host))
    pico.level(SHK, 1)
    host.until("H", "1")
    for _ in range(5):  # a machine that is busy elsewhere dials badly
        dial(host, 3)
        if ("D", "3") in host.heard:
            break
    assert ("D", "3") in host.heard
    host.heard.clear()
    pico.key(2, 1, 1)
    host.until("B", str(2 * 8 + 1))
    pico.key(2, 1, 0)
    pico.level(SHK, 0)
    host.talk_for(0.3)
    pico.level(SHK, 1)
    host.talk_for(0.2)
    assert [kind for kind, _ in host.heard if kind not in "SK"] == ["F"]
    pico.level(SHK, 0)
    host.until("H", "0")


def dial(host: Host, pulses: int) -> None:
    for _ in range(pulses):
        host.pico.level(SHK, 0)
        host.talk_for(0.060)
        host.pico.level(SHK, 1)
        host.talk_for(0.040)
    host.talk_for(0.4)


def host_greeting(host: Host) -> str:
    """Wait for the adapter's greeting, whose nonce is its own."""
    deadline_s = time.monotonic() + WAIT_S
    while not any(kind == "A" for kind, _ in host.heard):
        assert time.monotonic() < deadline_s
        host.talk(0.005)
    return next(words for kind, words in host.heard if kind == "A")


def test_program_rings_by_toggling_and_stops_at_once_when_lifted(pico: Pico) -> None:
    host = Host(pico)
    host.session.send("R", "25 400 200")
    host.until("S", "0 1 0 0")
    host.talk_for(0.7)
    pico.level(SHK, 1)
    host.until("S", "1 0 0 0")
    outputs = pico.look(0.1)
    rings = [(level, at_ms) for pin, level, at_ms in outputs if pin == RM]
    assert [level for level, _ in rings[:3]] == [0, 1, 0] and rings[-1][0] == 0
    assert 380 <= rings[2][1] - rings[1][1] <= 440
    first_ms, last_ms = rings[1][1], rings[2][1]
    toggles = [at_ms for pin, _, at_ms in outputs if pin == FR and first_ms < at_ms < last_ms]
    assert 15 <= len(toggles) <= 20  # 400 ms, half periods of 20 ms
    assert [level for pin, level, _ in outputs if pin == FR][-1] == 1


def test_program_stops_ringing_when_the_host_is_silent(pico: Pico) -> None:
    host = Host(pico)
    host.session.send("R", "20 400 200")
    host.until("S", "0 1 0 0")
    pico.look(3.5)
    changes = (len(pico.look(0.8)) for _ in range(10))  # a busy machine's bell may end later
    assert any(before == after for before, after in itertools.pairwise(changes))
    host.session.send("Q")
    host.until("S", "0 0 0 0")


def test_program_lights_the_lamp_and_reverses_the_pair(pico: Pico) -> None:
    host = Host(pico)
    host.session.send("L", "1")
    host.session.send("V", "1")
    until_s = time.monotonic() + WAIT_S
    lamp, pair = set[int](), list[int]()
    while (lamp, pair) != ({0, 1}, [1, 0]) and time.monotonic() < until_s:
        host.talk_for(0.1)
        outputs = pico.look(0.01)
        lamp = {level for pin, level, _ in outputs if pin == LAMP}
        pair = [level for pin, level, _ in outputs if pin == FR]
    assert (lamp, pair) == ({0, 1}, [1, 0])


def test_program_reset_in_mid_ring_greets_anew_and_is_silent(pico: Pico) -> None:
    host = Host(pico)
    host.session.send("R", "25 1000 200")
    host.until("S", "0 1 0 0")
    pico.kill()
    pico.look(0.1)
    pico.outputs.clear()
    host.heard.clear()
    pico.power_up(by_watchdog=True)
    host_greeting(host)
    host.until("E", "0")
    assert (RM, 1) not in [(pin, level) for pin, level, _ in pico.look(0.3)]


def test_program_that_hangs_is_ended_by_its_watchdog(pico: Pico) -> None:
    Host(pico).until("S", "0 0 0 0")
    pico.world.write(b"HANG\n")
    assert pico.ended(WAIT_S) == 3


def test_program_hears_through_noise_and_says_once_what_it_did_not_understand(pico: Pico) -> None:
    host = Host(pico)
    pico.line.write(b"\x00\xff>>> \x1b[2J~H9 1*0000\n" * 20)
    for kind, arguments in (("R", "9999 1"), ("T", "x"), ("Z", "1"), ("L", "7")):
        host.session.send(kind, arguments)
    host.until("E", "3")
    host.talk_for(0.3)
    assert [kind for kind, _ in host.heard].count("E") == 0
    pico.line.write(encode("H", 9, "1") * 200)
    pico.level(SHK, 1)
    host.until("H", "1")


def test_program_over_usb_tells_hook_and_key_rings_and_hears_through_noise(usb_pico: Pico) -> None:
    host = Host(usb_pico)
    host.until("A", host_greeting(host))
    usb_pico.line.write(b"AT\r\n\x00\xff~H9 1*0000\n" * 20)  # who takes it for a modem
    host.session.send("R", "25 400 200")
    host.until("S", f"0 1 0 {20 * 2}")
    usb_pico.level(SHK, 1)
    host.until("H", "1")
    usb_pico.key(3, 2, 1)
    host.until("B", str(3 * 8 + 2))
    assert (RM, 1) in [(pin, level) for pin, level, _ in usb_pico.look(0.1)]


def test_program_over_usb_reset_in_mid_ring_greets_anew(usb_pico: Pico) -> None:
    host = Host(usb_pico)
    host.session.send("R", "25 1000 200")
    host.until("S", "0 1 0 0")
    usb_pico.kill()
    host.heard.clear()
    usb_pico.power_up()
    host_greeting(host)
    host.until("S", "0 0 0 0")


@pytest.mark.slow
@pytest.mark.parametrize("usb", [False, True])
def test_memory_of_the_whole_program_is_flat_over_the_frames_of_an_hour(
    tmp_path: Path, usb: bool
) -> None:
    pico = Pico(lay_out(tmp_path, usb=usb))
    host = Host(pico)
    used = []
    for tenth in range(10):
        for _ in range(360):  # a ping each second
            host.session.send("Q")
            host.until("S", "0 0 0 0", pings=False)
        pico.key(tenth % 4, 1, 1)
        host.until("B", str(tenth % 4 * 8 + 1))
        pico.key(tenth % 4, 1, 0)
        used.append(pico.memory_bytes())
    pico.close()
    # The collector is conservative: a stale word on the stack may keep a block for one
    # reading, so the least of three readings each is compared. One byte kept for each
    # frame would be 1,080 here.
    settled, later = used[4:7], used[7:]  # queues and lists have reached their size
    assert min(later) - min(settled) < 500, used


def test_program_stopped_by_a_new_one_keeps_the_watchdog_fed_for_ten_minutes(
    folder: Path,
) -> None:
    script = (
        "import main, machine\n"
        "main.main = interrupted = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt())\n"
        "main.run()\n"
        "timer, = machine.Timer.started\n"
        "fed = []\n"
        "for _ in range(2000):\n"
        "    machine.WDT.fed_ms = None\n"
        "    timer.callback(timer)\n"
        "    fed.append(machine.WDT.fed_ms is not None)\n"
        "print(timer.period, fed.count(True) * timer.period, fed[-1])\n"
    )
    pico = Pico(folder)  # for its world
    pico.kill()
    environment = {
        "FERNRUF_WORLD": pico.world.path,
        "FERNRUF_LINE": pico.line.path,
        "MICROPYPATH": f"{folder}:.frozen",
    }
    done = subprocess.run(
        [MICROPYTHON, "-c", script], cwd=folder, env=environment, capture_output=True, check=False
    )
    pico.close()
    assert done.stdout.split() == [b"500", b"600000", b"False"], done.stderr.decode()
