"""Attacks on the page: it refuses clearly, keeps serving, and nobody gets at what is not theirs."""

from __future__ import annotations

import asyncio
import json
import random

import aiohttp
import pytest

from firmware.web.body import BODY_BYTES_MAX
from firmware.web.connections import (
    ACCEPTS_A_S,
    ACCEPTS_AT_ONCE,
    CONNECTIONS_MAX,
    FULL,
    IDLE_S,
    Connections,
    Pace,
)
from firmware.web.server import FILES, SECURITY
from tests.web.house import HEADERS, House, enter
from tests.web.test_server import tell

SEED = 20
ROUNDS = 300
AT_ONCE = 50
PARTS = (
    b"GET ", b"POST ", b"/", b"/api/session", b"/../../etc/passwd", b" HTTP/1.1\r\n", b"\r\n",
    b"Host: localhost\r\n", b"Host: a\r\nHost: b\r\n", b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n",
    b"ffffffffff\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"\x00\xff",
    b"Cookie: fernruf=\xff\x00\r\n",
    b"Authorization: Bearer \xed\xa0\x80\r\n", b"Expect: 100-continue\r\n", b"A" * 9000,
)  # fmt: skip


LAST = b"\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PATIENCE_S = 1.0  # with a request that never ends


async def raw(house: House, data: bytes) -> bytes:
    """The first bytes of the answer; empty if there is none."""
    host, port = house.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(4096), PATIENCE_S)
    except (ConnectionError, TimeoutError):
        return b""
    finally:
        writer.close()


async def still_serves(client: aiohttp.ClientSession) -> None:
    async with client.get("/") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../box.py",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/static/../../identity.json",
        "/page.js/../server.py",
        "/page.js%00.html",
        "/PAGE.JS",
        "/index.html/",
        "/.git/config",
        "/\\..\\identity.json",
        "http://evil.example/",
    ],
)
def test_path_tricks_find_no_file(path: str) -> None:
    async def story(house: House, _client: aiohttp.ClientSession) -> None:
        answer = await raw(house, f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"400", b"401", b"404", b"421")
        assert b"import" not in answer

    tell(story)


def test_nonsense_never_is_our_mistake() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        dice = random.Random(SEED)
        sent = [
            b"".join(dice.choice(PARTS) for _ in range(dice.randrange(1, 12))) + LAST
            for _ in range(ROUNDS)
        ]
        answers: list[bytes] = []
        for start in range(0, ROUNDS, AT_ONCE):
            answers += await asyncio.gather(
                *(raw(house, data) for data in sent[start : start + AT_ONCE])
            )
        for data, answer in zip(sent, answers, strict=True):
            assert b" 500 " not in answer, (SEED, data)
        assert sum(answer.startswith(b"HTTP/1.") for answer in answers) > ROUNDS / 2
        await still_serves(client)

    tell(story)


def test_body_that_is_announced_as_giant_is_refused() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        for path in ("/api/session", "/api/door", "/api/password", "/api/hand/press"):
            body = b"x" * (BODY_BYTES_MAX + 1)
            async with client.post(path, data=body, headers=HEADERS) as response:
                assert response.status == 413, path
        await still_serves(client)

    tell(story)


def test_chunked_body_without_end_is_refused() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        head = b"POST /api/session HTTP/1.1\r\nHost: localhost\r\nX-Fernruf: 1\r\n"
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        answer = await raw(house, head + b"Transfer-Encoding: chunked\r\n\r\n" + 8 * chunk)
        assert answer.split(b" ")[1] in (b"400", b"413")
        await still_serves(client)

    tell(story)


def test_address_that_is_too_long_is_refused() -> None:
    async def story(_house: House, client: aiohttp.ClientSession) -> None:
        async with client.get("/?" + "x" * 4000) as response:
            assert response.status == 414

    tell(story)


def test_connections_above_the_limit_are_refused_in_words_and_the_others_served() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await still_serves(client)
        host, port = house.base.removeprefix("http://").split(":")
        many = [await asyncio.open_connection(host, int(port)) for _ in range(CONNECTIONS_MAX + 20)]
        answers = await asyncio.gather(*(reader.read() for reader, _ in many[-19:]))
        for answer in answers:
            assert answer.startswith(b"HTTP/1.1 503 "), answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2]) == json.loads(FULL)
        await still_serves(client)
        for _, writer in many:
            writer.close()

    tell(story)


def test_connections_are_taken_no_faster_than_a_call_can_bear() -> None:
    pace, now_s = Pace(), 100.0
    for _ in range(10_000):
        now_s += pace.wait_s(now_s)
    assert now_s - 100.0 == pytest.approx((10_000 - ACCEPTS_AT_ONCE) / ACCEPTS_A_S, rel=0.01)
    assert pace.wait_s(now_s + 60.0) == 0.0


async def closed_at_once(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 10) == b""
    except ConnectionError:
        return True


def test_who_sends_no_whole_request_is_hung_up_on() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await still_serves(client)
        host, port = house.base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        await still_serves(client)  # by now it is there
        connections = house.server.connections
        assert isinstance(connections, Connections)
        begun_s = asyncio.get_running_loop().time()
        before = len(connections)
        connections.sweep(begun_s + IDLE_S - 1)
        assert len(connections) == before
        connections.sweep(begun_s + IDLE_S + 5)
        assert await closed_at_once(reader)
        writer.close()
        await still_serves(client)

    tell(story)


def test_refusals_have_the_headers_too() -> None:
    async def story(_house: House, client: aiohttp.ClientSession) -> None:
        for path, status in (("/nothing", 401), ("/api/status", 401)):
            async with client.get(path) as response:
                assert response.status == status
                assert SECURITY.items() <= dict(response.headers).items()
        async with client.request("TRACE", "/") as response:
            assert response.status in (403, 405)

    tell(story)


def test_no_script_and_no_style_stands_in_the_page_itself() -> None:
    async def story(_house: House, client: aiohttp.ClientSession) -> None:
        async with client.get("/") as response:
            page = await response.text()
        assert "style=" not in page
        assert "onclick=" not in page
        assert page.count("<script") == page.count("<script type=") == 1
        for name in FILES:
            async with client.get(f"/{name}") as response:
                text = await response.text()
            assert "innerHTML" not in text, name
            assert "eval(" not in text, name

    tell(story)
