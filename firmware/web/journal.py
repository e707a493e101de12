"""The last lines of the log, for the page. What is logged has no keys and no whole numbers."""

from __future__ import annotations

import logging
import time
from collections import deque

LINES_MAX = 300
LINE_CHARACTERS_MAX = 400


class Journal(logging.Handler):
    """Keeps lines of INFO and above; `emit` is called from any thread."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[dict[str, str]] = deque(maxlen=LINES_MAX)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        text = record.getMessage()[:LINE_CHARACTERS_MAX]
        self._lines.append({"at": at, "level": record.levelname.lower(), "text": text})

    def lines(self) -> list[dict[str, str]]:
        """Newest first."""
        return list(self._lines)[::-1]
