"""The owner's settings: from arguments to `fernruf.toml` in the FAT partition of the card."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from card.errors import CardError
from card.fat import BootPartition
from firmware.errors import ConfigError
from firmware.settings import (
    LANGUAGES,
    SETTINGS_FILE,
    SOUNDS,
    VARIANTS,
    Settings,
    merge_settings,
    parse_settings,
    print_settings,
    read_country,
    read_name,
    read_password,
    read_ssid,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The settings an owner can give on the command line."""
    group = parser.add_argument_group("settings for the first start")
    group.add_argument("--name", type=_checked(read_name), help="shown to those you call")
    group.add_argument("--country", type=_checked(read_country), help="two letters, such as DE")
    group.add_argument("--language", choices=LANGUAGES, help="of display and voice")
    group.add_argument("--hardware", choices=VARIANTS, help="how the box is built")
    group.add_argument("--sound", choices=SOUNDS, help="the handset's sound card or chip")
    group.add_argument(
        "--wifi", type=_checked(read_ssid), metavar="SSID", help="name; its password is asked"
    )
    group.add_argument(
        "--wifi-password",
        type=_checked(read_password),
        metavar="PASSWORD",
        help="instead of asking",
    )
    group.add_argument("--wifi-hidden", action="store_true", help="the network is not announced")


def settings_of(arguments: argparse.Namespace, ask: Callable[[str], str]) -> Settings | None:
    """What was given; None = nothing. `ask` reads a password without showing it."""
    password = arguments.wifi_password
    if arguments.wifi and password is None:
        password = ask(f"Password of {arguments.wifi} (empty = none): ")
        try:
            read_password(password)
        except ConfigError as error:
            raise CardError(f"password: {error}") from None
    settings = Settings(
        name=arguments.name or "",
        country=arguments.country or "",
        language=arguments.language or "",
        hardware=arguments.hardware or "",
        sound=arguments.sound or "",
        ssid=arguments.wifi or "",
        password=password or "",
        hidden=arguments.wifi_hidden,
    )
    return None if settings == Settings() else settings


def write_settings(path: Path, settings: Settings) -> None:
    """Write the file; what an earlier one said, and this one does not, stays."""
    with BootPartition(path) as boot:
        old, _ = parse_settings((boot.read(SETTINGS_FILE) or b"").decode("utf-8", "replace"))
        boot.write(SETTINGS_FILE, print_settings(merge_settings(old, settings)).encode())


def without_secrets(settings: Settings) -> str:
    """The file as it would be written, for people who look over a shoulder."""
    return print_settings(replace(settings, password="********" if settings.password else ""))


def _checked(read: Callable[[Any], str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            return read(text)
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return check
