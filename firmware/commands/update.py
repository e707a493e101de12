"""`fernruf update`: looks for a newer version, puts it into the other slot, and judges it then.

Run by systemd as root, beside the telephone and never during a call. RAUC checks the signature
(X.509) and writes; the bootloader counts starts (boot.cmd). What happened is told on the display.
Units: bytes; `_s` seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import http.client
import logging
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import NoReturn

from firmware.commands.arguments import add_verbosity, set_up_logging
from firmware.errors import CommandError, MalformedError
from firmware.model import CallState
from firmware.shell.control import ControlClient
from firmware.shell.notices import post_notice
from firmware.shell.state import StateDir
from firmware.system_events import Notice
from firmware.updates import (
    OFFER_BYTES_MAX,
    Offer,
    Trial,
    Verdict,
    encode_trial,
    failed,
    is_wanted,
    judge,
    other_slot,
    parse_offer,
    parse_trial,
    passed,
    rank,
)

logger = logging.getLogger(__name__)

TRIAL_FILE = "trial.json"
SNAPSHOT = "state-before"  # the telephone's state as the old version left it
NOTICE = "2-update"
BLOCK_BYTES = 1 << 18
TIMEOUT_S = 60.0
CALL_POLL_S = 10.0  # how often to look whether somebody still talks
QUIET_S = 60.0  # without a call before the box starts anew
BUNDLE_VERSION = re.compile(r"^RAUC_MF_VERSION='?([^'\n]*)", re.MULTILINE)
RUNNING = "slot="  # of the kernel's command line, as boot.cmd writes it


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser("update", help="a newer version into the other slot")
    steps = parser.add_subparsers(required=True, metavar="STEP")
    looking = steps.add_parser("look", help="ask a server, download, install, start anew")
    looking.add_argument("--url", required=True, help="of fernruf.json; empty: nobody is asked")
    looking.add_argument("--quiet-s", type=float, default=QUIET_S, metavar="S")
    looking.set_defaults(step=look)
    taking = steps.add_parser("take", help="install a bundle that lies here, start anew")
    taking.add_argument("bundle", type=Path)
    taking.set_defaults(step=take)
    for name, step, words in (
        ("before", before, "before the telephone starts: what became of the last update"),
        ("good", good, "the telephone has a dial tone: this version stays"),
        ("judge", start_again_if_on_trial, "time is up for a version on trial"),
    ):
        steps.add_parser(name, help=words).set_defaults(step=step)
    for each in steps.choices.values():
        each.add_argument("--folder", type=Path, default=Path("/data/update"), metavar="DIR")
        each.add_argument("--state", type=Path, default=Path("/data/fernruf"), metavar="DIR")
        each.add_argument("--notices", type=Path, default=Path("/run/fernruf-notices"))
        each.add_argument("--control", type=Path, default=Path("/run/fernruf/control"))
        each.add_argument("--version-file", type=Path, default=Path("/usr/lib/fernruf/version"))
        each.add_argument("--kernel", type=Path, default=Path("/proc/cmdline"))
        each.add_argument("--installer", default="rauc", help="RAUC, or what stands for it")
        each.add_argument("--starter", default="systemctl", help="systemd's, or a stand-in")
        add_verbosity(each)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """One step."""
    set_up_logging(arguments.verbose)
    arguments.step(Updater(arguments), arguments)
    return 0


class Updater:
    """The box's files and programs as far as updates concern them."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.folder = StateDir(arguments.folder)
        self.state: Path = arguments.state
        self.snapshot = self.folder.path / SNAPSHOT
        self.running = _first_line(arguments.version_file)
        self.slot = running_slot(_first_line(arguments.kernel))
        self._notices, self._control = arguments.notices, arguments.control
        self._installer, self._starter = arguments.installer, arguments.starter

    @property
    def trial(self) -> Trial:
        """What is remembered; nothing, if the file is damaged."""
        return self.folder.restore(TRIAL_FILE, parse_trial) or Trial()

    def remember(self, trial: Trial) -> None:
        """Keep it over a power cut."""
        self.folder.write(TRIAL_FILE, encode_trial(trial))

    def tell(self, title: str, body: str) -> None:
        """On the display and in the journal."""
        logger.warning("%s: %s", title, body)
        post_notice(self._notices, NOTICE, Notice(title, body))

    def say_nothing(self) -> None:
        """Nobody needs to read of the last update any more."""
        post_notice(self._notices, NOTICE, None)

    def is_in_call(self) -> bool:
        """Whether the handset is up or the bell rings; a telephone that is away is at rest."""
        try:
            return asyncio.run(self._state()) != CallState.IDLE
        except CommandError:
            return False

    async def _state(self) -> str:
        async with ControlClient.open(self._control) as client:
            return str((await client.request("status"))["state"])

    def wait_for_rest(self, quiet_s: float = 0.0) -> None:
        """Return when nobody has telephoned for so long."""
        since_s = time.monotonic()
        while self.is_in_call() or time.monotonic() - since_s < quiet_s:
            if self.is_in_call():
                since_s = time.monotonic()
            time.sleep(min(CALL_POLL_S, quiet_s or CALL_POLL_S))

    def install(self, bundle: Path, version: str) -> None:
        """Write the other slot; CommandError if the bundle is not signed by whom we trust."""
        self.tell("Update", f"Version {version} is being put onto the card.")
        done = subprocess.run(  # noqa: S603 - the program is a constant of the image
            [self._installer, "install", str(bundle)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            self.refuse(done)
        shutil.rmtree(self.snapshot, ignore_errors=True)
        trial = Trial(other_slot(self.slot), version, self.running, self.trial.failed)
        self.remember(trial)

    def version_of(self, bundle: Path) -> str:
        """What the bundle says of itself; CommandError unless its signature is good."""
        done = subprocess.run(  # noqa: S603 - as above
            [self._installer, "info", "--output-format=shell", str(bundle)],
            capture_output=True,
            text=True,
            check=False,
        )
        found = BUNDLE_VERSION.search(done.stdout)
        if done.returncode or found is None:
            self.refuse(done)
        return found.group(1)

    def refuse(self, done: subprocess.CompletedProcess[str]) -> NoReturn:
        """Say why there is no update; raises CommandError."""
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        self.tell("No update", "The update is damaged or not signed for this telephone.")
        raise CommandError(f"the update was refused: {' '.join(reason)}")

    def start_anew(self) -> None:
        """Into whichever slot the bootloader chooses."""
        self.tell("Update", "The telephone starts anew with its new version.")
        command = [self._starter, "--no-block", "reboot"]
        subprocess.run(command, check=False)  # noqa: S603 - as above


def look(updater: Updater, arguments: argparse.Namespace) -> None:
    """Ask the server; CommandError if something is offered and cannot be had."""
    updater.say_nothing()
    if not arguments.url:
        return
    offer = _fetch_offer(arguments.url)
    if not is_wanted(offer, updater.running, updater.trial):
        logger.info("version %s is offered, %s runs", offer.version, updater.running)
        return
    bundle = updater.folder.path / "update.raucb"
    try:
        download(urllib.parse.urljoin(arguments.url, offer.bundle), offer, bundle, updater)
        updater.wait_for_rest()
        updater.install(bundle, offer.version)
    finally:
        bundle.unlink(missing_ok=True)
    updater.wait_for_rest(arguments.quiet_s)
    updater.start_anew()


def take(updater: Updater, arguments: argparse.Namespace) -> None:
    """A bundle on a stick, which may stay there: only what is newer, and did not fail before."""
    version = updater.version_of(arguments.bundle)
    trial = updater.trial
    if rank(version) <= rank(updater.running) or version in trial.failed or trial.slot:
        updater.tell("No update", f"{version} is on the stick, {updater.running} runs already.")
        return
    updater.wait_for_rest()
    updater.install(arguments.bundle, version)
    updater.wait_for_rest()
    updater.start_anew()


def before(updater: Updater, _arguments: argparse.Namespace) -> None:
    """On trial: keep the state for the old version. Fallen back: give it what it left."""
    trial = updater.trial
    verdict = judge(trial, updater.slot)
    if verdict is Verdict.ON_TRIAL and not updater.snapshot.exists():
        _copy(updater.state, updater.snapshot)
    elif verdict is Verdict.FELL_BACK:
        if updater.snapshot.exists():
            # a cut between the two leaves the snapshot, and this is done again
            shutil.rmtree(updater.state, ignore_errors=True)
            _copy(updater.snapshot, updater.state)
            shutil.rmtree(updater.snapshot, ignore_errors=True)
        updater.remember(failed(trial))
        updater.tell(
            "Update failed",
            f"The new version {trial.version} did not start. {updater.running} runs again.",
        )


def good(updater: Updater, _arguments: argparse.Namespace) -> None:
    """The trial is over."""
    trial = updater.trial
    if judge(trial, updater.slot) is Verdict.ON_TRIAL:
        updater.remember(passed(trial))
        shutil.rmtree(updater.snapshot, ignore_errors=True)
        updater.tell("Updated", f"Version {updater.running} runs now.")


def start_again_if_on_trial(updater: Updater, _arguments: argparse.Namespace) -> None:
    """Still on trial when it should long have had a dial tone: the next try."""
    if judge(updater.trial, updater.slot) is Verdict.ON_TRIAL:
        logger.warning("no dial tone in slot %s: starting again", updater.slot)
        updater.start_anew()


def download(url: str, offer: Offer, to: Path, updater: Updater) -> None:
    """Fetch the bundle, from where an earlier try was cut off; waits while somebody talks."""
    part = to.with_suffix(".part")
    have = part.stat().st_size if part.exists() else 0
    if have >= offer.size_bytes:
        part.unlink()
        have = 0
    try:
        with _open_web(url, have) as answer:
            is_rest = answer.status == 206
            with part.open("ab" if is_rest else "wb") as file:
                looked_s = time.monotonic()
                while (block := answer.read(BLOCK_BYTES)) and file.tell() <= offer.size_bytes:
                    file.write(block)
                    if time.monotonic() - looked_s > CALL_POLL_S:
                        updater.wait_for_rest()
                        looked_s = time.monotonic()
                file.flush()
                os.fsync(file.fileno())
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot download {url}: {error}") from None
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if part.stat().st_size < offer.size_bytes:
        raise CommandError("the download was cut off; it goes on next time")
    if digest != offer.sha256:
        part.unlink()
        raise CommandError("what was downloaded is not what was offered")
    part.replace(to)


def running_slot(command_line: str) -> str:
    """`a` or `b`, as the bootloader told the kernel."""
    words = (word.removeprefix("fernruf.") for word in command_line.split())
    return next((word.removeprefix(RUNNING) for word in words if word.startswith(RUNNING)), "a")


def _fetch_offer(url: str) -> Offer:
    try:
        with _open_web(url) as answer:
            return parse_offer(answer.read(OFFER_BYTES_MAX + 1))
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot ask {url}: {error}") from None
    except MalformedError as error:
        raise CommandError(f"{url}: {error}") from None


def _open_web(url: str, first_byte: int = 0) -> http.client.HTTPResponse:
    """The answer, from a byte on if the server can; CommandError for a file of the box itself."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise CommandError(f"{url}: neither http nor https")
    headers = {"Range": f"bytes={first_byte}-"} if first_byte else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - see above
    answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 - see above
    assert isinstance(answer, http.client.HTTPResponse)
    return answer


def _copy(source: Path, to: Path) -> None:
    """A folder, complete or not at all, with its owners."""
    fresh = to.with_name(f"{to.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        shutil.copytree(source, fresh, copy_function=_copy_file)
        for path in (source, *source.rglob("*")):
            about, there = path.stat(), fresh / path.relative_to(source)
            os.chown(there, about.st_uid, about.st_gid)
        os.sync()
        fresh.replace(to)
        os.sync()
    except (OSError, shutil.Error) as error:
        raise CommandError(f"cannot copy {source}: {error}") from None


def _copy_file(source: str, to: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # a temporary file that is gone by now
        shutil.copy2(source, to)


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
