"""The control socket: the hand outside a simulated box, and the status of any box.

A Unix stream socket; one JSON object per line: `{"command": ..., arguments}` answered by
`{"ok": true, ...}` or `{"ok": false, "error": "..."}`. Knows no telephone: the box gives it
a table of commands.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from firmware.errors import CommandError

LINE_BYTES_MAX = 65_536
CONNECTIONS_MAX = 16

Answer = dict[str, Any]
Handler = Callable[[Mapping[str, Any]], Awaitable[Answer]]


class ControlServer:
    """Listens on `path` (mode 0600) and answers by the table of `handlers`."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Make the socket; raises CommandError if it cannot be made there."""
        if await _is_alive(self._path):
            raise CommandError(f"another box listens on {self._path}")
        try:
            if self._path.is_socket():  # a file that somebody needs is not ours to remove
                self._path.unlink()
            listening = _bound(self._path)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listening, limit=LINE_BYTES_MAX
            )
        except OSError as error:
            why = error.strerror or error  # a path that is too long has no number
            raise CommandError(f"cannot listen on {self._path}: {why}") from None

    async def run(self) -> None:
        """Serve until cancelled; the socket's file is removed at the end."""
        assert self._server is not None, "open() first"
        try:
            await asyncio.Event().wait()  # serve_forever() would wait for clients that never leave
        finally:
            self._server.close()
            for writer in self._writers:
                writer.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if len(self._writers) > CONNECTIONS_MAX:
                await _write_line(writer, _refusal("too many connections"))
                return
            while line := await reader.readline():
                await _write_line(writer, await self._answer(line))
        except ValueError:  # a line longer than LINE_BYTES_MAX
            await _write_line(writer, _refusal(f"a line is at most {LINE_BYTES_MAX} bytes"))
        except ConnectionError:
            pass  # the other side went away; there is nobody to tell
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return _refusal("not JSON")
        command = request.get("command") if isinstance(request, dict) else None
        if not isinstance(command, str) or command not in self._handlers:
            return _refusal(f"commands are: {', '.join(sorted(self._handlers))}")
        try:
            return {"ok": True} | await self._handlers[command](request)
        except CommandError as error:
            return _refusal(str(error))


class ControlClient:
    """The other end, for `fernruf ctl` and the demo."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[ControlClient]:
        """Connect; raises CommandError if no box listens there."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(path), limit=LINE_BYTES_MAX)
        except OSError as error:
            raise CommandError(f"no box listens on {path}: {error.strerror}") from None
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def request(self, command: str, **arguments: object) -> Answer:
        """Send one request; raises CommandError with the box's words if it is refused."""
        await _write_line(self._writer, {"command": command, **arguments})
        line = await self._reader.readline()
        if not line:
            raise CommandError("the box closed the connection")
        answer: Answer = json.loads(line)
        if not answer.pop("ok"):
            raise CommandError(str(answer["error"]))
        return answer


def _bound(path: Path) -> socket.socket:
    """For our own user only from its first moment on: not opened to all and then closed."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        bound.bind(str(path))
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(mask)
    return bound


async def _is_alive(path: Path) -> bool:
    """A socket file that a killed box left behind refuses connections."""
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        return False
    writer.close()
    return True


def _refusal(error: str) -> Answer:
    return {"ok": False, "error": error}


async def _write_line(writer: asyncio.StreamWriter, content: Mapping[str, object]) -> None:
    writer.write(json.dumps(content).encode() + b"\n")
    await writer.drain()
