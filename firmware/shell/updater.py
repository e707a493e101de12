"""What updates need of a box: its files, RAUC, the display, and the way to a server.

Used by commands/update.py alone, which says what is done when.
Units: bytes; `_s` seconds.
"""

from __future__ import annotations

import argparse
import asyncio
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
from typing import IO, Any, BinaryIO

from firmware.errors import CommandError, MalformedError
from firmware.events.system import Notice
from firmware.model import CallState
from firmware.shell.control import ControlClient
from firmware.shell.lan_updates import BUNDLE_FILE, OFFER_FILE
from firmware.shell.notices import post_notice
from firmware.shell.state import StateDir
from firmware.updates import (
    OFFER_BYTES_MAX,
    Offer,
    Trial,
    encode_offer,
    encode_trial,
    other_slot,
    parse_offer,
    parse_trial,
)

logger = logging.getLogger(__name__)

TRIAL_FILE = "trial.json"
SNAPSHOT = "state-before"  # the telephone's state as the old version left it
NOTICE = "2-update"
BUNDLE, PART = "update.raucb", "update.part"
WAITING_FILE = "waiting.json"  # the offer of a version that has yet to prove itself
BLOCK_BYTES = 1 << 18
TIMEOUT_S = 60.0  # without a byte
OFFER_S_MAX = 60.0  # for all of an offer
SLOWEST_BYTES_PER_S, PATIENCE_S = 20_000, 120.0  # who gives less would keep others from being asked
CALL_POLL_S = 10.0  # how often to look whether somebody still talks
BUNDLE_VERSION = re.compile(r"^RAUC_MF_VERSION='?([^'\n]*)", re.MULTILINE)
RUNNING = "slot="  # of the kernel's command line, as boot.cmd writes it


class Updater:
    """The box's files and programs as far as updates concern them."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.folder = StateDir(arguments.folder)
        self.state: Path = arguments.state
        self.shared: Path = arguments.share
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
        """Write the other slot; CommandError if that cannot be done."""
        self.tell("Update", f"Version {version} is being put onto the card.")
        done = subprocess.run(  # noqa: S603 - the program is a constant of the image
            [self._installer, "install", str(bundle)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            self.tell("No update", "The update could not be written onto the card.")
            raise self.refusal(done)
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
            raise self.refusal(done)
        return found.group(1)

    def refusal(self, done: subprocess.CompletedProcess[str]) -> CommandError:
        """Why there is no update."""
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        return CommandError(f"the update was refused: {' '.join(reason)}")

    def say_refused(self) -> None:
        """To who has wanted this update."""
        self.tell("No update", "The update is damaged or not signed for this telephone.")

    def keep_for_neighbours(self, bundle: Path, version: str) -> None:
        """A copy, if there is room for it and the next one; offered when it has proved itself."""
        size = bundle.stat().st_size
        self.share_nothing()
        try:
            if shutil.disk_usage(self.shared).free < 3 * size:
                return
            copy = self.shared / BUNDLE_FILE
            shutil.copyfile(bundle, copy)
            copy.chmod(0o644)
            with copy.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            (self.shared / WAITING_FILE).write_bytes(
                encode_offer(Offer(version, BUNDLE_FILE, size, digest))
            )
        except OSError as error:
            logger.warning("no copy for other boxes: %s", error.strerror or error)

    def offer_to_neighbours(self) -> None:
        """What runs now is what was kept: from now on others may have it."""
        waiting = self.shared / WAITING_FILE
        if waiting.exists():
            waiting.chmod(0o644)
            waiting.replace(self.shared / OFFER_FILE)

    def share_nothing(self) -> None:
        """No longer, or not this one."""
        for name in (OFFER_FILE, WAITING_FILE, BUNDLE_FILE):
            (self.shared / name).unlink(missing_ok=True)

    def start_anew(self) -> None:
        """Into whichever slot the bootloader chooses."""
        self.tell("Update", "The telephone starts anew with its new version.")
        command = [self._starter, "--no-block", "reboot"]
        subprocess.run(command, check=False)  # noqa: S603 - as above


def download(url: str, offer: Offer, to: Path, updater: Updater) -> None:
    """Fetch the bundle, from where an earlier try was cut off; waits while somebody talks."""
    part = to.with_name(PART)
    have = part.stat().st_size if part.exists() else 0
    if have >= offer.size_bytes:
        part.unlink()
        have = 0
    try:
        with _open_web(url, have) as answer:
            is_rest = answer.status == 206
            with part.open("ab" if is_rest else "wb") as file:
                _fill(file, answer, offer.size_bytes, updater)
                file.flush()
                os.fsync(file.fileno())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CommandError(f"cannot download {url}: {error}") from None
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if part.stat().st_size < offer.size_bytes:
        raise CommandError("the download was cut off; it goes on next time")
    if digest != offer.sha256:
        part.unlink()
        raise CommandError("what was downloaded is not what was offered")
    part.replace(to)


def _fill(
    file: BinaryIO, answer: http.client.HTTPResponse, size_bytes: int, updater: Updater
) -> None:
    """Until there is enough, or no more; the time in which somebody talks does not count."""
    got, asked_s = 0, 0.0
    looked_s = time.monotonic()
    while (block := answer.read1(BLOCK_BYTES)) and file.tell() <= size_bytes:
        file.write(block)
        got += len(block)
        spent_s = time.monotonic() - looked_s
        if is_too_slow(got, asked_s + spent_s):
            raise OSError("too slow")
        if spent_s > CALL_POLL_S:
            updater.wait_for_rest()
            asked_s, looked_s = asked_s + spent_s, time.monotonic()


def is_too_slow(got_bytes: int, spent_s: float) -> bool:
    """Nobody's line is as slow as that; a neighbour that drips is up to something."""
    return got_bytes < (spent_s - PATIENCE_S) * SLOWEST_BYTES_PER_S


def running_slot(command_line: str) -> str:
    """`a` or `b`, as the bootloader told the kernel."""
    words = (word.removeprefix("fernruf.") for word in command_line.split())
    return next((word.removeprefix(RUNNING) for word in words if word.startswith(RUNNING)), "a")


def fetch_offer(url: str) -> Offer:
    """What lies at a URL; CommandError if there is no offer."""
    try:
        with _open_web(url) as answer:
            until_s, data = time.monotonic() + OFFER_S_MAX, b""
            while len(data) <= OFFER_BYTES_MAX and (some := answer.read1(OFFER_BYTES_MAX)):
                data += some
                if time.monotonic() > until_s:
                    raise OSError("too slow")
            return parse_offer(data)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CommandError(f"cannot ask {url}: {error}") from None
    except MalformedError as error:
        raise CommandError(f"{url}: {error}") from None


def _open_web(url: str, first_byte: int = 0) -> http.client.HTTPResponse:
    """The answer, from a byte on if the server can; CommandError for a file of the box itself."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise CommandError(f"{url}: neither http nor https")
    headers = {"Range": f"bytes={first_byte}-"} if first_byte else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - see above
    try:
        answer = urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        raise CommandError(f"{url}: {error.code} {error.reason}") from None
    assert isinstance(answer, http.client.HTTPResponse)
    return answer


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Only from a server that has proved itself to another that does; no neighbour sends us on.

    What comes with the word of a redirection the library reads to its end, however long that is.
    """

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> Any:
        """The answer of whom we are sent to; ValueError where we do not go."""
        try:
            to = urllib.parse.urljoin(req.full_url, headers.get("Location", ""))
            if {urllib.parse.urlsplit(url).scheme for url in (req.full_url, to)} != {"https"}:
                raise ValueError("sends us somewhere else")
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
