"""`fernruf update`: looks for a newer version, puts it into the other slot, and judges it then.

Run by systemd as root, beside the telephone and never during a call. RAUC checks the signature
(X.509) and writes; the bootloader counts starts (boot.cmd). What happened is told on the display.
A version that has proved itself is there for the other boxes of the local network for a week.
Units: bytes; `_s` seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shutil
import threading
import time
import urllib.parse
from pathlib import Path

from firmware.commands.arguments import add_verbosity, set_up_logging
from firmware.errors import CommandError
from firmware.shell.lan_updates import OFFER_FILE, Share, announced, find_neighbours
from firmware.shell.updater import BUNDLE, PART, Updater, download, fetch_offer
from firmware.updates import Offer, Verdict, failed, is_wanted, judge, passed, rank

logger = logging.getLogger(__name__)

QUIET_S = 60.0  # without a call before the box starts anew
SHARE_S = 7 * 86_400.0  # by then every box beside this one has looked for updates twice
SHARE_LOOK_S = 30.0
LIARS_MAX = 3  # neighbours whose bundle is tried in one search


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "update",
        help="keep the card's system up to date (systemd runs it)",
        description="Write a newer version into the slot that does not run, start it, and go back "
        "to the former one if it brings no dial tone.",
    )
    steps = parser.add_subparsers(required=True, metavar="STEP")
    words = "ask a server, download, install, start anew"
    looking = steps.add_parser("look", help=words, description=f"{words[0].upper()}{words[1:]}.")
    looking.add_argument(
        "--url", required=True,
        help="of the server's fernruf.json; empty: no server is asked",
    )  # fmt: skip
    looking.add_argument(
        "--quiet-s", type=float, default=QUIET_S, metavar="S",
        help="seconds without a call before the box starts anew; default: %(default)g",
    )  # fmt: skip
    looking.add_argument(
        "--neighbours-s",
        type=float,
        default=0.0,
        metavar="S",
        help="if the server has nothing newer, look so many seconds for a box on the local network "
        "that has; default: %(default)g",
    )
    looking.set_defaults(step=look)
    words = "install a bundle that lies here, start anew"
    taking = steps.add_parser("take", help=words, description=f"{words[0].upper()}{words[1:]}.")
    taking.add_argument("bundle", type=Path, metavar="FILE", help="a fernruf.raucb")
    taking.set_defaults(step=take)
    for name, step, words in (
        ("share", share, "let the other boxes of the local network have this version"),
        ("before", before, "before the telephone starts: what became of the last update"),
        ("good", good, "the telephone has a dial tone: this version stays"),
        ("judge", start_again_if_on_trial, "time is up for a version on trial"),
    ):
        one = steps.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        one.set_defaults(step=step)
    for each in steps.choices.values():
        _add_places(each)
        add_verbosity(each)
    parser.set_defaults(run=run)


def _add_places(parser: argparse.ArgumentParser) -> None:
    """Where things are on the card; another place is for tests."""
    for option, place, words in (
        ("--folder", "/data/update", "what is remembered from one start to the next"),
        ("--share", "/data/share", "the bundle for other boxes"),
        ("--state", "/data/fernruf", "the telephone's state, which goes back with the version"),
        ("--notices", "/run/fernruf-notices", "what the display shall say"),
        ("--control", "/run/fernruf/control", "the telephone's control socket"),
        ("--version-file", "/usr/lib/fernruf/version", "which version runs"),
        ("--kernel", "/proc/cmdline", "which slot runs"),
    ):
        parser.add_argument(
            option,
            type=Path,
            default=Path(place),
            metavar="PATH",
            help=f"{words}; default: {place}",
        )
    parser.add_argument("--installer", default="rauc", metavar="COMMAND", help="default: rauc")
    parser.add_argument(
        "--starter", default="systemctl", metavar="COMMAND", help="default: systemctl"
    )


def run(arguments: argparse.Namespace) -> int:
    """One step."""
    set_up_logging(arguments.verbose)
    arguments.step(Updater(arguments), arguments)
    return 0


def look(updater: Updater, arguments: argparse.Namespace) -> None:
    """Ask the server, then the neighbours; CommandError if the server's offer cannot be had."""
    updater.say_nothing()
    offered = updater.shared / OFFER_FILE
    if offered.exists() and time.time() - offered.stat().st_mtime > SHARE_S:
        updater.share_nothing()
    failure = None
    if arguments.url:
        try:
            if _take_offer(arguments.url, fetch_offer(arguments.url), updater, arguments):
                return
        except CommandError as error:
            failure = error
    if arguments.neighbours_s and _take_from_neighbours(updater, arguments):
        return
    if failure is not None:
        raise failure


def _take_from_neighbours(updater: Updater, arguments: argparse.Namespace) -> bool:
    """Whether one of them had a newer version; one that lies costs a download, no notice."""
    offers = []
    for url in find_neighbours(arguments.neighbours_s):
        try:
            offers.append((fetch_offer(url), url))
        except CommandError as error:
            logger.info("%s", error)
    offers.sort(key=lambda each: rank(each[0].version), reverse=True)
    for offer, url in offers[:LIARS_MAX]:
        try:
            if _take_offer(url, offer, updater, arguments, is_asked_for=False):
                return True
        except CommandError as error:
            logger.warning("%s: %s", url, error)
            (updater.folder.path / PART).unlink(missing_ok=True)
    return False


def _take_offer(
    url: str,
    offer: Offer,
    updater: Updater,
    arguments: argparse.Namespace,
    *,
    is_asked_for: bool = True,
) -> bool:
    """Download, check, install and start anew; False if it is nothing new."""
    if not is_wanted(offer, updater.running, updater.trial):
        logger.info("version %s is offered, %s runs", offer.version, updater.running)
        return False
    bundle = updater.folder.path / BUNDLE
    try:
        download(urllib.parse.urljoin(url, offer.bundle), offer, bundle, updater)
        try:
            if updater.version_of(bundle) != offer.version:
                # the offer is not signed: an old bundle under a new name would be a step back
                raise CommandError("the bundle is of another version than was offered")
        except CommandError:
            if is_asked_for:
                updater.say_refused()
            raise
        updater.wait_for_rest()
        updater.install(bundle, offer.version)
        updater.keep_for_neighbours(bundle, offer.version)
    finally:
        bundle.unlink(missing_ok=True)
    updater.wait_for_rest(arguments.quiet_s)
    updater.start_anew()
    return True


def take(updater: Updater, arguments: argparse.Namespace) -> None:
    """A bundle on a stick, which may stay there: only what is newer, and did not fail before."""
    try:
        version = updater.version_of(arguments.bundle)
    except CommandError:
        updater.say_refused()
        raise
    trial = updater.trial
    if rank(version) <= rank(updater.running) or version in trial.failed or trial.slot:
        updater.tell("No update", f"{version} is on the stick, {updater.running} runs already.")
        return
    updater.wait_for_rest()
    updater.install(arguments.bundle, version)
    updater.keep_for_neighbours(arguments.bundle, version)
    updater.wait_for_rest()
    updater.start_anew()


def share(updater: Updater, _arguments: argparse.Namespace) -> None:
    """As long as there is an offer."""
    server = Share(updater.shared, updater.is_in_call)
    thread = threading.Thread(target=server.serve_forever, name="share", daemon=True)
    with announced(server.port):
        thread.start()
        while (updater.shared / OFFER_FILE).exists():
            time.sleep(SHARE_LOOK_S)
    server.shutdown()
    server.server_close()


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
        updater.share_nothing()
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
        updater.offer_to_neighbours()
        updater.tell("Updated", f"Version {updater.running} runs now.")


def start_again_if_on_trial(updater: Updater, _arguments: argparse.Namespace) -> None:
    """Still on trial when it should long have had a dial tone: the next try."""
    if judge(updater.trial, updater.slot) is Verdict.ON_TRIAL:
        logger.warning("no dial tone in slot %s: starting again", updater.slot)
        updater.start_anew()


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
