"""Each router of the lab is what it says, by the word of two tools that are not ours."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import coturn
from tests.lab.nat import Kind
from tests.lab.sites import Lab

DISCOVERY_S = 60.0
SERVER = ("192.0.2.1", "192.0.2.2")
ENDPOINT_INDEPENDENT, ADDRESS_DEPENDENT = "Endpoint Independent", "Address Dependent"
PORT_DEPENDENT = "Address and Port Dependent"

# Mapping and filter by turnutils_natdiscovery (RFC 5780), then the words of stun-client (RFC 3489).
EXPECTED = {
    Kind.PUBLIC: (ENDPOINT_INDEPENDENT, ENDPOINT_INDEPENDENT, "Open"),
    Kind.FULL_CONE: (
        *(ENDPOINT_INDEPENDENT, ENDPOINT_INDEPENDENT),
        "Independent Mapping, Independent Filter",
    ),
    Kind.ADDRESS_RESTRICTED: (
        *(ENDPOINT_INDEPENDENT, ADDRESS_DEPENDENT),
        "Independent Mapping, Address Dependent Filter",
    ),
    Kind.PORT_RESTRICTED: (
        *(ENDPOINT_INDEPENDENT, PORT_DEPENDENT),
        "Independent Mapping, Port Dependent Filter",
    ),
    Kind.PORT_CHANGING: (
        *(ENDPOINT_INDEPENDENT, PORT_DEPENDENT),
        "Independent Mapping, Port Dependent Filter",
    ),
    Kind.SYMMETRIC: (PORT_DEPENDENT, PORT_DEPENDENT, "Dependent Mapping"),
    Kind.INCREMENTING: (PORT_DEPENDENT, PORT_DEPENDENT, "Dependent Mapping"),
    Kind.TCP_ONLY: ("", "", "Blocked"),
    Kind.CARRIER: (
        *(ENDPOINT_INDEPENDENT, PORT_DEPENDENT),
        # whether the port stays the same is chance: it may lie in the range of the carrier
        "Independent Mapping, Port Dependent Filter, (preserves ports|random port), will hairpin",
    ),
}
PORT_OFFSETS = {  # outer port of the second destination minus that of the first, by RFC 5780
    Kind.PORT_RESTRICTED: 0,
    Kind.PORT_CHANGING: 0,
    Kind.INCREMENTING: 2,
}


@pytest.fixture(scope="module")
def words(lab: Lab) -> Iterator[dict[Kind, tuple[str, str]]]:
    """What both tools say of each kind; all at once, since they mostly wait."""
    lab.public("server", SERVER, leg_s=0.0)
    coturn.start(lab.space, "server", SERVER)
    sites = [
        lab.site(f"host{number}", kind, f"198.51.100.{10 + number}")
        for number, kind in enumerate(Kind)
    ]
    running = [
        lab.space.start(site.name, [*tool, SERVER[0]], stdout=subprocess.PIPE)
        for site in sites
        for tool in (["turnutils_natdiscovery", "-m", "-f"], ["stun"])
    ]
    said = [child.communicate(timeout=DISCOVERY_S)[0] for child in running]
    yield {kind: (said[2 * n], said[2 * n + 1]) for n, kind in enumerate(Kind)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", Kind)
def test_router_behaves_as_its_kind_says(kind: Kind, words: dict[Kind, tuple[str, str]]) -> None:
    mapping, filtering, words_of_stun = EXPECTED[kind]
    discovery, stun = words[kind]
    found = re.findall(r"NAT with (.*) (Mapping|Filtering)!", discovery)
    expected = [(mapping, "Mapping"), (filtering, "Filtering")] if mapping else []
    assert found == expected, discovery
    assert re.search(f"Primary: {words_of_stun}", stun), stun


@pytest.mark.parametrize("kind", PORT_OFFSETS)
def test_router_chooses_outer_ports_as_its_kind_says(
    kind: Kind, words: dict[Kind, tuple[str, str]]
) -> None:
    """Of a socket's first two destinations; other sockets of the same host may come between."""
    discovery = words[kind][0].partition("Filtering Behavior")[0]
    outer = [int(port) for port in re.findall(r"reflexive addr: .*:(\d+)", discovery)]
    inner = [int(port) for port in re.findall(r"Local addr: : .*:(\d+)", discovery)]
    offset = outer[1] - outer[0]
    assert offset % 2 == 0 if PORT_OFFSETS[kind] else offset == 0, discovery
    assert offset >= PORT_OFFSETS[kind], discovery
    assert (outer[0] == inner[0]) is (kind is Kind.PORT_RESTRICTED)


def test_two_homes_of_one_carrier_reach_each_other_only_by_hairpin(lab: Lab) -> None:
    for number, hairpin in enumerate((True, False)):
        lab.carrier(f"cgn{number}", f"203.0.113.{10 + number}", hairpin=hairpin)
        homes = [lab.customer(f"home{number}{n}", f"cgn{number}") for n in range(2)]
        running = [
            lab.space.start(home.name, ["stun", SERVER[0]], stdout=subprocess.PIPE)
            for home in homes
        ]
        said = [child.communicate(timeout=DISCOVERY_S)[0] for child in running]
        assert all(("will hairpin" in words) is hairpin for words in said), said
