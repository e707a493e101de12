"""The box: carries facts from the drivers to the phone and commands back.

Owns every task, the drivers and the control socket; decides nothing. All that a core sees passes
the one inbox of the shell; threads of the drivers hand over with `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from firmware import events, warm_up
from firmware.archive import Archive
from firmware.config import Config
from firmware.drivers.board import open_board
from firmware.drivers.telephone import Telephone
from firmware.errors import HardwareError
from firmware.events import Message
from firmware.events.book import BookChanged, BookRefused, RingRulesChanged
from firmware.events.store import ReadRecord, ReadRecords, SaveRecord
from firmware.handset import Handset
from firmware.model import CallState, Endpoint, EndReason, Part
from firmware.mqtt import Bridge
from firmware.owner import Owner
from firmware.page import Page
from firmware.phone import Phone
from firmware.phone_setup import phone_setup
from firmware.preferences import Places, Preferences
from firmware.remote import Remote, ViewWatch
from firmware.shell.addresses import AddressWatch
from firmware.shell.control import ControlServer
from firmware.shell.lan import LocalNetwork
from firmware.shell.memory import let_go_of_files
from firmware.shell.notices import NoticeBoard
from firmware.shell.shell import Shell
from firmware.shell.state import StateDir
from firmware.sound import Sound
from firmware.store.keeper import Store
from firmware.store.sealing import Sealer
from firmware.ui.call_log import summary
from firmware.web.access import Access

if TYPE_CHECKING:
    from firmware.shell.tunnel.server import TunnelServer

logger = logging.getLogger(__name__)
P = ParamSpec("P")

REST_FIRST_S, REST_S = 5.0, 30.0  # after the start, then twice as late each time, up to
FAREWELL_S = 0.2  # for the BYE of a box that is stopped in mid-call


class Box:
    """One box in one process; made and run inside the event loop."""

    def __init__(
        self,
        config: Config,
        handset: Handset,
        state: StateDir,
        control: Path | None,
        places: Places | None = None,
        visitors: Access | None = None,
    ) -> None:
        """`visitors` are those whom the page knows already."""
        places = places or Places()
        self._visitors = visitors or Access(os.urandom)
        self._loop = asyncio.get_running_loop()
        setup = phone_setup(config, handset, state)
        self._phone = Phone(setup, os.urandom)
        self._board = open_board(config, handset)
        self._watch = ViewWatch()
        self._state = state
        self._bind = Endpoint.parse(config.network.bind)
        self._shell = Shell(self._phone, state=state, perform=self._perform)
        self._owner = Owner(
            self._phone.book, lambda wish: self._shell.post(partial(self._phone.handle, wish))
        )
        self._faults: dict[Part, str] = {}
        self.switched_off = asyncio.Event()  # the shutdown key was held
        self.changed = asyncio.Event()  # another identity or configuration: start anew
        tell = self._from_thread(self._tell)
        kept = self._from_thread(self._kept)
        self._store = Store(state.path, Sealer(setup.identity, os.urandom), kept)
        self._archive = Archive(
            self._phone.book.names,
            lambda wish: self._shell.post(partial(self._phone.handle, wish)),
            self._store.perform,
        )
        self._sound = Sound(self._loop, self._shell, self._phone, self._board, tell)
        self._lan = LocalNetwork(self._shell.tell) if config.network.mdns else None
        self._control_path = control
        self._notices = NoticeBoard(places.notices, self._shell.tell) if places.notices else None
        self._preferences = Preferences(
            config, places, partial(self._watch.until, CallState.IDLE), self.changed.set
        )
        self._control: ControlServer | None = None
        self._tls = config.exchange.tls
        self._tunnels: TunnelServer | None = None
        self._page: Page | None = None
        self._web, self._mqtt, self._name = config.web, config.mqtt, config.identity.name
        self._bridge: Bridge | None = None
        self.tell_code: Callable[[str], None] | None = None  # besides the display

    async def open(self) -> None:
        """Open the sockets; CommandError or HardwareError, in one line, if that cannot be."""
        await self._open_socket()
        self._store.open()
        remote = Remote(
            self._phone, self._board.hand, self._watch, self._sound.status, self._faults, self._tell
        )
        self._control = await self._open_control(remote)
        handlers = (
            remote.handlers()
            | self._owner.handlers()
            | self._archive.handlers()
            | self._preferences.handlers()
        )
        if self._mqtt.broker:
            self._bridge = Bridge(self._mqtt, handlers, self._name)
        if self._web.bind:
            self._page = Page(
                self._web,
                handlers,
                self._state,
                self._visitors,
                self._show_code,
                self._board.browser,
                self.changed.set,
            )
        if self._lan is not None and self._page is not None:
            self._lan.page = self._page.at

    async def run(self) -> None:
        """Own every task of the box: one fails, all stop, the service restarts."""
        for failure in self._board.failures:
            logger.warning("%s: %s", failure.part, failure.reason)
            self._tell(failure)
        for telephone in self._board.telephones:
            telephone.open(self._from_thread(self._hand_moved))
        if self._board.oled is not None:
            self._board.oled.open(self._from_thread(self._tell))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._shell.run(), name="shell")
                tasks.create_task(self._rest(), name="rest")
                if self._shell.local is not None:
                    watch = AddressWatch(self._shell.tell).run(self._shell.local)
                    tasks.create_task(watch, name="addresses")
                if self._lan is not None and self._shell.local is not None:
                    tasks.create_task(self._lan.run(self._shell.local), name="local network")
                if self._notices is not None:
                    tasks.create_task(self._notices.run(), name="notices")
                if self._tunnels is not None:
                    tasks.create_task(self._tunnels.run(), name="tunnels")
                if self._page is not None:
                    at_rest = partial(self._watch.until, CallState.IDLE)
                    tasks.create_task(self._page.run(at_rest), name="page")
                    tasks.create_task(self._preferences.run(), name="preferences")
                if self._bridge is not None:
                    tasks.create_task(self._bridge.run(), name="mqtt")
                if self._control is not None:
                    tasks.create_task(self._control.run(), name="control")
        finally:
            self._close()

    async def _rest(self) -> None:
        """What is not needed to wait for a call leaves the memory, while nobody calls."""
        wait_s = REST_FIRST_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, REST_S)
            if self._watch.view.state is CallState.IDLE:
                await asyncio.to_thread(let_go_of_files)

    async def hang_up(self) -> None:
        """Hang up, so that nobody is left talking to a box that is gone; send others elsewhere."""
        self._shell.tell(events.HookReplaced())
        self._shell.tell(events.Stopping())
        await asyncio.sleep(FAREWELL_S)

    async def close_page(self) -> None:
        """Hang up on all who look at it, and give its port back."""
        if self._page is not None:
            await self._page.close()

    async def _open_socket(self) -> None:
        """A port in use is no reason to be silent: take another one and say so."""
        try:
            await self._shell.open(self._bind)
        except HardwareError as error:
            if not self._bind.port:
                raise
            logger.warning("%s; taking another port", error)
            await self._shell.open(Endpoint(self._bind.host, 0))
        logger.info("listening on %s", self._shell.local)
        if self._tls and self._shell.local is not None:
            from firmware.shell.tunnel.certificate import server_context
            from firmware.shell.tunnel.server import TunnelServer

            self._tunnels = TunnelServer(self._shell.local)
            self._tunnels.open(Endpoint.parse(self._tls), server_context())

    def _hand_moved(self, fact: events.Fact) -> None:
        """A fact of a telephone's driver; some concern the box itself."""
        match fact:
            case events.KeyPressed() if self._watch.view.state is CallState.IDLE:
                if self._board.oled is not None:
                    self._board.oled.use(on=False)  # a key lights it for a while
            case events.MicrophoneMuted(muted=muted):
                self._sound.is_muted = muted
            case events.HookReplaced():
                self._sound.is_muted = False
            case events.ShutdownHeld():
                logger.warning("the shutdown key was held")
                self.switched_off.set()
        self._tell(fact)

    def _tell(self, fact: events.Fact) -> None:
        """A fact of a driver; what is broken stays in the status until it works again."""
        match fact:
            case events.HardwareFailed(part=part, reason=reason):
                self._faults[part] = reason
            case events.HardwareRecovered(part=part):
                self._faults.pop(part, None)
        self._shell.tell(fact)

    def _kept(self, fact: events.Fact) -> None:
        """An answer of the store, for the phone unless the page alone has asked."""
        if not self._archive.takes(fact):
            self._tell(fact)

    def _each_telephone(self, do: Callable[[Telephone], None]) -> None:
        for telephone in self._board.telephones:
            do(telephone)

    async def _open_control(self, remote: Remote) -> ControlServer | None:
        if self._control_path is None:
            return None
        server = ControlServer(self._control_path, remote.handlers())
        await server.open()
        return server

    def invite(self) -> str | None:
        """The page's address, good for one visit without the code; None if there is no page."""
        return None if self._page is None else self._page.invite()

    def _show_code(self, code: str) -> None:
        self._tell(events.PageCodeWanted(code))
        if self.tell_code is not None:
            self.tell_code(code)

    def _perform(self, message: Message) -> None:
        """Commands of the phone that concern the hardware."""
        board = self._board
        match message:
            case SaveRecord() | ReadRecord() | ReadRecords():
                self._archive.hear(message)
                self._store.perform(message)
            case BookChanged() | BookRefused() | RingRulesChanged():
                self._owner.hear(message)
            case events.OpenEarpiece():
                self._sound.perform(message)
                warm_up.begin()
            case events.CloseEarpiece() | events.OpenMicrophone() | events.CloseMicrophone():
                self._sound.perform(message)
            case events.StartRinging():
                warm_up.begin()
                self._each_telephone(lambda telephone: telephone.ring(on=True))
            case events.StopRinging():
                self._each_telephone(lambda telephone: telephone.ring(on=False))
            case events.ShowPicture(picture=picture) if board.oled is not None:
                board.oled.show(picture)
            case events.CallChanged(view=view):
                if view.state is not self._watch.view.state:
                    logger.info("%s%s", view.state, f" ({view.reason})" if view.reason else "")
                    self._show_state(view.state)
                self._watch.set(view)
                if self._bridge is not None:
                    self._bridge.wake()
            case events.AnnounceOnLan() if self._lan is not None:
                self._lan.announce(message)
            case events.NumberClaimed(number=number):
                logger.info("this telephone has the number ...%s", number[-4:])
            case events.CallEnded(reason=reason):
                self._archive.hear(message)
                logger.info("%s", summary(self._phone.log.entries[-1]))
                if reason is EndReason.MISSED:
                    self._each_telephone(lambda telephone: telephone.light(on=True))

    def _show_state(self, state: CallState) -> None:
        if state is CallState.CONNECTED:
            warm_up.let_go(self._loop)
        self._each_telephone(lambda phone: phone.in_use(on=state is CallState.CONNECTED))
        if self._board.oled is not None:
            self._board.oled.use(on=state is not CallState.IDLE)
        if state is CallState.OFF_HOOK:
            self._each_telephone(lambda telephone: telephone.light(on=False))

    def _from_thread(self, function: Callable[P, None]) -> Callable[P, None]:
        """`function`, to be called from any thread and done in the event loop's."""

        def hand_over(*arguments: P.args, **keywords: P.kwargs) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(partial(function, *arguments, **keywords))

        return hand_over

    def _close(self) -> None:
        self._sound.close()
        self._board.close()
        self._store.close()
