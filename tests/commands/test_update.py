"""`fernruf update` with stand-ins for RAUC and systemd: what is written, told and put back."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer

import pytest

from firmware.__main__ import main
from firmware.shell.lan_updates import BUNDLE_FILE, OFFER_FILE
from firmware.shell.notices import read_notices
from firmware.shell.updater import (
    PATIENCE_S,
    SLOWEST_BYTES_PER_S,
    SNAPSHOT,
    TRIAL_FILE,
    is_too_slow,
    running_slot,
)
from firmware.updates import Trial, parse_offer, parse_trial

BUNDLE = b"a new root" * 50_000
NEW, OLD = "0.1.20", "0.1.19"


class Quiet(SimpleHTTPRequestHandler):
    """A folder on the web, as the server of updates has it."""

    def log_message(self, *_: object) -> None: ...


class Machine:
    """The files of a box; a start changes the slot as the bootloader would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.web, self.calls = folder, folder / "web", folder / "calls"
        for name in ("web", "update", "state", "notices", "share"):
            (folder / name).mkdir()
        (folder / "state" / "identity").write_text("the number")
        self.runs("a", OLD)
        self.installer()
        self.program("systemctl", "exit 0")

    def runs(self, slot: str, version: str) -> None:
        (self.folder / "cmdline").write_text(f"root=x fernruf.slot={slot} quiet\n")
        (self.folder / "version").write_text(f"{version}\n")

    def program(self, name: str, words: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\necho {name} $1 >>{self.calls}\n{words}\n")
        path.chmod(0o755)

    def installer(self, version: str = NEW, words: str = "") -> None:
        """RAUC, to which every bundle is signed and of one version."""
        self.program("rauc", f"echo RAUC_MF_VERSION=\\'{version}\\'\n{words}")

    def offer(self, bundle: bytes = BUNDLE, version: str = NEW) -> None:
        (self.web / "f.raucb").write_bytes(bundle)
        digest = hashlib.sha256(BUNDLE).hexdigest()
        fields = {"version": version, "bundle": "f.raucb", "size_bytes": len(BUNDLE)}
        (self.web / "fernruf.json").write_text(json.dumps(fields | {"sha256": digest}))

    def update(self, *step: str | Path) -> int:
        places = {
            "--folder": "update",
            "--state": "state",
            "--share": "share",
            "--notices": "notices",
            "--control": "no-box",
            "--version-file": "version",
            "--kernel": "cmdline",
            "--installer": "rauc",
            "--starter": "systemctl",
        }
        options = [word for key, name in places.items() for word in (key, self.folder / name)]
        return main(["update", *map(str, (*step, *options))])

    @property
    def trial(self) -> Trial:
        return parse_trial((self.folder / "update" / TRIAL_FILE).read_bytes())

    @property
    def told(self) -> str:
        return " ".join(f"{each.title}: {each.body}" for each in read_notices(self._notices))

    @property
    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    @property
    def _notices(self) -> Path:
        return self.folder / "notices"


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(name="url")
def _url(machine: Machine) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(machine.web)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fernruf.json"
    server.shutdown()
    thread.join()
    server.server_close()


def test_newer_version_is_downloaded_installed_and_on_trial(machine: Machine, url: str) -> None:
    machine.offer()
    bundle = machine.folder / "update" / "update.raucb"
    machine.installer(words=f"cmp {bundle} {machine.web / 'f.raucb'} || exit 1")
    assert machine.update("look", "--url", url, "--quiet-s", "0") == 0
    assert machine.called == ["rauc info", "rauc install", "systemctl --no-block"]
    assert machine.trial == Trial("b", NEW, OLD)
    assert not bundle.exists()


def test_version_that_runs_already_is_left_alone(machine: Machine, url: str) -> None:
    machine.offer(version=OLD)
    assert machine.update("look", "--url", url) == 0
    assert machine.called == []


def test_without_a_server_nobody_is_asked(machine: Machine) -> None:
    assert machine.update("look", "--url", "") == 0
    assert machine.called == []


def test_download_that_was_cut_off_goes_on(machine: Machine, url: str) -> None:
    machine.offer()
    (machine.folder / "update" / "update.part").write_bytes(BUNDLE[:1000])
    assert machine.update("look", "--url", url, "--quiet-s", "0") == 0
    assert machine.trial.version == NEW


def test_download_that_is_not_what_was_offered_is_thrown_away(machine: Machine, url: str) -> None:
    machine.offer(bundle=b"x" * len(BUNDLE))
    assert machine.update("look", "--url", url) == 1
    assert machine.called == []
    assert not list((machine.folder / "update").glob("update*"))


def test_server_that_is_away_or_talks_nonsense_is_an_error_in_words(
    machine: Machine, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.update("look", "--url", url) == 1
    (machine.web / "fernruf.json").write_text("<html>")
    assert machine.update("look", "--url", url) == 1
    assert machine.update("look", "--url", "file:///etc/passwd") == 1
    assert "neither http nor https" in capsys.readouterr().err


@contextmanager
def server_that_says(words: bytes) -> Iterator[str]:
    """Whoever asks is told that, whatever was asked."""

    class Says(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            with suppress(ConnectionError):
                self.wfile.write(words)

    with TCPServer(("127.0.0.1", 0), Says) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/fernruf.json"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff" * 100, id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", id="many headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, id="a long header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", id="less than nothing"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="bad chunks"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", id="a chunk cut off"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 10_000, id="too much"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", id="to a file"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: ftp://192.0.2.1/x\r\n\r\n", id="to FTP"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n", id="to no URL"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: /fernruf.json\r\nContent-Length: 99999999\r\n\r\n",
            id="with a long text",
        ),
    ],
)
def test_whatever_a_server_says_is_an_error_in_words(
    machine: Machine, words: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with server_that_says(words) as url:
        assert machine.update("look", "--url", url) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert machine.called == []


def test_who_sends_slower_than_any_line_is_left() -> None:
    assert not is_too_slow(0, PATIENCE_S)
    assert is_too_slow(0, PATIENCE_S + 0.1)
    assert not is_too_slow(SLOWEST_BYTES_PER_S * 600, PATIENCE_S + 600.0)
    assert is_too_slow(SLOWEST_BYTES_PER_S * 600 - 1, PATIENCE_S + 600.0)


def test_forged_bundle_is_refused_and_the_display_says_so(machine: Machine, url: str) -> None:
    machine.offer()
    machine.program("rauc", "echo signature verification failed >&2; exit 1")
    assert machine.update("look", "--url", url) == 1
    assert "not signed for this telephone" in machine.told
    assert "systemctl" not in " ".join(machine.called)
    assert not (machine.folder / "update" / TRIAL_FILE).exists()


def test_old_bundle_that_is_offered_as_a_new_one_is_refused(machine: Machine, url: str) -> None:
    machine.offer()
    machine.installer(version="0.1.3")
    assert machine.update("look", "--url", url) == 1
    assert machine.called == ["rauc info"]
    assert "not signed for this telephone" in machine.told


def test_card_that_takes_no_update_is_said_to_be_the_reason(machine: Machine, url: str) -> None:
    machine.offer()
    machine.installer(words="test $1 = info")
    assert machine.update("look", "--url", url) == 1
    assert "could not be written" in machine.told
    assert not (machine.folder / "update" / TRIAL_FILE).exists()


def test_dial_tone_in_the_new_slot_ends_the_trial(machine: Machine) -> None:
    (machine.folder / "update" / TRIAL_FILE).write_text(
        json.dumps({"slot": "b", "version": NEW, "before": OLD, "failed": []})
    )
    machine.runs("b", NEW)
    assert machine.update("before") == 0
    assert (machine.folder / "update" / SNAPSHOT / "identity").read_text() == "the number"
    assert machine.update("good") == 0
    assert machine.trial == Trial()
    assert f"Version {NEW} runs" in machine.told
    assert not (machine.folder / "update" / SNAPSHOT).exists()


def test_old_slot_gets_its_state_back_and_remembers_what_failed(machine: Machine, url: str) -> None:
    (machine.folder / "update" / TRIAL_FILE).write_text(
        json.dumps({"slot": "b", "version": NEW, "before": OLD, "failed": []})
    )
    machine.runs("b", NEW)
    assert machine.update("before") == 0
    (machine.folder / "state" / "identity").write_text("what only the new version reads")
    machine.runs("a", OLD)
    assert machine.update("before") == 0
    assert (machine.folder / "state" / "identity").read_text() == "the number"
    assert "did not start" in machine.told
    assert machine.trial.failed == (NEW,)
    machine.offer()
    assert machine.update("look", "--url", url) == 0
    assert machine.called == []


def test_slot_on_trial_without_dial_tone_starts_again_and_a_proved_one_does_not(
    machine: Machine,
) -> None:
    machine.runs("b", NEW)
    assert machine.update("judge") == 0
    assert machine.called == []
    (machine.folder / "update" / TRIAL_FILE).write_text(
        json.dumps({"slot": "b", "version": NEW, "before": OLD, "failed": []})
    )
    assert machine.update("judge") == 0
    assert machine.called == ["systemctl --no-block"]


def test_version_is_offered_to_neighbours_only_when_it_has_proved_itself(
    machine: Machine, url: str
) -> None:
    machine.offer()
    assert machine.update("look", "--url", url, "--quiet-s", "0") == 0
    shared = machine.folder / "share"
    assert (shared / BUNDLE_FILE).read_bytes() == BUNDLE
    assert not (shared / OFFER_FILE).exists()
    machine.runs("b", NEW)
    assert machine.update("before") == machine.update("good") == 0
    offer = parse_offer((shared / OFFER_FILE).read_bytes())
    assert (offer.version, offer.sha256) == (NEW, hashlib.sha256(BUNDLE).hexdigest())


def test_version_that_failed_is_offered_to_nobody(machine: Machine, url: str) -> None:
    machine.offer()
    assert machine.update("look", "--url", url, "--quiet-s", "0") == 0
    assert machine.update("before") == 0
    assert list((machine.folder / "share").iterdir()) == []


def test_what_was_offered_for_a_week_is_taken_away(machine: Machine) -> None:
    offered = machine.folder / "share" / OFFER_FILE
    offered.write_text("{}")
    assert machine.update("look", "--url", "") == 0
    assert offered.exists()
    os.utime(offered, (1.0, 1.0))
    assert machine.update("look", "--url", "") == 0
    assert not offered.exists()


def test_stick_is_taken_once_though_it_stays(machine: Machine, tmp_path: Path) -> None:
    bundle = tmp_path / "fernruf.raucb"
    bundle.write_bytes(BUNDLE)
    assert machine.update("take", bundle) == 0
    assert machine.trial == Trial("b", NEW, OLD)
    machine.runs("b", NEW)
    assert machine.update("before") == machine.update("good") == 0
    machine.calls.unlink()
    assert machine.update("take", bundle) == 0
    assert machine.called == ["rauc info"]


def test_damaged_memory_of_an_update_is_no_update(machine: Machine) -> None:
    (machine.folder / "update" / TRIAL_FILE).write_text("{")
    assert machine.update("before") == 0
    assert machine.update("good") == 0


@pytest.mark.parametrize(
    ("line", "slot"),
    [("root=x fernruf.slot=b quiet", "b"), ("fernruf.slot=a", "a"), ("root=/dev/sda1", "a")],
)
def test_slot_is_what_the_bootloader_told_the_kernel(line: str, slot: str) -> None:
    assert running_slot(line) == slot
