"""The WebSocket of the sound, as pages and attackers use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import WSMsgType

from firmware.web.sound import FRAME_BYTES, PERIOD_BYTES, STAMP_BYTES, TAKEN_OVER
from tests.web.house import House, enter
from tests.web.test_server import tell

STAMP = b"\x01\x02\x03\x04"
PERIOD = bytes(range(160)) * 4


class CardOfTest:
    """What the page's side of a sound card is told."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.delays_s: list[float] = []
        self.listeners: list[Callable[[bytes], None]] = []
        self.news = asyncio.Event()

    def attach(self, speak: Callable[[bytes], None]) -> None:
        self.listeners.append(speak)

    def detach(self, speak: Callable[[bytes], None]) -> None:
        self.listeners.remove(speak)
        self.news.set()

    def hear(self, data: bytes) -> None:
        self.heard.append(data)
        self.news.set()

    def measured(self, delay_s: float) -> None:
        self.delays_s.append(delay_s)
        self.news.set()

    async def changed(self) -> None:
        await asyncio.wait_for(self.news.wait(), 5)
        self.news.clear()


def test_frames_go_both_ways_and_the_latest_stamp_comes_back() -> None:
    card = CardOfTest()

    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with client.ws_connect("/api/sound") as page:
            await page.send_bytes(STAMP + PERIOD)
            await card.changed()
            assert card.heard == [PERIOD]
            card.listeners[-1](PERIOD[::-1])
            assert await page.receive_bytes(timeout=5) == STAMP + PERIOD[::-1]
            await page.send_str('{"delay_ms": 80}')
            await card.changed()
            assert card.delays_s == [0.08]
        await card.changed()
        assert not card.listeners

    tell(story, card)


def test_newest_page_is_the_handset() -> None:
    card = CardOfTest()

    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with (
            client.ws_connect("/api/sound") as first,
            client.ws_connect("/api/sound") as second,
        ):
            closed = await first.receive(timeout=5)
            assert (closed.type, closed.data) == (WSMsgType.CLOSE, TAKEN_OVER)
            card.listeners[-1](PERIOD)
            await second.receive_bytes(timeout=5)

    tell(story, card)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        bytes(FRAME_BYTES - 1),
        bytes(FRAME_BYTES + 1),
        bytes(100_000),
        "{",
        "[" * 900,
        '{"delay_ms": -1}',
        '{"delay_ms": true}',
        '{"delay_ms": 1e99}',
        '{"delay_ms": NaN}',
    ],
)
def test_misunderstood_message_ends_the_line(message: bytes | str) -> None:
    card = CardOfTest()

    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with client.ws_connect("/api/sound") as page:
            if isinstance(message, str):
                await page.send_str(message)
            else:
                await page.send_bytes(message)
            assert (await page.receive(timeout=5)).type is WSMsgType.CLOSE
        assert (card.heard, card.delays_s) == ([], [])

    tell(story, card)


@pytest.mark.parametrize(
    ("origin", "status"), [("http://evil.example", 403), ("http://127.0.0.1:1", 403)]
)
def test_page_of_another_origin_gets_no_sound(origin: str, status: int) -> None:
    card = CardOfTest()

    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect("/api/sound", origin=origin)
        assert refused.value.status == status
        assert not card.listeners

    tell(story, card)


def test_sound_is_refused_without_a_session() -> None:
    async def story(_house: House, client: aiohttp.ClientSession) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect("/api/sound")
        assert refused.value.status == 401

    tell(story, CardOfTest())


def test_layout_of_a_frame_is_that_of_the_protocol() -> None:
    assert (STAMP_BYTES, PERIOD_BYTES, FRAME_BYTES) == (4, 640, 644)
