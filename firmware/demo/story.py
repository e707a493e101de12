"""The story of the demo: one call from the first dial tone to the last busy tone.

Moves the hands, notes the times and takes the pictures; measures nothing.
Units: `_s` monotonic seconds, comparable between the processes of one machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware.demo.actor import Actor
from firmware.demo.terminal import View
from firmware.errors import CommandError
from firmware.model import SAMPLE_RATE_HZ, CallState, Picture
from firmware.number import display
from firmware.shell.control import Answer

READY_TIMEOUT_S = 300.0  # the search for a number takes 20 s on average, and is pure luck
LOOK_AT_SEARCH_S = 1.0
STEP_TIMEOUT_S = 10.0
POLL_S = 0.1
LISTEN_S = 0.8  # to the dial tone, before dialling
BETWEEN_KEYS_S = 0.06  # a quick finger; the control socket holds each key as long again
RING_S = 2.0  # until the callee is at the telephone
LAST_WORD_S = 0.6  # what is under way when the speech ends
HEAR_BUSY_S = 1.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Both OLEDs at one moment, caller first."""

    name: str
    pictures: tuple[Picture, Picture]


@dataclass(frozen=True, slots=True)
class Recording:
    """What was seen during the call; statuses are the control socket's, caller first."""

    moments: tuple[Moment, ...]
    twelfth_key_s: float
    answer_s: float
    talk_s: float  # from at_answer to in_call
    at_answer: tuple[Answer, Answer]  # just after the callee lifted
    in_call: tuple[Answer, Answer]  # just before the caller hangs up
    after: tuple[Answer, Answer]  # just after the caller hung up


class Story:
    """Plays the call with two boxes that are running."""

    def __init__(self, caller: Actor, callee: Actor, view: View) -> None:
        self._caller = caller
        self._callee = callee
        self._view = view
        self._moments: list[Moment] = []

    async def play(self, speech_samples: int) -> Recording:
        """One call; `speech_samples` is the length of the longer speech."""
        number = await self._get_ready()
        twelfth_key_s = await self._dial(number)
        await self._ring()
        answer_s = await self._answer()
        at_answer = await self._statuses()
        talk_s = speech_samples / SAMPLE_RATE_HZ + LAST_WORD_S
        await self._talk(at_answer, talk_s)
        in_call = await self._statuses()
        after = await self._hang_up()
        return Recording(
            tuple(self._moments), twelfth_key_s, answer_s, talk_s, at_answer, in_call, after
        )

    async def _get_ready(self) -> str:
        """Wait until both have a number that the network can find; returns the callee's."""
        self._tell("both boxes are on; each makes its number and looks for the network")
        if not all(status["number"] for status in await self._statuses()):
            await asyncio.sleep(LOOK_AT_SEARCH_S)
            await self._remember("making_number")
        for actor in (self._caller, self._callee):
            await self._until(
                actor,
                lambda status: bool(status["number"] and status["reachable"]),
                READY_TIMEOUT_S,
                "not reachable",
            )
        caller, callee = await self._statuses()
        self._tell(f"{self._caller.role.name} has the number {display(caller['number'])}")
        self._tell(f"{self._callee.role.name} has the number {display(callee['number'])}")
        await self._remember("ready")
        return str(callee["number"])

    async def _dial(self, number: str) -> float:
        """Lift and press the keys; returns when the last one went down."""
        await self._caller.lift()
        await self._caller.wait(CallState.OFF_HOOK, STEP_TIMEOUT_S)
        self._tell(f"{self._caller.role.name} lifts and hears the dial tone")
        await self._remember("dial_tone")
        await asyncio.sleep(LISTEN_S)
        self._tell(f"{self._caller.role.name} dials {display(number)}")
        for key in number[:-1]:
            await self._caller.press(key)
            await asyncio.sleep(BETWEEN_KEYS_S)
        await self._remember("dialling")
        return await self._caller.press(number[-1])

    async def _ring(self) -> None:
        await self._caller.wait(CallState.RINGBACK, STEP_TIMEOUT_S)
        await self._callee.wait(CallState.RINGING, STEP_TIMEOUT_S)
        self._tell(f"{self._callee.role.name}'s bell rings, {self._caller.role.name} hears it")
        await self._remember("ringing")
        await asyncio.sleep(RING_S)

    async def _answer(self) -> float:
        """Lift the callee's handset; returns when."""
        answer_s = await self._callee.lift()
        await self._callee.wait(CallState.CONNECTED, STEP_TIMEOUT_S)
        await self._caller.wait(CallState.CONNECTED, STEP_TIMEOUT_S)
        for actor in (self._caller, self._callee):
            await self._until(
                actor,
                lambda status: bool(status["authentication_digits"]),
                STEP_TIMEOUT_S,
                "without authentication digits",
            )
        self._tell(f"{self._callee.role.name} lifts: connected")
        await self._remember("connected")
        return answer_s

    async def _talk(self, statuses: tuple[Answer, Answer], for_s: float) -> None:
        """Let both speak to the end, and see that both OLEDs show the same four digits."""
        digits = {status["authentication_digits"] for status in statuses}
        if len(digits) != 1 or None in digits:
            raise CommandError("the two OLEDs do not show the same authentication digits")
        self._tell(f"both OLEDs show {digits.pop()}: nobody is between them")
        self._tell(f"they speak through {statuses[0]['codec']} and SRTP for {for_s:.1f} s")
        await asyncio.sleep(for_s / 2)
        await self._remember("talking")
        await asyncio.sleep(for_s / 2)

    async def _hang_up(self) -> tuple[Answer, Answer]:
        await self._caller.replace()
        await self._caller.wait(CallState.IDLE, STEP_TIMEOUT_S)
        await self._until(
            self._callee,
            lambda status: status["state"] != CallState.CONNECTED,
            STEP_TIMEOUT_S,
            "connected",
        )
        self._tell(f"{self._caller.role.name} hangs up, {self._callee.role.name} hears it")
        after = await self._statuses()
        await self._remember("hung_up")
        await asyncio.sleep(HEAR_BUSY_S)
        await self._callee.replace()
        await self._callee.wait(CallState.IDLE, STEP_TIMEOUT_S)
        self._tell(f"{self._callee.role.name} hangs up")
        await self._remember("idle")
        return after

    async def _until(
        self, actor: Actor, holds: Callable[[Answer], bool], timeout_s: float, otherwise: str
    ) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not holds(await actor.status()):
            if time.monotonic() > deadline_s:
                raise CommandError(f"{actor.role.name}'s box is still {otherwise}")
            await asyncio.sleep(POLL_S)

    async def _statuses(self) -> tuple[Answer, Answer]:
        return (await self._caller.status(), await self._callee.status())

    async def _remember(self, name: str) -> None:
        pictures = (await self._caller.look(), await self._callee.look())
        self._view.show(pictures)
        self._moments.append(Moment(name, pictures))

    def _tell(self, text: str) -> None:
        self._view.tell(text)
