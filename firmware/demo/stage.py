"""The stage of the demo: the network in this process, a process for each box, and the audience.

Owns the tasks; the call itself is in story.py, the figures are in report.py.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from firmware.demo.actor import CALLEE, CALLER, Actor, acting, configure
from firmware.demo.measure import read_wav
from firmware.demo.network import NODES, Network
from firmware.demo.report import Side, Summary, for_people, save, summarise
from firmware.demo.story import Recording, Story
from firmware.demo.terminal import LiveView, PlainView, View
from firmware.errors import CommandError, FirmwareError
from firmware.model import Codec
from firmware.shell.state import StateDir

LOOK_INTERVAL_S = 0.1  # how often the live view looks at the OLEDs
ROLES = (CALLER, CALLEE)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the command line asked for."""

    out: Path
    seed: int
    codec: Codec

    async def run(self, stream: TextIO) -> Summary:
        """Play the call, leave everything in `out`; CommandError if the call did not work."""
        try:
            return await self._play(StateDir(self.out.resolve()).path, stream)
        except OSError as error:  # of a file below `out`: full, read-only, or not ours
            raise CommandError(f"{error.filename or self.out}: {error.strerror}") from None

    async def _play(self, out: Path, stream: TextIO) -> Summary:
        view = _view(stream)
        network = Network(self.seed)
        await network.open()
        view.tell(f"a network of {NODES} nodes is on {', '.join(network.bootstrap)}, ...")
        with tempfile.TemporaryDirectory(prefix="fernruf-") as sockets:
            async with _beside(network.run(), "network"):
                recording = await self._call(network.bootstrap, out, Path(sockets), view)
        return self._report(recording, out, view, stream)

    async def _call(
        self, bootstrap: tuple[str, ...], out: Path, sockets: Path, view: View
    ) -> Recording:
        a, b = (configure(role, out, bootstrap, self.codec) for role in ROLES)
        speech_samples = max(len(read_wav(role.speech)) for role in ROLES)
        async with (
            acting(CALLER, out, sockets, a, self.seed) as caller,
            acting(CALLEE, out, sockets, b, self.seed) as callee,
            _beside(_look(view, (caller, callee)), "look"),
        ):
            return await Story(caller, callee, view).play(speech_samples)

    def _report(self, recording: Recording, out: Path, view: View, stream: TextIO) -> Summary:
        view.tell("measuring what was heard")
        sides = tuple(Side(role.speech, out / f"heard_{role.letter}.wav") for role in ROLES)
        summary = summarise(recording, (sides[0], sides[1]), self.seed)
        save(summary, recording.moments, out)
        stream.write("\n" + for_people(summary, self.out))
        stream.flush()
        if summary["mouth_to_ear_ms"] is None or summary["dial_to_ringback_ms"] is None:
            raise CommandError("not all was heard that should be; see summary.json")
        return summary


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Run `work` until the body is done; the body's error comes out as it is, in no group."""
    failed: FirmwareError | OSError | None = None
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(work, name=name)
        try:
            yield
        except (FirmwareError, OSError) as error:
            failed = error
        running.cancel()
    if failed is not None:
        raise failed


async def _look(view: View, actors: Sequence[Actor]) -> None:
    """Show the OLEDs to a live audience until cancelled, or until a box is gone."""
    if not view.is_live:
        return
    while True:
        try:
            view.show([await actor.look() for actor in actors])
        except CommandError:
            return  # the story notices it too, and says so
        await asyncio.sleep(LOOK_INTERVAL_S)


def _view(stream: TextIO) -> View:
    names = [role.name for role in ROLES]
    if not stream.isatty():
        return PlainView(stream, time.monotonic, names)
    return LiveView(stream, time.monotonic, names, lambda: shutil.get_terminal_size())
