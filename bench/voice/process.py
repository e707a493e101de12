"""Processes of others, which end with what they were begun for."""

from __future__ import annotations

from asyncio.subprocess import Process
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended() -> Iterator[list[Process]]:
    """Whatever process is put into the list does not outlive the block."""
    processes: list[Process] = []
    try:
        yield processes
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
