"""A router that can be asked to let the world in: miniupnpd (UPnP IGD, NAT-PMP, PCP) in the lab."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.sites import Site
from tests.lab.space import Space

PCP_PORT, UPNP_PORT = 5351, 5000

_CHAINS = """
table inet filter {
  chain forward { type filter hook forward priority 0; jump miniupnpd; }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority dstnat - 1; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority srcnat - 1; jump postrouting_miniupnpd; }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
}
"""
_CONFIGURATION = f"""
ext_ifname=wan
listening_ip=lan
http_port={UPNP_PORT}
enable_upnp={{upnp}}
enable_natpmp={{pcp}}
secure_mode=yes
min_lifetime=120
max_lifetime=86400
system_uptime=no
uuid=dc5912e1-4a49-449e-b755-c5b365c5f79c
allow 1024-65535 192.168.1.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


class Igd:
    """miniupnpd on the router of a site."""

    def __init__(self, space: Space, site: Site, folder: Path, *, pcp: bool, upnp: bool) -> None:
        self._space = space
        self._router = site.router
        space.nft(site.router, _CHAINS)
        words = {True: "yes", False: "no"}
        configuration = folder / f"{site.router}.conf"
        configuration.write_text(_CONFIGURATION.format(pcp=words[pcp], upnp=words[upnp]))
        space.ip(site.router, "route add 239.0.0.0/8 dev lan")
        space.ip(site.name, "route add 239.0.0.0/8 dev eth0")
        self._command = ["miniupnpd", "-d", "-f", str(configuration)]
        self._command += ["-P", str(folder / f"{site.router}.pid")]
        self.log = folder / f"{site.router}.log"
        self._start(PCP_PORT if pcp else 1900)

    def mappings(self) -> str:
        """The rules that let somebody in."""
        return self._space.run(
            self._router, ["nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"]
        )

    def stop(self) -> None:
        """The router forgets everything."""
        self._child.terminate()
        self._child.wait()

    def _start(self, port: int) -> None:
        with self.log.open("a") as log:
            self._child = self._space.start(self._router, self._command, stdout=log, stderr=log)
        self._space.until_bound(self._child, port, self.log)


def is_installed() -> bool:
    """Whether miniupnpd is there."""
    found = subprocess.run(["which", "miniupnpd"], capture_output=True, check=False)
    return found.returncode == 0
