"""What the control socket can do with a box: the hand, the eye and the status.

Each handler takes a request and gives an answer (control.py); the hand exists in simulation only.
Units: `_s` seconds.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from firmware.drivers.sim.hand import Hand
from firmware.errors import CommandError
from firmware.events import Fact, HookReplaced, KeyPressed
from firmware.media.path.paths import PathStatus
from firmware.model import CallState, CallView, Part, RtpCounters
from firmware.phone import Phone
from firmware.shell.control import Answer, Handler

KEY_HELD_S = 0.060  # a quick finger; three times the debounce time of the keypad
KEY_PAUSE_S = 0.060
HOOK_SETTLED_S = 0.050
FLASH_S = 0.250  # in the middle of what counts as a flash
DIGITS_MAX = 64
WAIT_MAX_S = 3600.0


class ViewWatch:
    """The latest view of the call, and a way to wait for the next one."""

    def __init__(self) -> None:
        self.view = CallView()
        self._changed = asyncio.Event()

    def set(self, view: CallView) -> None:
        """Wake everyone who waits."""
        self.view = view
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, state: CallState) -> None:
        """Return as soon as the call is in `state`."""
        while self.view.state is not state:
            await self._changed.wait()


class Remote:
    """Handlers for ControlServer."""

    def __init__(
        self,
        phone: Phone,
        hand: Hand | None,
        watch: ViewWatch,
        sound_status: Callable[[], Answer],
        faults: Mapping[Part, str],
        tell: Callable[[Fact], None],
    ) -> None:
        self._phone = phone
        self._hand_or_none = hand
        self._watch = watch
        self._sound_status = sound_status
        self._faults = faults
        self._tell = tell
        self._fingers = asyncio.Lock()  # one finger: two clients never press at once

    def handlers(self) -> dict[str, Handler]:
        """The table of commands."""
        return {
            "lift": self._lift,
            "replace": self._replace,
            "press": self._press,
            "flash": self._flash,
            "dial": self._dial,
            "hang_up": self._hang_up,
            "status": self._status,
            "screen": self._screen,
            "wait": self._wait,
            "history": self._history,
        }

    async def _lift(self, _request: Mapping[str, Any]) -> Answer:
        await self._move(self._hand().lift)
        return {}

    async def _replace(self, _request: Mapping[str, Any]) -> Answer:
        await self._move(self._hand().replace)
        return {}

    async def _press(self, request: Mapping[str, Any]) -> Answer:
        hand, digits = self._hand(), request.get("digits")
        if not isinstance(digits, str) or not 0 < len(digits) <= DIGITS_MAX:
            raise CommandError(f"digits: 1 to {DIGITS_MAX} keys")
        if unknown := set(digits) - set(hand.keys):
            raise CommandError(f"this keypad has no key {min(unknown)!r}")
        async with self._fingers:
            for key in digits:
                hand.hold(key)
                await asyncio.sleep(KEY_HELD_S)
                hand.release(key)
                await asyncio.sleep(KEY_PAUSE_S)
        return {}

    async def _flash(self, _request: Mapping[str, Any]) -> Answer:
        hand = self._hand()
        async with self._fingers:
            hand.replace()
            await asyncio.sleep(FLASH_S)
            hand.lift()
            await asyncio.sleep(HOOK_SETTLED_S)
        return {}

    async def _dial(self, request: Mapping[str, Any]) -> Answer:
        """For a program: a simulated handset is lifted, a real one must be."""
        state, digits = self._watch.view.state, request.get("digits")
        if not isinstance(digits, str) or not 0 < len(digits) <= DIGITS_MAX:
            raise CommandError(f"digits: 1 to {DIGITS_MAX} keys")
        if state not in (CallState.IDLE, CallState.OFF_HOOK):
            raise CommandError(f"the telephone is not free: {state}")
        if self._hand_or_none is not None:
            await self._lift({})
            return await self._press(request)
        if state is CallState.IDLE:
            raise CommandError("please lift the handset first")
        async with self._fingers:
            for key in digits:
                self._tell(KeyPressed(key))
                await asyncio.sleep(KEY_PAUSE_S)
        return {}

    async def _hang_up(self, _request: Mapping[str, Any]) -> Answer:
        """For a program: the call is over, even if a real handset still lies beside."""
        if self._watch.view.state is CallState.IDLE:
            raise CommandError("there is no call")
        if self._hand_or_none is not None:
            return await self._replace({})
        self._tell(HookReplaced())
        return {}

    async def _status(self, _request: Mapping[str, Any]) -> Answer:
        status = self._phone.status()
        view, media = status.view, status.media
        in_call = view.state is CallState.CONNECTED
        return {
            "state": view.state,
            "hand": self._hand_or_none is not None,
            "bell": self._hand_or_none is not None and self._hand_or_none.hears_bell(),
            "number": status.number,
            "reachable": status.unreachable is None and status.published,
            "unreachable": status.unreachable,
            "peer_number": view.peer_number or None,
            "peer_name": view.peer_name or None,
            "reason": view.reason,
            "codec": view.codec,
            "path": _path_word(status.path) if in_call else None,
            "remote": str(status.path.remote) if in_call and status.path else None,
            "mapped": None if status.mapped is None else str(status.mapped),
            "rtt_s": status.path.rtt_s if in_call and status.path else None,
            "authentication_digits": view.authentication_digits or None,
            "screen": list(status.picture.lines),
            "nodes": status.nodes,
            "exchanges": [
                {
                    "endpoint": str(one.endpoint),
                    "rtt_ms": round(1000 * one.rtt_s),
                    "load": one.load,
                    "rings": one.rings,
                }
                for one in status.exchanges
            ],
            "helping": None if status.helping is None else asdict(status.helping),
            "rtp": asdict(media.counters if media else RtpCounters()),
            "timings": asdict(status.timings),
            "audio": self._sound_status(),
            "faults": {str(part): reason for part, reason in self._faults.items()},
            "process": _process_status(),
        }

    async def _screen(self, _request: Mapping[str, Any]) -> Answer:
        picture = self._phone.status().picture
        return {
            "lines": list(picture.lines),
            "pixels": picture.pixels.hex(),
            "width": picture.width,
            "height": picture.height,
        }

    async def _wait(self, request: Mapping[str, Any]) -> Answer:
        timeout_s = request.get("timeout_s", WAIT_MAX_S)
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= WAIT_MAX_S:
            raise CommandError(f"timeout_s: a number of seconds up to {WAIT_MAX_S:.0f}")
        try:
            state = CallState(str(request.get("state")))
        except ValueError:
            raise CommandError(f"states are {', '.join(CallState)}") from None
        try:
            async with asyncio.timeout(timeout_s):
                await self._watch.until(state)
        except TimeoutError:
            now = self._watch.view.state
            raise CommandError(f"still {now} after {timeout_s:g} s, not {state}") from None
        return {"state": state}

    async def _history(self, _request: Mapping[str, Any]) -> Answer:
        """A month of the line, hour by hour."""
        return {"hours": self._phone.history.told()}

    async def _move(self, move: Callable[[], None]) -> None:
        """A hand is slow: what it does next finds the hook settled."""
        async with self._fingers:
            move()
            await asyncio.sleep(HOOK_SETTLED_S)

    def _hand(self) -> Hand:
        if self._hand_or_none is None:
            raise CommandError("this box has real hardware: use your own hand")
        return self._hand_or_none


def _path_word(path: PathStatus | None) -> str:
    return "relay" if path is not None and path.is_relayed else "direct"


def _process_status() -> Answer:
    """CPU since the start, and resident memory now (Linux; elsewhere the peak)."""
    rss_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    statm = Path("/proc/self/statm")
    if statm.exists():
        rss_kib = int(statm.read_text().split()[1]) * resource.getpagesize() // 1024
    return {"cpu_s": round(time.process_time(), 3), "rss_mb": round(rss_kib / 1024, 1)}
