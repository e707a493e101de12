"""The page is loaded without aiohttp's client, after dial tone, and its port listens before."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from firmware.errors import HardwareError
from firmware.model import Endpoint
from firmware.page import listen

LOADED = """
import sys
import firmware.box
assert not [name for name in sys.modules if name.startswith("aiohttp")], "before a page is wanted"
import firmware.page
firmware.page.load()
for name in ("aiohttp.client", "aiohttp.connector", "segno"):
    assert name not in sys.modules, name
"""
WHOLE = """
import aiohttp, aiohttp.client
assert aiohttp.ClientSession is aiohttp.client.ClientSession
from aiohttp import WSMsgType, hdrs, web
assert web.WSMsgType is WSMsgType
assert hdrs.METH_GET == "GET"
import importlib.metadata
assert aiohttp.__version__ == importlib.metadata.version("aiohttp")
try:
    aiohttp.nothing_of_this_name
except AttributeError:
    pass
else:
    raise AssertionError
"""


def run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_page_is_loaded_without_the_client_that_nobody_uses() -> None:
    run(LOADED)


def test_who_wants_the_client_afterwards_gets_all_of_it() -> None:
    run(LOADED + WHOLE)


def test_connection_made_before_the_page_answers_waits_in_the_queue() -> None:
    with (
        listen(Endpoint("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as early,
    ):
        taken, where = listener.accept()
        with taken:
            assert where == early.getsockname()


def test_port_in_use_is_said_in_one_line() -> None:
    with listen(Endpoint("127.0.0.1", 0)) as listener:
        taken = Endpoint(*listener.getsockname())
        with pytest.raises(HardwareError, match=f"no page on {taken}"):
            listen(taken)
