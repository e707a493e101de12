"""The session over the serial line, the same at both ends: one message at a time, acknowledged.

Knows no message but its own two: `K` acknowledges, `A` says that an end has begun anew. Stop and
wait: a message is sent up to five times, every 100 ms, and then given up; the state that the
adapter sends each second mends what was lost. A repeated message is acknowledged again, not heard
again.
Units: `_ms` milliseconds that have passed, never a point in time.
"""

from .frames import SEQUENCE_MAX, Splitter, encode

HELLO, ACKNOWLEDGE = "A", "K"
UNNUMBERED = ("Q", "S")  # ping and its answer: lost ones are made good by the next
TRIES = 5
RETRY_MS = 100
QUEUE_MAX = 16  # messages waiting; of more the oldest is dropped


class Session:
    """One end; `step` says what to write, `feed` what the other end said."""

    def __init__(self, greeting: str) -> None:
        self.lost = 0  # messages that nobody acknowledged, or for which there was no room
        self.splitter = Splitter()
        self._greeting = greeting
        self._queue: list[tuple[str, str]] = []  # kind and arguments
        self._sequence = 0
        self._tries = 0  # of the message at the head of the queue
        self._waited_ms = 0
        self._heard = -1  # the last number heard
        self._peer = ""  # how the peer greeted
        self._out = bytearray()
        self.greet()

    def greet(self) -> None:
        """Say that we begin anew; whatever waited is dropped."""
        self._queue, self._tries = [(HELLO, self._greeting)], 0

    @property
    def idle(self) -> bool:
        """Nothing waits to be sent or acknowledged."""
        return not self._queue and not self._out

    def send(self, kind: str, arguments: str = "") -> None:
        """Queue a message; pings and their answers are sent once, at the next step."""
        if kind in UNNUMBERED:
            self._out += encode(kind, 0, arguments)
            return
        if len(self._queue) >= QUEUE_MAX:
            self.lost += 1
            del self._queue[1]  # the head may be on its way
        self._queue.append((kind, arguments))

    def step(self, elapsed_ms: int) -> bytes:
        """Let time pass; what must be written now."""
        if self._queue:
            self._waited_ms += elapsed_ms
            if self._tries == 0 or self._waited_ms >= RETRY_MS:
                self._transmit()
        if not self._out:
            return b""
        data = bytes(self._out)
        self._out = bytearray()
        return data

    def feed(self, data: bytes) -> "list[tuple[str, str]]":
        """Kind and arguments of each new message in `data`."""
        heard = []
        for kind, sequence, arguments in self.splitter.push(data):
            if kind == ACKNOWLEDGE:
                if self._tries and sequence == self._sequence:
                    self._next()
            elif kind in UNNUMBERED or self._is_new(kind, sequence, arguments):
                heard.append((kind, arguments))
        return heard

    def _transmit(self) -> None:
        if self._tries >= TRIES:
            self.lost += 1
            self._next()
            if not self._queue:
                return
        kind, arguments = self._queue[0]
        self._out += encode(kind, self._sequence, arguments)
        self._tries += 1
        self._waited_ms = 0

    def _next(self) -> None:
        del self._queue[0]
        self._sequence = (self._sequence + 1) % (SEQUENCE_MAX + 1)
        self._tries = 0
        self._waited_ms = 0

    def _is_new(self, kind: str, sequence: int, arguments: str) -> bool:
        """Acknowledge, and tell a repetition; who greets with another nonce begins to count."""
        self._out += encode(ACKNOWLEDGE, sequence)
        if kind == HELLO and arguments != self._peer:
            self._peer = arguments
        elif sequence == self._heard:
            return False
        self._heard = sequence
        return True
