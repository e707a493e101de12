"""The local network with the real zeroconf on loopback: multicast works there too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from zeroconf import AddressResolverIPv4, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from firmware.commands.lookup import look_up
from firmware.events import AnnounceOnLan, Fact, LanNeighbourLost, LanNeighbourSeen
from firmware.model import Endpoint
from firmware.shell.lan import (
    ENDPOINTS_MAX,
    PAGE_NAMES,
    PAGE_SERVICE,
    SALT_BYTES_MAX,
    SERVICE,
    TAG_BYTES,
    TAGS_MAX,
    LocalNetwork,
    neighbour,
    own_addresses,
)
from tests.test_box import in_loop, running_box

HERE = "127.0.0.1"
SALT = bytes(range(8))


class Ear:
    """Keeps what a box is told, and wakes whoever waits for it."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self._news = asyncio.Event()

    def __call__(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._news.set()

    async def until(self, wanted: Callable[[Fact], bool]) -> Fact:
        async with asyncio.timeout(10):
            while not any(wanted(fact) for fact in self.facts):
                self._news.clear()
                await self._news.wait()
        return next(fact for fact in self.facts if wanted(fact))


def _is_neighbour(endpoint: Endpoint, letter: bytes) -> Callable[[Fact], bool]:
    """Real boxes may be on this network as well."""

    def is_it(fact: Fact) -> bool:
        return (
            isinstance(fact, LanNeighbourSeen)
            and (fact.endpoints, fact.salt) == ((endpoint,), SALT)
            and fact.tags == (letter * TAG_BYTES,)
        )

    return is_it


def test_two_boxes_find_each_other_after_the_first_announcement() -> None:
    async def story() -> None:
        ears = Ear(), Ear()
        boxes = [LocalNetwork(ear) for ear in ears]
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(box.run(Endpoint(HERE, 4001 + index)))
                for index, box in enumerate(boxes)
            ]
            for index, box in enumerate(boxes):
                box.announce(AnnounceOnLan(SALT, (bytes([index]) * TAG_BYTES,)))
            for index, ear in enumerate(ears):
                other = 1 - index
                await ear.until(_is_neighbour(Endpoint(HERE, 4001 + other), bytes([other])))
            for task in running:
                task.cancel()

    in_loop(story)


def test_new_tags_replace_the_old_ones_and_a_box_that_ends_is_lost() -> None:
    async def story() -> None:
        ear = Ear()
        listener, speaker = LocalNetwork(ear), LocalNetwork(Ear())
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listener.run(Endpoint(HERE, 4003)))
            speaking = tasks.create_task(speaker.run(Endpoint(HERE, 4004)))
            speaker.announce(AnnounceOnLan(SALT, ()))
            await ear.until(lambda fact: isinstance(fact, LanNeighbourSeen) and not fact.tags)
            tags = (b"today---", b"tomorrow")
            speaker.announce(AnnounceOnLan(SALT, tags))
            await ear.until(lambda fact: isinstance(fact, LanNeighbourSeen) and fact.tags == tags)
            speaking.cancel()
            await ear.until(lambda fact: isinstance(fact, LanNeighbourLost))
            listening.cancel()

    in_loop(story)


async def until_named(house: AsyncZeroconf, name: str, port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            info = AsyncServiceInfo(PAGE_SERVICE, f"{name}.{PAGE_SERVICE}")
            if await info.async_request(house.zeroconf, 500) and info.port == port:
                break
    resolver = AddressResolverIPv4(f"{name}.local.")
    await resolver.async_request(house.zeroconf, 3000)
    assert HERE in resolver.parsed_addresses()


def test_page_has_a_name_in_the_house_and_the_next_one_if_that_is_taken() -> None:
    async def story() -> None:
        house = AsyncZeroconf(interfaces=[HERE], ip_version=IPVersion.V4Only)
        taken = AsyncServiceInfo(
            PAGE_SERVICE, f"Other.{PAGE_SERVICE}", port=80, addresses=[bytes([192, 0, 2, 1])],
            server=f"{PAGE_NAMES[0]}.local.",
        )  # fmt: skip
        await (await house.async_register_service(taken))
        box = LocalNetwork(Ear())
        box.page = Endpoint("0.0.0.0", 4011)
        running = asyncio.create_task(box.run(Endpoint(HERE, 4010)))
        await until_named(house, PAGE_NAMES[1], 4011)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await house.async_close()

    in_loop(story)


def test_page_of_this_computer_alone_is_not_announced() -> None:
    async def story() -> None:
        box = LocalNetwork(Ear())
        box.page = Endpoint("127.0.0.7", 4012)
        running = asyncio.create_task(box.run(Endpoint(HERE, 4013)))
        house = AsyncZeroconf(interfaces=[HERE], ip_version=IPVersion.V4Only)
        info = AsyncServiceInfo(PAGE_SERVICE, f"{PAGE_NAMES[0]}.{PAGE_SERVICE}")
        assert not await info.async_request(house.zeroconf, 1500) or info.port != 4012
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await house.async_close()

    in_loop(story)


def test_box_without_the_interface_waits_and_ends_quietly() -> None:
    async def story() -> None:
        box = LocalNetwork(Ear())
        task = asyncio.create_task(box.run(Endpoint("203.0.113.77", 4005)))
        box.announce(AnnounceOnLan(SALT, ()))
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    in_loop(story)


def test_two_boxes_with_no_network_but_their_own_find_each_other_by_number(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with running_box(tmp_path, "anna") as anna, running_box(tmp_path, "bert") as bert:
            number = (await bert.request("status"))["number"]
            await anna.request("lift")
            await anna.request("press", digits=number[:-1])
            await anna.request("wait", state="dialling", timeout_s=10)
            await anna.request("press", digits=number[-1])
            await anna.request("wait", state="ringback", timeout_s=10)
            await bert.request("lift")
            await anna.request("wait", state="connected", timeout_s=10)

    in_loop(story)


def test_lookup_command_finds_a_box_that_only_the_local_network_knows(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_box(tmp_path, "bert") as bert:
            number = (await bert.request("status"))["number"]
            found = await look_up(number, (f"{HERE}:9",), Endpoint(HERE, 0))
            assert found["verified"]
            assert [each["way"] for each in found["candidates"] if each["verified"]] == ["lan"]

    in_loop(story)


def test_box_that_shall_not_is_neither_announced_nor_found(tmp_path: Path) -> None:
    quiet = "mdns = false"

    async def story() -> None:
        async with (
            running_box(tmp_path, "anna") as anna,
            running_box(tmp_path, "bert", quiet) as bert,
        ):
            number = (await bert.request("status"))["number"]
            await anna.request("lift")
            await anna.request("press", digits=number)
            await anna.request("wait", state="failed", timeout_s=10)
            assert (await anna.request("status"))["reason"] == "offline"

    in_loop(story)


def test_announcement_is_cut_to_its_limits() -> None:
    hostile = AsyncServiceInfo(
        SERVICE,
        f"x.{SERVICE}",
        port=65535,
        addresses=[bytes([10, 0, 0, host]) for host in range(1, 20)],
        properties={"s": b"s" * 200, "t": b"t" * 200},
    )
    seen = neighbour(hostile)
    assert len(seen.endpoints) == ENDPOINTS_MAX
    assert len(seen.salt) == SALT_BYTES_MAX
    assert seen.tags == (b"t" * TAG_BYTES,) * TAGS_MAX


def test_announcement_without_any_content_is_a_neighbour_without_any() -> None:
    info = AsyncServiceInfo(SERVICE, f"x.{SERVICE}", properties={"s": None})
    assert neighbour(info) == LanNeighbourSeen(f"x.{SERVICE}", (), b"", ())


def test_addresses_are_the_bound_one_or_all_but_loopback() -> None:
    assert own_addresses(HERE) == [HERE]
    assert own_addresses("203.0.113.77") == []
    assert HERE not in own_addresses("0.0.0.0")
    both = own_addresses("::")
    assert HERE not in both and "::1" not in both
    assert set(own_addresses("0.0.0.0")) == {address for address in both if "." in address}
