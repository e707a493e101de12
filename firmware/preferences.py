"""What a page may change of the box itself: name, country, language, hardware, network, update.

Each handler is as those of remote.py. Name, country, language and the way the telephone is built
are changed in box.toml, as its owner would, and the box starts anew with them as soon as nobody
telephones. What needs rights a box has not (a wireless network, another sound card, an update) is
left in a folder of wishes, which the image has (board/image): somebody else carries it out.
Units: `_s` seconds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from firmware.config import COUNTRIES, LANGUAGES, Config, parse_config
from firmware.errors import CommandError, ConfigError
from firmware.settings import (
    SETTINGS_FILE,
    SOUNDS,
    VARIANTS,
    Settings,
    merge_settings,
    parse_settings,
    print_settings,
    read_password,
    read_ssid,
)
from firmware.shell.control import Answer, Handler
from firmware.shell.lan import own_addresses
from firmware.shell.notices import read_notices
from firmware.shell.state import StateDir
from firmware.toml_reader import boolean, one_of, string
from firmware.toml_writer import amend

FORMER = ".former"  # box.toml before the last change
KEPT_FILE = "settings.toml"  # of the first start, beside box.toml; it would undo what is not there
ANSWER_S = 0.5  # for the answer to reach the page before the box starts anew
LOOK_WISH = "look"  # for an update
PLACES = {  # of a setting in box.toml
    "name": ("identity", "name"),
    "country": ("audio", "country"),
    "language": ("display", "language"),
    "hardware": ("hardware", "handset"),
}
WHERE = re.compile(r"^.*?\[\w+\] ")  # what a ConfigError says before the key
Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie; None = there is none of it."""

    wishes: Path | None = None  # a folder; what lies there is done by somebody with rights
    notices: Path | None = None  # what programs beside the box say
    interfaces: Path = Path("/sys/class/net")
    version: Path = Path("/usr/lib/fernruf/version")


class Preferences:
    """Handlers for the page; `restart` is called when nobody telephones and a change waits."""

    def __init__(
        self,
        config: Config,
        places: Places,
        at_rest: Callable[[], Awaitable[None]],
        restart: Callable[[], None],
    ) -> None:
        self._config, self._places = config, places
        self._at_rest, self._restart = at_rest, restart
        self._file = Path(config.source)
        self._is_changed = asyncio.Event()

    def handlers(self) -> dict[str, Handler]:
        """The table of commands."""
        return {
            "settings": self._show,
            "set_settings": self._set,
            "set_wireless": self._set_wireless,
            "look_for_update": self._look_for_update,
        }

    async def run(self) -> None:
        """Start anew after a change, never in mid-call."""
        while True:
            await self._is_changed.wait()
            self._is_changed.clear()
            await self._at_rest()
            await asyncio.sleep(ANSWER_S)
            self._restart()

    async def _show(self, _request: Request) -> Answer:
        config, wishes = self._config, self._wishes()
        return {
            "name": config.identity.name,
            "country": config.audio.country,
            "countries": list(COUNTRIES),
            "language": config.display.language,
            "languages": list(LANGUAGES),
            "hardware": Path(config.hardware.handset).stem,
            "hardwares": self._hardwares(),
            "sounds": list(SOUNDS) if wishes else [],
            "addresses": own_addresses("::"),
            "socket": config.network.bind,
            "wireless": wishes is not None and (self._places.interfaces / "wlan0").exists(),
            "version": _first_line(self._places.version),
            "updates": wishes is not None,
            "notices": [
                {"title": each.title, "body": each.body}
                for each in read_notices(self._places.notices or Path("/nonexistent"))
            ],
        }

    async def _set(self, request: Request) -> Answer:
        """All that is named, or nothing; what is the same already is no change."""
        if unknown := set(request) - {*PLACES, "sound"}:
            raise CommandError(f"{min(unknown)}: there is no such setting")
        if "sound" in request:
            self._wish_hardware(request)
        try:
            text = before = self._file.read_text(encoding="utf-8")
            for key, (section, name) in PLACES.items():
                if key in request:
                    text = amend(text, section, name, self._value(key, request[key]))
            parse_config(text, str(self._file))
        except ConfigError as error:
            raise CommandError(WHERE.sub("", str(error))) from None
        except (OSError, UnicodeDecodeError):
            raise CommandError(f"{self._file.name} cannot be read") from None
        if text != before:
            folder = StateDir(self._file.parent)
            self._keep(folder, request)
            folder.write(self._file.name + FORMER, before.encode())
            folder.write(self._file.name, text.encode())
            self._is_changed.set()
        return {"restarts": text != before or "sound" in request}

    async def _set_wireless(self, request: Request) -> Answer:
        """Another wireless network, on a box that is made of the image."""
        if not (await self._show({}))["wireless"]:
            raise CommandError("The network of this telephone is that of its computer")
        try:
            settings = Settings(
                ssid=read_ssid(request.get("ssid")),
                password=read_password(request.get("password", "")),
                hidden=boolean(request.get("hidden", False)),
            )
        except ConfigError as error:
            raise CommandError(f"Wireless network: {error}") from None
        self._wish(SETTINGS_FILE, print_settings(settings))
        return {"restarts": True}

    async def _look_for_update(self, _request: Request) -> Answer:
        if self._wishes() is None:
            raise CommandError("This telephone is updated as a program of its computer is")
        self._wish(LOOK_WISH, "")
        return {}

    def _wish_hardware(self, request: Request) -> None:
        """Another sound card needs another device tree, and that the machine starts anew."""
        if self._wishes() is None:
            raise CommandError("The sound card of this telephone stands in box.toml")
        try:
            sound = one_of(*SOUNDS)(request["sound"])
            hardware = one_of(*VARIANTS)(request.get("hardware", ""))
        except ConfigError as error:
            raise CommandError(f"Sound card: {error}") from None
        self._wish(SETTINGS_FILE, print_settings(Settings(hardware=hardware, sound=sound)))

    def _value(self, key: str, wanted: Any) -> str:
        """As it stands in box.toml; what is wrong with the others parse_config says."""
        word = string(wanted)
        if not word.isprintable():
            raise ConfigError(f"{key}: must be printable")
        if key != "hardware" or word == Path(self._config.hardware.handset).stem:
            return word if key != "hardware" else self._config.hardware.handset
        if word not in self._hardwares():
            raise ConfigError(f"hardware: {word!r} is none of {', '.join(self._hardwares())}")
        return str(Path(self._config.hardware.handset).with_name(f"{word}.toml"))

    def _hardwares(self) -> list[str]:
        """The builds whose wiring lies beside the present one."""
        folder = (self._file.parent / self._config.hardware.handset).parent
        return [each for each in VARIANTS if (folder / f"{each}.toml").exists()]

    def _keep(self, folder: StateDir, request: Request) -> None:
        """So that the next settings on the card change only what they name."""
        data = folder.read(KEPT_FILE)
        if data is None:
            return
        earlier, _ = parse_settings(data.decode("utf-8", "replace"))
        known = {each.name for each in fields(Settings)}
        said = Settings(**{key: word for key, word in request.items() if key in known})
        folder.write(KEPT_FILE, print_settings(merge_settings(earlier, said)).encode())

    def _wishes(self) -> Path | None:
        folder = self._places.wishes
        return folder if folder is not None and folder.is_dir() else None

    def _wish(self, name: str, text: str) -> None:
        folder = self._wishes()
        assert folder is not None
        StateDir(folder).write(name, text.encode())


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
