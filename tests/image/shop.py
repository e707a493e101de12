"""A server of updates on the computer outside, as the emulated machine reaches it."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "10.0.2.2"  # as QEMU's network calls the computer outside


class Quiet(SimpleHTTPRequestHandler):
    """A folder on the web."""

    def log_message(self, *_: object) -> None: ...


class Shop:
    """What is offered, and where."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def offer(self, bundle: Path, version: str) -> None:
        shutil.copyfile(bundle, self.folder / "fernruf.raucb")
        data = bundle.read_bytes()
        fields = {"version": version, "bundle": "fernruf.raucb", "size_bytes": len(data)}
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "fernruf.json").write_text(json.dumps(fields | {"sha256": digest}))


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """Until the block ends."""
    folder.mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Shop(folder, f"http://{HOST}:{server.server_port}/fernruf.json")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
