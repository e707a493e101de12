"""`fernruf access-point`: a box that has found no network opens one of its own, to be set up in.

Run by systemd as root two minutes after the start. Name and code of the network are on the
display; whoever joins it opens a page, and says there which network the box shall join. What is
said goes the way of fernruf.toml. wpa_supplicant makes the network, systemd-networkd gives out
addresses: nothing is installed for it.
Units: `_s` seconds. Source: wpa_supplicant.conf(5) mode=2; systemd.network(5) DHCPServer.
"""

from __future__ import annotations

import argparse
import html
import logging
import secrets
import socket
import subprocess
import threading
import urllib.parse
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from firmware.commands.arguments import add_verbosity, set_up_logging
from firmware.errors import ConfigError
from firmware.events.system import Notice
from firmware.settings import (
    SETTINGS_FILE,
    Settings,
    print_settings,
    read_country,
    read_name,
    read_password,
    read_ssid,
)
from firmware.shell.notices import post_notice

logger = logging.getLogger(__name__)

INTERFACE = "wlan0"
WIRELESS_FILE = "wpa_supplicant-wlan0.conf"  # of a network that is known (first_start.py)
ADDRESS = "10.71.0.1"
CODE_DIGITS = 8
LENGTH_DIGITS_MAX = 10  # Python converts no number of thousands of them
FORM_BYTES_MAX = 4096
TIMEOUT_S = 20.0  # for a browser to say what it wants
OPEN_S = 900.0
OPEN_BETWEEN_S = 180.0  # if a network is known: its router may be back
PORTS = (80, 8080)  # the first belongs to the box's own page where it has one
IP_FREEBIND = 15  # ip(7)
NOTICE = "0-network"
PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Fernruf</title>
<style>body{{font:1.1em sans-serif;max-width:24em;margin:2em auto;padding:0 1em}}
input{{display:block;width:100%;font:inherit;margin:.2em 0 1em;padding:.4em;box-sizing:border-box}}
</style><h1>Fernruf</h1><p>{message}</p><form method="post" autocomplete="off">
<label>Wireless network <input name="ssid" required maxlength="32"></label>
<label>Its password <input name="password" type="password" maxlength="64"></label>
<label>Your name, shown to those you call <input name="name" maxlength="48"></label>
<label>Country, two letters <input name="country" maxlength="2"></label>
<input type="submit" value="Save"></form>
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "access-point",
        help="open a network to set the box up in (systemd runs it)",
        description="If there is no network, open a wireless one, whose name and code the display "
        "shows, with a page on which to choose the box's own.",
    )
    parser.add_argument(
        "--card", type=Path, required=True, metavar="DIR", help="where fernruf.toml goes"
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where box.toml is")
    parser.add_argument(
        "--notices", type=Path, required=True, metavar="DIR", help="what the display shall say"
    )
    parser.add_argument(
        "--sys",
        type=Path,
        default=Path("/sys/class/net"),
        metavar="DIR",
        help="the kernel's list of interfaces",
    )
    parser.add_argument(
        "--runtime",
        type=Path,
        default=Path("/run"),
        metavar="DIR",
        help="where systemd-networkd is told",
    )
    add_verbosity(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Until there is a network: an access point for a while, then the known network again."""
    set_up_logging(arguments.verbose)
    if not (arguments.sys / INTERFACE).exists() or has_network(arguments.sys):
        return 0
    name, code = f"Fernruf-{secrets.token_hex(2).upper()}", make_code()
    page = set_up_page(ADDRESS, PORTS)
    where = ADDRESS if page.server_port == PORTS[0] else f"{ADDRESS}:{page.server_port}"
    words = f"Join the Wi-Fi {name}, code {code}, then open http://{where}"
    post_notice(arguments.notices, NOTICE, Notice("Set-up", words))
    try:
        is_known = (arguments.data / WIRELESS_FILE).exists()
        open_s = OPEN_BETWEEN_S if is_known else OPEN_S
        settings = _open(arguments.runtime, name, code, page, open_s)
    finally:
        post_notice(arguments.notices, NOTICE, None)
    if settings is not None:
        (arguments.card / SETTINGS_FILE).write_text(print_settings(settings), encoding="utf-8")
        _call("systemctl", "restart", "fernruf-first-start.service")
    _call("systemctl", "start", f"wpa_supplicant@{INTERFACE}.service")
    return 0


def has_network(interfaces: Path) -> bool:
    """Whether any interface but the loop has a carrier."""
    for path in interfaces.iterdir():
        try:
            if path.name != "lo" and (path / "carrier").read_text().strip() == "1":
                return True
        except OSError:
            continue  # an interface that is down does not say
    return False


def make_code() -> str:
    """What a person reads from the display and types: of digits, as long as WPA asks for."""
    return "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))


def supplicant_conf(name: str, code: str) -> str:
    """An access point for wpa_supplicant: channel 1, which is allowed everywhere."""
    return (
        "ctrl_interface=/run/wpa_supplicant\nap_scan=2\n"
        f'network={{\n    ssid="{name}"\n    mode=2\n    frequency=2412\n    key_mgmt=WPA-PSK\n'
        f'    proto=RSN\n    pairwise=CCMP\n    group=CCMP\n    psk="{code}"\n}}\n'
    )


def network_conf() -> str:
    """Our address and those of who joins, for systemd-networkd."""
    return (
        f"[Match]\nName={INTERFACE}\n\n[Network]\nAddress={ADDRESS}/24\nDHCPServer=yes\n"
        "LinkLocalAddressing=no\n\n[DHCPServer]\nPoolOffset=10\nPoolSize=20\nEmitDNS=no\n"
    )


def parse_form(body: bytes) -> Settings:
    """What the page sent; ConfigError with words for the person who typed it."""
    try:
        fields = dict(urllib.parse.parse_qsl(body.decode(), errors="strict", max_num_fields=8))
    except (UnicodeDecodeError, ValueError):
        raise ConfigError("the form could not be read") from None
    readers = {
        "ssid": ("Wireless network", read_ssid),
        "password": ("Password", read_password),
        "name": ("Name", read_name),
        "country": ("Country", read_country),
    }
    said: dict[str, str] = {}
    for key, (label, read) in readers.items():
        word = fields.get(key, "").strip() if key != "password" else fields.get(key, "")
        if word or key == "ssid":
            try:
                said[key] = read(word)
            except ConfigError as error:
                raise ConfigError(f"{label}: {error}") from None
    return Settings(
        said.get("name", ""),
        said.get("country", ""),
        ssid=said["ssid"],
        password=said.get("password", ""),
    )


class SetUpPage(ThreadingHTTPServer):
    """The one page; `said` is set when somebody has filled it in."""

    daemon_threads = True
    request_queue_size = 8

    def server_bind(self) -> None:
        """Our address may come a moment later than we."""
        self.socket.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
        super().server_bind()

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self.settings: Settings | None = None
        self.said = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    """Answers every path with the page, so that a telephone's "sign in" finds it too."""

    timeout = TIMEOUT_S
    server: SetUpPage

    def do_GET(self) -> None:
        """Show the form."""
        self._show("Which network shall this telephone use?")

    def do_POST(self) -> None:
        """Take the form."""
        length = self.headers.get("Content-Length", "")
        is_number = length.isascii() and length.isdigit() and len(length) < LENGTH_DIGITS_MAX
        if not is_number or int(length) > FORM_BYTES_MAX:
            self.send_error(413)
            return
        try:
            self.server.settings = parse_form(self.rfile.read(int(length)))
        except ConfigError as error:
            self._show(f"{error}.")
            return
        self._show("Saved. The telephone joins that network now; this one goes away.")
        self.server.said.set()

    def _show(self, message: str) -> None:
        page = PAGE.format(message=html.escape(message)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """What people type is nobody's business."""


def set_up_page(host: str, ports: Sequence[int]) -> SetUpPage:
    """On the first of `ports` that is free; OSError if none is."""
    for port in ports[:-1]:
        try:
            return SetUpPage((host, port))
        except OSError:
            logger.info("port %d is taken", port)
    return SetUpPage((host, ports[-1]))


def _open(
    run_folder: Path, name: str, code: str, page: SetUpPage, open_s: float
) -> Settings | None:
    """The access point and its page for a time; what was said, or None."""
    network = run_folder / "systemd" / "network" / "10-fernruf.network"
    supplicant = run_folder / "fernruf-access-point.conf"
    network.parent.mkdir(parents=True, exist_ok=True)
    network.write_text(network_conf())
    supplicant.touch(0o600)
    supplicant.write_text(supplicant_conf(name, code))
    _call("systemctl", "stop", f"wpa_supplicant@{INTERFACE}.service")
    command = ["/usr/sbin/wpa_supplicant", "-i", INTERFACE, "-c", str(supplicant)]
    radio = subprocess.Popen(command)  # noqa: S603 - a constant
    try:
        _call("networkctl", "reload")
        logger.warning("access point %s is open", name)
        return serve(page, open_s)
    finally:
        radio.terminate()
        radio.wait()
        network.unlink()
        supplicant.unlink()
        _call("networkctl", "reload")


def serve(page: SetUpPage, open_s: float) -> Settings | None:
    """The page until it was filled in or the time is over."""
    with page:
        thread = threading.Thread(target=page.serve_forever, daemon=True)
        thread.start()
        page.said.wait(open_s)
        page.shutdown()
    return page.settings


def _call(*command: str) -> None:
    subprocess.run(command, check=False)  # noqa: S603 - constants of this file
