"""Sites of the lab: a host with what stands between it and the Internet.

Addresses are those of documentation and benchmarks (RFC 5737, RFC 2544), which the firmware takes
for global: nobody can be hurt there.
Units: `_s` seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.lab.nat import Kind, rules
from tests.lab.space import Space

LEG_S = 0.020  # from a host to the middle: 80 ms to another host and back


@dataclass(frozen=True, slots=True)
class Site:
    """Where a host is; the names are those of namespaces."""

    name: str  # of the host's namespace, and of the leg
    kind: Kind
    addresses: tuple[str, ...]  # on the Internet: the host's own, or of its outermost router
    own: str  # the address the host itself sees
    router: str = ""  # the home's
    carrier: str = ""
    leg_s: float = LEG_S

    @property
    def address(self) -> str:
        """The first address on the Internet."""
        return self.addresses[0]


class Lab:
    """Builds sites in a space; each call of `site` is one more."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.sites: dict[str, Site] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}  # of hosts that have moved
        self._carriers: dict[str, tuple[str, int]] = {}  # name: address, customers

    def public(self, name: str, addresses: Sequence[str], *, leg_s: float = LEG_S) -> Site:
        """A host with addresses of its own and no router."""
        self.space.add(name)
        self._join(name, addresses, leg_s)
        return self._keep(Site(name, Kind.PUBLIC, tuple(addresses), addresses[0], leg_s=leg_s))

    def site(self, name: str, kind: Kind, address: str, *, leg_s: float = LEG_S) -> Site:
        """A host behind a router of `kind`; names are of at most ten characters."""
        if kind is Kind.PUBLIC:
            return self.public(name, [address], leg_s=leg_s)
        if kind is Kind.CARRIER:
            self.carrier(f"{name}-cgn", address, hairpin=True, leg_s=leg_s)
            return self.customer(name, f"{name}-cgn")
        router = f"{name}-nat"
        self._home(name, router)
        self._join(router, [address], leg_s)
        self.space.nft(router, rules(kind, address))
        return self._keep(Site(name, kind, (address,), HOST, router))

    def add_ipv6(self, site: Site, network: str) -> str:
        """Give a host behind a home router an address of its own in `network`::/64; returns it.

        The router translates nothing there and lets nobody in who was not written to (RFC 6092).
        """
        space, host, inside = self.space, f"{network}::2", f"{network}::1"
        outside = f"{network}:1::1"  # in the next network: the router's own end of the line
        for namespace in (site.name, site.router):
            space.run(namespace, ["tee", "/proc/sys/net/ipv6/conf/all/accept_dad"], text="0")
            space.run(namespace, ["tee", "/proc/sys/net/ipv6/conf/default/accept_dad"], text="0")
        space.run(site.router, ["tee", "/proc/sys/net/ipv6/conf/all/forwarding"], text="1")
        space.ip(
            site.router,
            f"address add {inside}/64 dev lan nodad",
            f"address add {outside}/64 dev wan nodad",
            "route add ::/0 dev wan",
        )
        space.ip(
            site.name,
            f"address add {host}/64 dev eth0 nodad",
            f"route add ::/0 via {inside}",
        )
        space.nft(site.router, FIREWALL_IPV6)
        space.ask("move", site=_leg(site.router), addresses=[*site.addresses, host, outside])
        return host

    def carrier(self, name: str, address: str, *, hairpin: bool, leg_s: float = LEG_S) -> None:
        """A carrier's NAT (RFC 6888) with no customer yet."""
        self.space.add(name)
        self.space.sysctl(name, ip_forward=1)
        self._join(name, [address], leg_s)
        self.space.nft(name, rules(Kind.CARRIER, address, hairpin=hairpin))
        self._carriers[name] = address, 0

    def customer(self, name: str, carrier: str) -> Site:
        """A home behind a carrier."""
        address, customers = self._carriers[carrier]
        self._carriers[carrier] = address, customers + 1
        router, net = f"{name}-nat", f"100.64.{customers}"
        self._home(name, router)
        self.space.wire(carrier, f"lan{customers}", router, "wan")
        self.space.ip(carrier, f"address add {net}.1/24 dev lan{customers}")
        self.space.ip(carrier, f"link set lan{customers} up")
        self.space.ip(router, f"address add {net}.2/24 dev wan", "link set wan up")
        self.space.ip(router, f"route add default via {net}.1")
        self.space.nft(router, rules(Kind.PORT_RESTRICTED, f"{net}.2"))
        return self._keep(Site(name, Kind.CARRIER, (address,), HOST, router, carrier))

    def set_hosts(self, **conditions: float | bool) -> None:
        """Conditions of every leg but those of no length, in the middle; see leg.Conditions."""
        for site in self.sites.values():
            if site.leg_s:
                self.set_leg(site, **conditions)

    def set_leg(self, site: Site, **conditions: float | bool) -> None:
        """Conditions of the leg of one site, both ways."""
        self.space.ask("set", site=_leg(site.carrier or site.router or site.name), **conditions)

    def packets_of(self, site: Site) -> int:
        """How many packets the site has sent to the Internet."""
        count: int = self.space.ask("count", site=_leg(site.carrier or site.router or site.name))[
            "sent"
        ]
        return count

    def move(self, site: Site, address: str) -> None:
        """Give a public host another address instead of the one it has, at once."""
        assert site.kind is Kind.PUBLIC
        self.space.ask("move", site=_leg(site.name), addresses=[address])
        old = self._addresses.get(site.name, site.addresses)
        self.space.ip(
            site.name,
            f"address add {address} dev wan nodad",
            *(f"address del {one} dev wan" for one in old if one != address),
            "route replace default dev wan",
        )
        self._addresses[site.name] = (address,)

    def _home(self, host: str, router: str) -> None:
        space = self.space
        space.add(host)
        space.add(router)
        space.sysctl(router, ip_forward=1)
        space.wire(router, "lan", host, "eth0")
        space.ip(router, f"address add {ROUTER}/24 dev lan", "link set lan up")
        space.ip(host, f"address add {HOST}/24 dev eth0", "link set eth0 up")
        space.ip(host, f"route add default via {ROUTER}")

    def _join(self, namespace: str, addresses: Sequence[str], leg_s: float) -> None:
        self.space.connect(namespace, _leg(namespace), addresses)
        self.space.ask("set", site=_leg(namespace), delay_s=leg_s)

    def _keep(self, site: Site) -> Site:
        self.sites[site.name] = site
        return site


FIREWALL_IPV6 = """
table ip6 firewall {
  chain forward {
    type filter hook forward priority filter;
    iifname "wan" ct state new drop
  }
}
"""
HOST = "192.168.1.20"  # in every home: so it is in the world, and a path must not be fooled by it
ROUTER = "192.168.1.1"


def _leg(namespace: str) -> str:
    return f"w-{namespace}"
