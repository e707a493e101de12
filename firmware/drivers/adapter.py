"""The analog phone adapter: the host's end of its serial line, opened again whenever it is gone.

Knows the messages, no port and no telephony. The state that the adapter sends each second is the
truth: what was lost on the line is made good within two seconds, whoever was reset.
Units: `_s` seconds, `_ms` milliseconds. Source: docs/protocol.md, the adapter's line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from firmware.drivers.attendant import Attendant, OnFact
from firmware.drivers.chips import Stream
from firmware.drivers.dial import digit_of
from firmware.drivers.flood import Flood
from firmware.drivers.health import Health
from firmware.errors import HardwareError
from firmware.events import Fact, HookFlashed, HookLifted, HookReplaced, KeyPressed
from firmware.link import messages
from firmware.link.matrix import COLUMNS_MAX
from firmware.link.session import Session
from firmware.model import Part

SILENT_MAX_S = 3.0  # without an answer: the adapter is gone
PING_S = messages.PING_MS / 1000
BUSY_WAIT_S = 0.02  # between two steps while something is to be acknowledged


class AdapterEnd:
    """The host's end as a value in time: bytes in, facts and bytes out; no port, no thread."""

    def __init__(self, keys: Sequence[str], country: str) -> None:
        self.answered = False  # since `begin`
        self.rings = False  # as the adapter last said
        self.version: int | None = None
        self._keys, self._country = tuple(keys), country
        self._session = Session("")
        self._wanted = {messages.RING: "", messages.REVERSAL: "0", messages.LAMP: "0"}
        self._lifted = False
        self._doubts = 0  # states in a row that contradict `_lifted`
        self._flood = Flood(Part.ADAPTER)
        self._line = Health(Part.HOOK)
        self._pinged_s = self._heard_s = self._stepped_s = 0.0

    def begin(self, now_s: float, nonce: str) -> None:
        """The port was opened: greet, and tell what we want."""
        self._session = Session(f"{messages.VERSION} {nonce}")
        self.answered = False
        self._pinged_s = self._heard_s = self._stepped_s = now_s
        self._tell_all()
        self._session.send(messages.PING)

    def want(self, kind: str, arguments: str) -> None:
        """From now on the adapter shall ring, be reversed, light its lamp, or not."""
        if self._wanted[kind] != arguments:
            self._wanted[kind] = arguments
            self._session.send(kind, arguments)

    def wait_s(self, now_s: float) -> float:
        """How long nothing has to be done."""
        ping_s = max(0.0, self._pinged_s + PING_S - now_s)
        return ping_s if self._session.idle else min(BUSY_WAIT_S, ping_s)

    def step(self, now_s: float) -> bytes:
        """What must be written now; HardwareError when nobody answers."""
        if now_s - self._heard_s > SILENT_MAX_S:
            raise HardwareError("the adapter does not answer")
        if now_s - self._pinged_s >= PING_S:
            self._pinged_s = now_s
            self._session.send(messages.PING)
        elapsed_ms = int((now_s - self._stepped_s) * 1000)
        self._stepped_s += elapsed_ms / 1000
        return self._session.step(elapsed_ms)

    def feed(self, data: bytes, now_s: float) -> list[Fact]:
        """The facts in what the adapter said."""
        facts: list[Fact] = []
        for kind, arguments in self._session.feed(data):
            self._heard_s = now_s  # whoever frames correctly is there
            if kind in (messages.STATE, messages.HELLO) or self._flood.allows(now_s):
                facts += self._hear(kind, arguments)  # a hook that is dropped is in the next state
        flooded = self._flood.judge(now_s)
        if flooded is not None:
            facts.append(flooded)
        return facts

    def hang_up(self) -> list[Fact]:
        """The handset counts as replaced, until the adapter says otherwise."""
        return self._hook(False)

    def _hear(self, kind: str, arguments: str) -> list[Fact]:
        if kind == messages.HELLO:
            return self._greeted(arguments)
        values = messages.numbers(arguments, 0, 0xFFFF, 1, 4)
        if values is None:
            return []
        match kind, values:
            case (messages.HOOK, [0 | 1 as lifted]):
                return self._hook(bool(lifted))
            case (messages.FLASH, [_]) if self._lifted:
                return [HookFlashed()]
            case (messages.PULSES, [pulses]):
                digit = digit_of(pulses, self._country)
                return [KeyPressed(digit)] if digit is not None else []
            case (messages.KEY, [place]):
                return self._key(place)
            case (messages.STATE, [0 | 1 as lifted, 0 | 1 as ringing, 0 | 1 as noisy, _]):
                return self._state(bool(lifted), bool(ringing), bool(noisy))
            case (messages.TROUBLE, [number]) if number < len(messages.TROUBLES):
                failed = self._line.failed(messages.TROUBLES[number])
                return [failed] if failed else []
        return []

    def _greeted(self, arguments: str) -> list[Fact]:
        """The adapter has begun anew, perhaps in the middle of a call."""
        words = arguments.split()
        self.version = int(words[0]) if words and words[0].isdigit() else None
        if self.version != messages.VERSION:
            raise HardwareError(
                f"the adapter's program has version {self.version}, not {messages.VERSION}:"
                " put the new one on it"
            )
        self._tell_all()
        self._session.send(messages.PING)
        return []

    def _state(self, lifted: bool, ringing: bool, noisy: bool) -> list[Fact]:
        self.answered, self.rings = True, ringing
        if ringing != bool(self._wanted[messages.RING]) and not lifted:
            self._session.send(messages.RING, self._wanted[messages.RING])
        recovered = None if noisy else self._line.worked()
        facts: list[Fact] = [recovered] if recovered else []
        if lifted == self._lifted:
            self._doubts = 0
            return facts
        self._doubts += 1
        if self._doubts < 2:  # the message about it may be on its way
            self._session.send(messages.PING)
            return facts
        return facts + self._hook(lifted)

    def _hook(self, lifted: bool) -> list[Fact]:
        self._doubts = 0
        if lifted == self._lifted:
            return []
        self._lifted = lifted
        return [HookLifted() if lifted else HookReplaced()]

    def _key(self, place: int) -> list[Fact]:
        row, column = divmod(place, COLUMNS_MAX)
        if row < len(self._keys) and column < len(self._keys[row]):
            return [KeyPressed(self._keys[row][column])]
        return []

    def _tell_all(self) -> None:
        for kind, arguments in self._wanted.items():
            self._session.send(kind, arguments)


class Adapter:
    """The methods of `telephone.Telephone`; a thread owns the port."""

    def __init__(
        self,
        open_port: Callable[[], Stream],
        keys: Sequence[str],
        country: str,
        cadence_s: Sequence[float],
        ring_hz: int,
    ) -> None:
        ring = [ring_hz, *(round(part_s * 1000) for part_s in cadence_s)]
        self._end = AdapterEnd(keys, country)
        self._open_port = open_port
        self._port: Stream | None = None
        self._ring = messages.joined(ring)
        self._wishes: dict[str, str] = {}  # the latest of each kind; written by any thread
        self._attendant = Attendant(Part.ADAPTER, self._serve, self._absent)

    @property
    def rings(self) -> bool:
        """The bell was on when the adapter last told its state, pauses included."""
        return self._end.rings

    def open(self, on_fact: OnFact) -> None:
        """Start the thread."""
        self._attendant.open(on_fact)

    def ring(self, *, on: bool) -> None:
        """The bell; the adapter itself keeps the cadence, and stops it when somebody lifts."""
        self._wish(messages.RING, self._ring if on else "")

    def light(self, *, on: bool) -> None:
        """The message lamp."""
        self._wish(messages.LAMP, str(int(on)))

    def in_use(self, *, on: bool) -> None:
        """Reversed polarity tells old coin telephones and meters that somebody has answered."""
        self._wish(messages.REVERSAL, str(int(on)))

    def close(self) -> None:
        """Silence the bell and stop."""
        self.ring(on=False)
        self._attendant.close()
        self._wake()

    def join(self, timeout_s: float) -> bool:
        """After `close`: wait until the port is released."""
        return self._attendant.join(timeout_s)

    def _wish(self, kind: str, arguments: str) -> None:
        self._wishes[kind] = arguments
        self._wake()

    def _wake(self) -> None:
        port = self._port
        if port is not None:
            port.wake()

    def _serve(self) -> None:
        port = self._open_port()
        self._port = port
        try:
            self._end.begin(time.monotonic(), _nonce())
            while not self._attendant.closing.is_set():
                self._step(port)
            self._grant()
            port.write(self._end.step(time.monotonic()))
        finally:
            self._port = None
            port.close()

    def _step(self, port: Stream) -> None:
        self._grant()
        data = self._end.step(time.monotonic())
        if data:
            port.write(data)
        heard = port.read(self._end.wait_s(time.monotonic()))
        if heard:
            facts = self._end.feed(heard, time.monotonic())
            if self._end.answered:
                self._attendant.works()
            for fact in facts:
                self._attendant.report(fact)

    def _absent(self) -> None:
        """Gone for too long: nobody is left who could hang up."""
        for fact in self._end.hang_up():
            self._attendant.report(fact)

    def _grant(self) -> None:
        for kind, arguments in list(self._wishes.items()):
            self._end.want(kind, arguments)


def _nonce() -> str:
    return os.urandom(4).hex()
