#!/usr/bin/env python3
"""Puts a Fernruf image on an SD card, checks it, and writes the owner's settings onto it.

Needs Python 3.11 and `pip install rich zstandard pynacl pyfatfs` (`adapter --port` mpremote too);
runs on Linux and macOS. Exit codes: 0 done, 1 it did not work, 2 wrong use, 3 this disk is not
written, 4 the image is not good, 5 the card is not good, 130 interrupted.
"""

from __future__ import annotations

import argparse
import getpass
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this file has not installed us
    sys.exit("flash.py needs Python 3.11 or later")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for firmware.settings
try:
    import rich.progress
    import rich.table
    from card import adapter, base, personal
    from card.disks import Disk, list_disks
    from card.errors import CardError, RefusedError
    from card.image import Image, check_signature, open_image
    from card.target import OpenTarget, unmount
    from card.writing import Progress, compare, is_unfinished, verify, write
except ImportError as missing:
    sys.exit(f"flash.py: {missing}; after `make install`: .venv/bin/python tools/flash.py")

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130  # as shells say it


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except CardError as error:
        print(f"flash.py: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(
            "\nflash.py: interrupted; a card that was being written is unfinished", file=sys.stderr
        )
        return INTERRUPTED
    return 0


def run_list(arguments: argparse.Namespace) -> None:
    """Which disks may be written; with --all also which not, and why."""
    disks = [disk for disk in list_disks() if arguments.all or not disk.refusal]
    if not disks:
        print("No card found. Is it in the reader? `list --all` says why a disk is not offered.")
        return
    table = rich.table.Table("disk", "size", "name", "on it")
    if arguments.all:
        table.add_column("may be written")
    for disk in disks:
        row = [disk.path, _size(disk.size_bytes), disk.name or "no name", _contents(disk)]
        table.add_row(*row, *([disk.refusal or "yes"] if arguments.all else []))
    rich.print(table)


def run_write(arguments: argparse.Namespace) -> None:
    """Write, read back, personalise."""
    image = _image(arguments)
    bundle = base.read_bundle(arguments.base) if arguments.base else None
    settings = personal.settings_of(arguments, getpass.getpass)
    disk = _disk(arguments.disk)
    if arguments.dry_run:
        _tell_plan(image, disk, arguments)
        return
    if disk is not None:
        _confirm(disk, arguments.confirm)
        unmount(disk)
        _identify_again(disk)
    with _open(arguments.disk) as target, _progress() as progress:
        written = write(image, target, progress)
        if not arguments.no_verify:
            verify(written, target, progress)
    if bundle is not None:
        base.install(arguments.disk, bundle)
    if settings is not None:
        personal.write_settings(arguments.disk, settings)
    print("Done. Take the card out, put it into the box and give it power.")


def run_verify(arguments: argparse.Namespace) -> None:
    """Compare a card that was never started with the image."""
    image = _image(arguments)
    _disk(arguments.disk)
    with _open(arguments.disk) as target, _progress() as progress:
        compare(image, target, progress)
    print("The card holds exactly this image.")


def run_personalise(arguments: argparse.Namespace) -> None:
    """Write the settings of the first start into the FAT partition."""
    settings = personal.settings_of(arguments, getpass.getpass)
    if settings is None:
        raise CardError("nothing to write: name at least one setting, such as --name")
    disk = _disk(arguments.disk)
    if arguments.dry_run:
        print(f"would write into the FAT partition of {arguments.disk}:")
        print(personal.without_secrets(settings))
        return
    if disk is not None:
        unmount(disk)
    personal.write_settings(arguments.disk, settings)
    print(f"{arguments.disk}: settings written")


def run_adapter(arguments: argparse.Namespace) -> None:
    """MicroPython, if it is given, then the program of the analog phone adapter."""
    if arguments.uf2:
        drive, board = adapter.find_pico(arguments.drive)
        adapter.check_uf2(arguments.uf2, board)
        if arguments.dry_run:
            print(f"would copy {arguments.uf2.name} to the {board} at {drive}")
        else:
            adapter.write_micropython(arguments.uf2, drive, board)
            print("MicroPython written; the Pico starts it now.")
    if arguments.port:
        if arguments.dry_run:
            with tempfile.TemporaryDirectory() as folder:
                names = adapter.lay_out(Path(folder), usb=arguments.usb)
            print(f"would copy to the Pico at {arguments.port}: {', '.join(names)}")
        else:
            adapter.write_program(arguments.port, usb=arguments.usb)
            print("The program is on the Pico and runs.")
    if not arguments.uf2 and not arguments.port:
        raise CardError("nothing to do: --uf2 FILE for MicroPython, --port PORT for the program")


def _image(arguments: argparse.Namespace) -> Image:
    archive = getattr(arguments, "base", None)
    if archive is not None and base.check_sha256(arguments.image):
        if arguments.key:
            check_signature(archive, _key(arguments.key))
        return open_image(arguments.image, None)
    if not arguments.unsigned and not arguments.key:
        raise RefusedError("who signed this image? --key KEY (minisign's), or --unsigned")
    return open_image(arguments.image, None if arguments.unsigned else _key(arguments.key))


def _key(text: str) -> str:
    """The key itself, or the file that holds it."""
    path = Path(text)
    return path.read_text() if path.is_file() else text


def _disk(path: Path) -> Disk | None:
    """The disk of that path; None for a plain file, which is nobody's disk."""
    if path.is_file():
        return None
    if not path.exists():
        raise RefusedError(f"there is no {path}; `list` shows the cards")
    found = next((disk for disk in list_disks() if disk.path == str(path)), None)
    if found is None:
        raise RefusedError(f"{path} is no whole disk; `list` shows the cards")
    if found.refusal:
        raise RefusedError(f"{path} {found.refusal}")
    return found


def _confirm(disk: Disk, given: str | None) -> None:
    """Erasing takes the name of the disk, typed by hand or by a script that knows it."""
    name = Path(disk.path).name
    print(
        f"{disk.path}: {_size(disk.size_bytes)}, {disk.name or 'no name'}; on it: {_contents(disk)}"
    )
    if given is None:
        given = input(f"Everything on it will be erased. To go on, type {name}: ")
    if given.strip() != name:
        raise RefusedError("not confirmed; nothing was written")


def _identify_again(chosen: Disk) -> None:
    """Names of disks move when a reader is plugged in between the question and the answer."""
    now = _disk(Path(chosen.path))
    if now is None or (now.size_bytes, now.name, now.serial) != (
        chosen.size_bytes,
        chosen.name,
        chosen.serial,
    ):
        raise RefusedError(f"{chosen.path} is another disk than a moment ago")


def _tell_plan(image: Image, disk: Disk | None, arguments: argparse.Namespace) -> None:
    total = _size(image.bytes_total) if image.bytes_total else "an unknown number of bytes"
    if disk is not None and image.card_bytes and image.card_bytes > disk.size_bytes:
        raise CardError("the image does not fit on this card")
    where = f"{disk.path} ({_size(disk.size_bytes)}, {disk.name})" if disk else arguments.disk
    steps = [
        f"unmount {where}" if disk else f"open {where}",
        "mark it as unfinished at both ends and test its capacity",
        f"write {total} of {image.path.name}, the first block last",
        *([] if arguments.no_verify else ["read everything back and compare"]),
    ]
    if arguments.base:
        steps.append(f"put Fernruf of {arguments.base.name} into the FAT partition")
    settings = personal.settings_of(arguments, lambda _: "")
    if settings is not None:
        steps.append("write the settings into the FAT partition")
    for number, step in enumerate(steps, 1):
        print(f"{number}. would {step}")


@contextmanager
def _open(path: Path) -> Iterator[OpenTarget]:
    target = OpenTarget(path)
    try:
        yield target
    finally:
        target.close()


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar for each thing that is done, with rate and time left; on stderr."""
    columns = (
        rich.progress.TextColumn("{task.description:>16}"),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TransferSpeedColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(*columns, console=console) as bars:
        tasks: dict[str, rich.progress.TaskID] = {}

        def progress(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield progress


def _contents(disk: Disk) -> str:
    try:
        with Path(disk.path).open("rb") as file:
            if is_unfinished(file.read(64)):
                return "an unfinished Fernruf card"
    except OSError:
        pass  # without permission to look, what lsblk says has to do
    return disk.contents


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flash.py", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="show the cards in this computer")
    listing.add_argument("--all", action="store_true", help="also what is refused, and why")
    listing.set_defaults(run=run_list)
    writing = commands.add_parser("write", help="erase a card and write an image onto it")
    writing.set_defaults(run=run_write)
    writing.add_argument("--confirm", metavar="NAME", help="the disk's name, instead of typing it")
    writing.add_argument(
        "--base",
        type=Path,
        metavar="TAR",
        help="the image is a Raspberry Pi OS Lite (64 bit); Fernruf for it is in fernruf-base.tar",
    )
    writing.add_argument("--no-verify", action="store_true", help="do not read back")
    checking = commands.add_parser("verify", help="compare a fresh card with an image")
    checking.set_defaults(run=run_verify)
    for command in (writing, checking):
        command.add_argument("image", type=Path, help=".img, .img.xz or .img.zst")
        command.add_argument("--key", help="minisign's public key of who made the image, or a file")
        command.add_argument("--unsigned", action="store_true", help="trust the image as it is")
    settling = commands.add_parser("personalise", help="write the settings of the first start")
    settling.set_defaults(run=run_personalise)
    for command in (writing, checking, settling):
        command.add_argument("disk", type=Path, help="such as /dev/sdb, as `list` shows it")
    for command in (writing, settling):
        command.add_argument("--dry-run", action="store_true", help="say what would be done")
        personal.add_arguments(command)
    adapting = commands.add_parser(
        "adapter", help="put MicroPython and the adapter's program on a Pico"
    )
    adapting.set_defaults(run=run_adapter)
    adapting.add_argument("--uf2", type=Path, help="MicroPython for the Pico, as downloaded")
    adapting.add_argument("--drive", type=Path, help="where the Pico's drive is mounted")
    adapting.add_argument("--port", help="its serial port, such as /dev/ttyACM0")
    adapting.add_argument("--usb", action="store_true", help="the box is on its USB, not its UART")
    adapting.add_argument("--dry-run", action="store_true", help="say what would be done")
    return parser


if __name__ == "__main__":
    sys.exit(main())
