"""The password and the tokens of programs, over HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp

from firmware.web.access import GUESSES_MAX
from firmware.web.keys import Keys
from tests.web.house import HEADERS, House, enter
from tests.web.test_server import tell

PASSWORD = "correct horse"


async def post(
    client: aiohttp.ClientSession, path: str, status: int = 200, **body: Any
) -> dict[str, Any]:
    async with client.post(path, json=body, headers=HEADERS) as response:
        assert response.status == status, await response.text()
        found: dict[str, Any] = await response.json()
        return found


def test_password_that_was_set_opens_the_page_and_ends_other_sessions() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with aiohttp.ClientSession(
            house.base, cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as other:
            await enter(house, other)
            await post(client, "/api/password", password=PASSWORD)
            house.code = ""
            assert await post(other, "/api/door") == {"inside": False, "password": True}
            assert not house.code, "the display stays as it is"
            await post(other, "/api/session", 403, password="wrong horse")
            await post(other, "/api/session", password=PASSWORD)
            assert await post(other, "/api/door") == {"inside": True}
        async with client.get("/api/status") as response:
            assert response.status == 200
        assert Keys.decode(house.kept[-1]).is_password(PASSWORD)

    tell(story)


def test_code_still_opens_the_page_for_who_forgot_the_password() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        await post(client, "/api/password", password=PASSWORD)
        client.cookie_jar.clear()
        assert await post(client, "/api/door", code=True) == {"inside": False, "password": False}
        await post(client, "/api/session", code=house.code)
        await post(client, "/api/password", password="")
        assert not Keys.decode(house.kept[-1]).password_hash

    tell(story)


def test_short_password_is_refused_and_the_old_one_stays() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        await post(client, "/api/password", 409, password="short")
        await post(client, "/api/password", 400, password=7)
        assert not house.kept

    tell(story)


def test_guessed_passwords_have_to_wait() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        await post(client, "/api/password", password=PASSWORD)
        client.cookie_jar.clear()
        for _ in range(GUESSES_MAX):
            await post(client, "/api/session", 403, password="guess")
        await post(client, "/api/session", 429, password=PASSWORD)

    tell(story)


def test_half_a_character_is_no_password() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        await post(client, "/api/password", 409, password="\ud800" * 8)
        await post(client, "/api/password", password=PASSWORD)
        client.cookie_jar.clear()
        await post(client, "/api/session", 403, password="\ud800" * 8)

    tell(story)


async def with_token(house: House, client: aiohttp.ClientSession, may_dial: bool) -> dict[str, str]:
    await enter(house, client)
    made = await post(client, "/api/token", name="program", may_dial=may_dial)
    client.cookie_jar.clear()
    return {"Authorization": f"Bearer {made['token']}"}


def test_token_opens_the_api_and_nothing_else() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        headers = await with_token(house, client, may_dial=False)
        async with client.get("/api/v1/state", headers=headers) as response:
            assert (await response.json())["number"] == "471108151234"
        async with client.get("/metrics", headers=headers) as response:
            assert "fernruf_reachable 1\n" in await response.text()
        for path in ("/api/status", "/api/keys", "/api/events"):
            async with client.get(path, headers=headers) as response:
                assert response.status == 401, path
        for path in ("/api/hand/lift", "/api/token", "/api/password"):
            async with client.post(path, headers=headers) as response:
                assert response.status == 401, path
        for path in ("/api/v1/dial", "/api/v1/hang-up"):
            async with client.post(path, json={"number": "1"}, headers=headers) as response:
                assert response.status == 403, path
        assert not house.asked

    tell(story)


def test_token_that_may_dial_dials_and_hangs_up() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        headers = await with_token(house, client, may_dial=True)
        body = {"number": "4711 0815 1234"}
        async with client.post("/api/v1/dial", json=body, headers=headers) as response:
            assert response.status == 200
        async with client.post("/api/v1/hang-up", headers=headers) as response:
            assert response.status == 200
        assert house.asked == [("dial", {"digits": "471108151234"}), ("hang_up", {})]

    tell(story)


def test_token_that_was_removed_is_refused() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        text = (await post(client, "/api/token", name="program"))["token"]
        async with client.get("/api/keys") as response:
            assert (await response.json())["tokens"] == [{"name": "program", "may_dial": False}]
        body = {"name": "program"}
        async with client.delete("/api/token", json=body, headers=HEADERS) as response:
            assert response.status == 200
        client.cookie_jar.clear()
        headers = {"Authorization": f"Bearer {text}"}
        async with client.get("/metrics", headers=headers) as response:
            assert response.status == 401

    tell(story)
