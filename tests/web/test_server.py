"""The page's server, as browsers and attackers see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from firmware.book.vcard import CardReader
from firmware.web.body import BODY_BYTES_MAX
from firmware.web.server import FILES, SECURITY
from firmware.web.sound import Card
from firmware.web.stream import WATCHERS_MAX
from tests.book.numbers import valid_numbers
from tests.web.house import HEADERS, House, enter, open_house

Story = Callable[[House, aiohttp.ClientSession], Coroutine[Any, Any, None]]

NUMBER = next(iter(valid_numbers()))


def tell(story: Story, card: Card | None = None) -> None:
    async def run() -> None:
        async with open_house(card) as (house, client):
            await story(house, client)

    asyncio.run(run())


def test_page_and_its_files_need_no_session_and_have_the_headers() -> None:
    async def story(_house: House, client: aiohttp.ClientSession) -> None:
        for path in ("/", *(f"/{name}" for name in FILES)):
            async with client.get(path) as response:
                assert response.status == 200, path
                for name, value in SECURITY.items():
                    assert response.headers[name] == value, (path, name)
                assert await response.read()

    tell(story)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/status"),
        ("GET", "/api/events"),
        ("GET", "/api/number.svg"),
        ("POST", "/api/hand/lift"),
        ("POST", "/api/hand/press"),
        ("DELETE", "/api/session"),
        ("GET", "/api/nothing"),
        ("GET", "/../box.py"),
        ("GET", "/static/page.js"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
    ],
)
def test_all_else_is_refused_without_a_session(method: str, path: str) -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        async with client.request(method, path, headers=HEADERS) as response:
            assert response.status == 401
            assert "error" in await response.json()
        assert not house.asked

    tell(story)


def test_code_on_the_display_opens_the_page() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with client.get("/api/status") as response:
            assert (await response.json())["number"] == "471108151234"
        async with client.get("/api/number.svg") as response:
            assert response.content_type == "image/svg+xml"
        async with client.delete("/api/session", headers=HEADERS) as response:
            assert response.status == 200
        async with client.get("/api/status") as response:
            assert response.status == 401

    tell(story)


def test_wrong_code_opens_nothing() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        async with client.post("/api/door", headers=HEADERS):
            pass
        for wrong in ("", "12345", "x" * 500, 7, None, [house.code], {"a": 1}):
            body = json.dumps({"code": wrong})
            async with client.post("/api/session", data=body, headers=HEADERS) as response:
                assert response.status in (403, 429), wrong

    tell(story)


def test_cookie_is_for_this_site_and_not_for_scripts() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        async with client.post("/api/door", headers=HEADERS):
            pass
        answer = client.post("/api/session", json={"code": house.code}, headers=HEADERS)
        async with answer as response:
            cookie = response.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie

    tell(story)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-Fernruf": "1", "Origin": "http://evil.example"}, 403),
        ({"X-Fernruf": "1", "Origin": "null"}, 403),
        ({"X-Fernruf": "1", "Host": "evil.example"}, 421),
    ],
)
def test_other_sites_cannot_use_a_session(headers: dict[str, str], status: int) -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with client.post("/api/hand/lift", headers=headers) as response:
            assert response.status == status
        assert not house.asked

    tell(story)


def test_name_of_another_site_is_refused_even_for_the_files() -> None:
    async def story(_house: House, client: aiohttp.ClientSession) -> None:
        async with client.get("/", headers={"Host": "rebind.example"}) as response:
            assert response.status == 421

    tell(story)


def test_hand_reaches_the_box() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        body = {"digits": "47"}
        async with client.post("/api/hand/press", json=body, headers=HEADERS) as response:
            assert response.status == 200
        assert house.asked == [("press", {"digits": "47"})]

    tell(story)


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b'"x"', b"[" * 4000, b"\xff\xfe", b"nul"])
def test_malformed_body_is_a_bad_request(body: bytes) -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with client.post("/api/hand/press", data=body, headers=HEADERS) as response:
            assert response.status == 400
        assert not house.asked

    tell(story)


def test_giant_body_is_refused() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        body = b'"' + b"x" * BODY_BYTES_MAX + b'"'
        async with client.post("/api/hand/press", data=body, headers=HEADERS) as response:
            assert response.status == 413

    tell(story)


def test_invitation_opens_the_page_once() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        body = {"invitation": house.access.invite(asyncio.get_running_loop().time())}
        async with client.post("/api/session", json=body, headers=HEADERS) as response:
            assert response.status == 200
        async with client.get("/api/status") as response:
            assert response.status == 200
        client.cookie_jar.clear()
        async with client.post("/api/session", json=body, headers=HEADERS) as response:
            assert response.status == 403
        async with client.get("/api/status") as response:
            assert response.status == 401

    tell(story)


async def next_event(stream: aiohttp.ClientResponse) -> dict[str, Any]:
    while True:
        line = await asyncio.wait_for(stream.content.readline(), 5)
        if line.startswith(b"data: "):
            found: dict[str, Any] = json.loads(line[6:])
            return found


def test_stream_tells_everything_first_and_then_what_changes() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with client.get("/api/events") as stream:
            first = await next_event(stream)
            assert (first["state"], first["width"]) == ("idle", 128)
            house.status["state"] = "ringing"
            assert await next_event(stream) == {"state": "ringing"}

    tell(story)


def test_own_number_is_a_card_that_any_telephone_book_takes() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        house.status["number"] = NUMBER
        async with client.get("/api/number.vcf") as response:
            assert response.content_type == "text/vcard"
            card = await response.read()
        (contact,) = CardReader().contacts(card.splitlines())
        assert (contact.number, contact.name) == (NUMBER, "Oma Erna; née Müller")
        house.status["number"] = None
        for path in ("/api/number.vcf", "/api/number.svg"):
            async with client.get(path) as response:
                assert response.status == 404

    tell(story)


def test_pages_above_the_limit_are_told_so() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with aiohttp.ClientSession(
            house.base,
            cookie_jar=client.cookie_jar,
            connector=aiohttp.TCPConnector(limit=WATCHERS_MAX + 1),
        ) as many:
            streams = [await many.get("/api/events") for _ in range(WATCHERS_MAX)]
            async with many.get("/api/events") as response:
                assert response.status == 503
            for stream in streams:
                stream.close()

    tell(story)
