"""One box of the demo: a process of its own, and the hand and the eye outside it.

Writes the box's configuration and identity, starts it, stops it; decides nothing of the story.
Units: `_s` monotonic seconds, comparable between the processes of one machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware.demo.picture import from_answer
from firmware.demo.seed import seeded_bytes
from firmware.errors import CommandError
from firmware.identity import Identity, IdentityFile
from firmware.model import CallState, Codec, Picture
from firmware.shell.control import Answer, ControlClient
from firmware.shell.state import IDENTITY, StateDir

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.05
ANSWER_TIMEOUT_S = 10.0
COUNTRY = "DE"  # the report knows its ringback tone
SPEECH_DIR = Path(__file__).parent / "speech"


@dataclass(frozen=True, slots=True)
class Role:
    """Who takes part: one letter for files, a name for people, a voice."""

    letter: str
    name: str
    speech: Path


CALLER = Role("a", "Jack", SPEECH_DIR / "kennedy.wav")
CALLEE = Role("b", "June", SPEECH_DIR / "wallack.wav")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one box keeps its things, under the demo's directory."""

    config: Path
    state: Path
    log: Path
    heard: Path  # what its earpiece played

    @classmethod
    def of(cls, role: Role, out: Path) -> Place:
        """The places of `role` below `out`."""
        home = out / role.letter
        return cls(
            home / "box.toml", home / "state", home / "box.log", out / f"heard_{role.letter}.wav"
        )


class Actor:
    """The hand and the eye outside a running box."""

    def __init__(self, role: Role, place: Place, hand: ControlClient, eye: ControlClient) -> None:
        self.role = role
        self.place = place
        self._hand = hand
        self._eye = eye
        self._one_look = asyncio.Lock()  # the story and the live view share the eye

    async def lift(self) -> float:
        """Take the handset up; returns when."""
        return await self._do("lift")

    async def replace(self) -> float:
        """Put the handset down; returns when."""
        return await self._do("replace")

    async def press(self, key: str) -> float:
        """Press one key; returns when the finger went down."""
        return await self._do("press", digits=key)

    async def wait(self, state: CallState, timeout_s: float) -> None:
        """Wait for a state of the call; CommandError on time-out."""
        timeout = {"timeout_s": timeout_s}
        await self._ask(self._hand, timeout_s + ANSWER_TIMEOUT_S, "wait", state=state, **timeout)

    async def status(self) -> Answer:
        """What `fernruf ctl status` prints."""
        return await self._ask(self._hand, ANSWER_TIMEOUT_S, "status")

    async def look(self) -> Picture:
        """What the OLED shows; may be asked for while the hand waits."""
        async with self._one_look:
            return from_answer(await self._ask(self._eye, ANSWER_TIMEOUT_S, "screen"))

    async def _do(self, command: str, **arguments: object) -> float:
        now_s = time.monotonic()
        await self._ask(self._hand, ANSWER_TIMEOUT_S, command, **arguments)
        return now_s

    async def _ask(
        self, client: ControlClient, within_s: float, command: str, **arguments: object
    ) -> Answer:
        try:
            async with asyncio.timeout(within_s):
                return await client.request(command, **arguments)
        except TimeoutError:
            raise CommandError(f"{self.role.name}'s box does not answer") from None
        except (CommandError, ConnectionError) as error:
            raise CommandError(f"{self.role.name}'s box: {error}") from None


@asynccontextmanager
async def acting(
    role: Role, out: Path, sockets: Path, configuration: str, seed: int | None
) -> AsyncIterator[Actor]:
    """Start a box, hand over its actor, stop the box at the end whatever happens.

    `seed` is that of its identity; None = it has one.
    """
    place = Place.of(role, out)
    if seed is not None:
        keep_identity(StateDir(place.state), role, seed)
    place.config.write_text(configuration, encoding="utf-8")
    place.heard.unlink(missing_ok=True)  # of an earlier run
    control = sockets / role.letter  # a socket's path has at most 107 bytes: not below `out`
    process = await _start(place, control)
    try:
        await _until_listening(control, process, place, role)
        async with ControlClient.open(control) as hand, ControlClient.open(control) as eye:
            yield Actor(role, place, hand, eye)
    finally:
        await _stop(process)


def configure(role: Role, out: Path, bootstrap: tuple[str, ...], codec: Codec) -> str:
    """The box's configuration, as TOML."""
    heard = Place.of(role, out).heard
    return "\n".join(
        (
            "[identity]",
            f"name = {_toml(role.name)}",
            "[network]",
            'bind = "127.0.0.1:0"',
            f"bootstrap = {_toml(bootstrap)}",
            "mdns = false",
            "[hardware]",
            'kind = "simulated"',
            "[audio]",
            f"capture = {_toml(f'file:{role.speech}')}",
            f"playback = {_toml(f'file:{heard}')}",
            f"country = {_toml(COUNTRY)}",
            "[codec]",
            f"preference = {_toml([codec])}",
            "",
        )
    )


def keep_identity(state: StateDir, role: Role, seed: int) -> None:
    """Put the identity of this seed there, unless it is there already (with its number)."""
    identity = Identity.generate(seeded_bytes(seed, f"identity {role.letter}")(64))
    if state.read(IDENTITY) is None or state.load_identity().identity != identity:
        state.write(IDENTITY, IdentityFile(identity).encode())


async def _start(place: Place, control: Path) -> asyncio.subprocess.Process:
    arguments = ("--config", place.config, "--state", place.state, "--control", control)
    with place.log.open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "firmware", "box", *map(str, arguments)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


async def _until_listening(
    control: Path, process: asyncio.subprocess.Process, place: Place, role: Role
) -> None:
    """Or say in the box's own words why it does not listen."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while process.returncode is None:
        try:
            async with ControlClient.open(control):
                return
        except CommandError:
            if time.monotonic() > deadline_s:
                raise CommandError(f"{role.name}'s box does not start; see {place.log}") from None
        await asyncio.sleep(POLL_S)
    raise CommandError(f"{role.name}'s box stopped: {_last_line(place.log)}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it says nothing")


def _toml(value: str | Sequence[str]) -> str:
    """A JSON string, or a list of them, is the same in TOML."""
    return json.dumps(value, ensure_ascii=False)
