"""Routers: the rule set of each kind of NAT, for nftables.

Knows no namespace. `lan*` are the cables to the inside, `wan` is the device to the outside.
Kinds by what they do with an inner address and port (RFC 4787 sections 4 and 5): the mapping is
EIM (one outer port for all destinations) or APDM (one for each), the filter EIF (lets everybody
in), ADF (whose address was written to) or APDF (whose address and port were).
Masquerade is EIM because the kernel asks for the mapping a source already has
(find_appropriate_src of nf_nat_core.c) unless `fully-random` forbids it.
"""

from __future__ import annotations

from enum import StrEnum

PORTS = "10000-31999"  # of routers that keep no port: below those that hosts take by themselves
STEPS = 4096  # ports of an incrementing router, then it begins again
STEP = 2


class Kind(StrEnum):
    """What stands between a host and the Internet."""

    PUBLIC = "public"
    FULL_CONE = "full_cone"  # EIM, EIF
    ADDRESS_RESTRICTED = "address_restricted"  # EIM, ADF
    PORT_RESTRICTED = "port_restricted"  # EIM, APDF: most homes
    PORT_CHANGING = "port_changing"  # the same, but the outer port is not the inner
    SYMMETRIC = "symmetric"  # APDM, APDF, random ports
    INCREMENTING = "incrementing"  # APDM, APDF, each port two above the one before
    TCP_ONLY = "tcp_only"  # no UDP at all, of TCP only port 443
    CARRIER = "carrier"  # a port-restricted home behind a carrier's NAT (RFC 6888)


def rules(kind: Kind, address: str, *, hairpin: bool = False) -> str:
    """The rule set of the router whose outer address is `address`."""
    assert kind is not Kind.PUBLIC, "a public host has no router"
    learn, let_in, source = "", "", 'oifname "wan" masquerade'
    match kind:
        case Kind.FULL_CONE:
            learn = "update @everybody { udp sport : ct original ip saddr . ct original proto-src }"
            let_in = "dnat ip to udp dport map @everybody"
        case Kind.ADDRESS_RESTRICTED:
            learn = (
                "update @known { ip daddr . udp sport :"
                " ct original ip saddr . ct original proto-src }"
            )
            let_in = "dnat ip to ip saddr . udp dport map @known"
        case Kind.PORT_CHANGING | Kind.CARRIER:
            source = f'oifname "wan" meta l4proto {{ udp, tcp }} masquerade to :{PORTS}'
        case Kind.SYMMETRIC:
            source = 'oifname "wan" masquerade fully-random'
        case Kind.INCREMENTING:
            ports = ", ".join(f"{n} : {20000 + n * STEP}" for n in range(STEPS))
            source = (
                f'oifname "wan" meta l4proto udp snat to {address}:'
                f"numgen inc mod {STEPS} map {{ {ports} }}\n"
                '    oifname "wan" masquerade'
            )
    hair = _hairpin(address) if hairpin else ("", "", "")
    return f"""
table ip router {{
  map everybody {{ type inet_service : ipv4_addr . inet_service; flags timeout; timeout 5m; }}
  map known {{
    type ipv4_addr . inet_service : ipv4_addr . inet_service; flags timeout; timeout 5m;
  }}
  chain before {{
    type nat hook prerouting priority dstnat;
    {f'iifname "wan" meta l4proto udp {let_in}' if let_in else ""}
    {hair[0]}
  }}
  chain after {{
    type nat hook postrouting priority srcnat;
    {hair[1]}
    {source}
  }}
  chain learn {{
    type filter hook postrouting priority 150;
    {f'oifname "wan" meta l4proto udp {learn}' if learn else ""}
    {hair[2]}
  }}
  chain forward {{
    type filter hook forward priority filter;
    {_FORBIDDEN if kind is Kind.TCP_ONLY else ""}
    iifname "wan" ct state new ct status ! dnat drop
  }}
  chain input {{
    type filter hook input priority filter;
    iifname "wan" ct state new drop
  }}
}}
"""


_FORBIDDEN = """meta l4proto udp drop
    tcp dport != 443 ct state new reject with tcp reset"""


def _hairpin(address: str) -> tuple[str, str, str]:
    """Two hosts inside that know each other's outer address reach each other by it."""
    return (
        f'iifname "lan*" ip daddr {address} meta l4proto udp dnat ip to udp dport map @everybody',
        f'iifname "lan*" oifname "lan*" meta l4proto udp snat to {address}:{PORTS}',
        'oifname "wan" meta l4proto udp'
        " update @everybody { udp sport : ct original ip saddr . ct original proto-src }",
    )
