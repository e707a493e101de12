"""The sound of a box: microphone and earpiece, opened as the phone says, and the beat between them.

Decides nothing. Runs inside the event loop; its drivers have threads of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from firmware import events
from firmware.beat import Beat, Turns
from firmware.drivers.audio import Earpiece, Microphone
from firmware.drivers.board import Board
from firmware.events import Fact, Message
from firmware.model import Frame, silence
from firmware.phone import Phone
from firmware.shell.control import Answer

RELEASE_S = 0.5  # for a sound card to be let go


class Sound:
    """What `phone` hears and says at the cards of `board`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        shell: Turns,
        phone: Phone,
        board: Board,
        tell: Callable[[Fact], None],
    ) -> None:
        """`tell` is called in threads: a card has failed, or works again."""
        self.is_muted = False  # by a key of the telephone: nothing of the microphone goes out
        self._loop, self._phone, self._board = loop, phone, board
        self._microphone = Microphone(board.open_capture, self._ready, tell)
        self._earpiece = Earpiece(board.open_playback, self._ready, tell)
        self._beat = Beat(
            loop,
            shell,
            self._microphone,
            self._earpiece,
            self._captured,
            phone.playout,
            lambda: phone.is_ready,
        )

    def perform(self, command: Message) -> None:
        """Open or close one of them."""
        match command:
            case events.OpenEarpiece():
                self._earpiece.open()
            case events.CloseEarpiece():
                self._earpiece.close()
            case events.OpenMicrophone():
                self._microphone.open()
            case events.CloseMicrophone():
                self._microphone.close()

    def status(self) -> Answer:
        """What `fernruf ctl status` tells of it."""
        recording = self._board.recording
        return {
            "capture_started_s": self._microphone.opened_s,
            "playback_started_s": recording.opened_s if recording else self._earpiece.opened_s,
            "overruns": self._microphone.overruns,
            "underruns": self._earpiece.underruns,
            "browser": self._board.browser is not None,
        }

    def close(self) -> None:
        """Wait until both cards are let go, or RELEASE_S for each."""
        for stream in (self._microphone, self._earpiece):
            stream.close()
        for stream in (self._microphone, self._earpiece):
            stream.join(RELEASE_S)

    def _ready(self) -> None:
        """In a driver's thread: it was opened, or has come back."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._beat.quicken)

    def _captured(self, frame: Frame, now_s: float) -> list[Message]:
        return self._phone.capture(silence() if self.is_muted else frame, now_s)
