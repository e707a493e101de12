"""What programs get: events, figures, and a description that is true."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import asdict
from typing import Any

import aiohttp
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok

from firmware.model import CallState, RtpCounters
from firmware.web.api import STATE_KEYS, call_events
from firmware.web.metrics import RTP, STATES, metrics
from firmware.web.server import STATIC
from tests.web.house import House, enter
from tests.web.test_door import post
from tests.web.test_server import tell

DESCRIPTION: dict[str, Any] = json.loads(STATIC.joinpath("openapi.json").read_bytes())
SETTINGS = settings(
    max_examples=25, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
STATUS = {"state": "idle", "reachable": True, "nodes": 7, "exchanges": [1, 2], "faults": {}}


def test_description_is_served_and_names_every_route_of_the_api() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        async with client.get("/openapi.json") as response:
            assert await response.json() == DESCRIPTION
        await enter(house, client)
        for path, operations in DESCRIPTION["paths"].items():
            for method in operations:
                request = client.request(method, path, headers={"X-Fernruf": "1"})
                async with request as response:
                    assert response.status in (200, 400), path
        state = DESCRIPTION["components"]["schemas"]["State"]["properties"]
        assert tuple(state) == STATE_KEYS
        assert state["state"]["enum"] == list(CallState)

    tell(story)


def test_random_requests_by_the_description_find_no_fault() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        text = (await post(client, "/api/token", name="program", may_dial=True))["token"]
        await asyncio.to_thread(ask_at_random, house.base, text)

    tell(story)


def ask_at_random(base: str, token: str) -> None:
    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path.endswith("events"):
            continue  # it never ends

        def check(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(base_url=base, headers={"Authorization": f"Bearer {token}"})

        given(case=operation.as_strategy())(SETTINGS(check))()


def test_bell_and_call_are_events_in_the_order_of_their_urgency() -> None:
    idle = {"state": "idle", "peer_number": None}
    ringing = {"state": "ringing", "peer_number": "471108151234", "peer_name": "Anna"}
    names = [line for line in call_events(idle, ringing).decode().split("\n") if "event:" in line]
    assert names == ["event: ring", "event: call", "event: state"]
    assert call_events(ringing, ringing) == b""
    assert call_events(ringing, ringing | {"bell": True}) == b"", "a page wants it, no program"
    assert b"event: state" in call_events({}, idle)


def test_events_are_told_as_they_happen() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        await enter(house, client)
        async with client.get("/api/v1/events") as stream:
            await next_named(stream, "state")
            house.status |= {"state": "ringing", "peer_name": "Anna"}
            assert (await next_named(stream, "ring"))["peer_name"] == "Anna"

    tell(story)


async def next_named(stream: aiohttp.ClientResponse, name: str) -> dict[str, Any]:
    while True:
        line = await asyncio.wait_for(stream.content.readline(), 5)
        if line == f"event: {name}\n".encode():
            found: dict[str, Any] = json.loads((await stream.content.readline())[6:])
            return found


def test_every_line_of_the_metrics_is_in_the_text_format() -> None:
    status = STATUS | {"rtp": asdict(RtpCounters(packets_lost=3, jitter_s=0.004)), "rtt_s": None}
    lines = metrics(status).splitlines()
    for line in lines:
        assert re.fullmatch(
            r"# (HELP|TYPE) fernruf_\w+ .+|fernruf_\w+(\{state=\"\w+\"\})? \S+", line
        )
    assert "fernruf_call_packets_lost_total 3" in lines
    assert "fernruf_call_jitter_seconds 0.004" in lines
    assert "fernruf_exchanges 2" in lines
    assert 'fernruf_state{state="idle"} 1' in lines
    assert not [line for line in lines if "round_trip" in line], "what is not known is left out"


def test_metrics_know_every_state_and_only_counters_that_exist() -> None:
    assert tuple(CallState) == STATES
    assert RTP.keys() <= asdict(RtpCounters()).keys()
