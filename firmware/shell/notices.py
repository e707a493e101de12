"""The notice board: a folder in which programs beside the box leave what a person should read.

One file a notice: its first line is the title, the rest the body; who wrote it takes it away again.
So the update, the first start and the access point need nothing of the box, nor it of them, and a
box that is started anew still shows what stands there.
Units: `_s` seconds, bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from firmware.events import Fact
from firmware.events.system import (
    BODY_CHARACTERS_MAX,
    NOTICES_MAX,
    TITLE_CHARACTERS_MAX,
    Notice,
    NoticesChanged,
)

LOOK_INTERVAL_S = 2.0
FILE_BYTES_MAX = 1024


class NoticeBoard:
    """Watches the folder, which lies in memory, and tells when what stands there has changed."""

    def __init__(self, folder: Path, tell: Callable[[Fact], None]) -> None:
        self._folder, self._tell = folder, tell
        self._shown: tuple[Notice, ...] = ()

    async def run(self) -> None:
        """Look until cancelled."""
        import asyncio  # half the start of a program that only hangs something out

        while True:
            self.look()
            await asyncio.sleep(LOOK_INTERVAL_S)

    def look(self) -> None:
        """Read what stands there now; a file that cannot be read is no notice."""
        notices = read_notices(self._folder)
        if notices != self._shown:
            self._shown = notices
            self._tell(NoticesChanged(notices))


def read_notices(folder: Path) -> tuple[Notice, ...]:
    """The first NOTICES_MAX by name."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return ()
    read = [notice for path in paths[:NOTICES_MAX] if (notice := _read(path))]
    return tuple(read)


def post_notice(folder: Path, name: str, notice: Notice | None) -> None:
    """Hang a notice out, or take it away with None; a folder that is not there is no harm."""
    path, fresh = folder / name, folder / f".{name}"
    try:
        if notice is None:
            path.unlink(missing_ok=True)
        else:
            fresh.write_text(f"{notice.title}\n{notice.body}\n", encoding="utf-8")
            fresh.replace(path)
    except OSError:
        return


def _read(path: Path) -> Notice | None:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return None
    title, _, body = text.partition("\n")
    words = " ".join(body.split())
    return Notice(title.strip()[:TITLE_CHARACTERS_MAX], words[:BODY_CHARACTERS_MAX])
