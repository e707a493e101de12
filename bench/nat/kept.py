"""What a run of the matrix has found so far, in a file: a run that was broken off goes on there.

One JSON object, written anew after each handful of pairs. Knows no lab.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware.errors import CommandError

Cells = dict[str, dict[str, Any]]


class Kept:
    """Cells by loss, and the incidents; of runs with the same conditions only."""

    def __init__(self, path: Path | None, conditions: dict[str, Any]) -> None:
        self.incidents: dict[str, Any] | None = None
        self._path = path
        self._conditions = conditions
        self._cells: dict[str, Cells] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["conditions"] != conditions:
                raise CommandError(f"{path} is of a run with other conditions")
            self.incidents, self._cells = kept["incidents"], kept["cells"]

    def cells(self, loss: float) -> Cells:
        """By pair; add to them, then `save`."""
        return self._cells.setdefault(str(loss), {})

    def save(self) -> None:
        """Whole or not at all."""
        if self._path is None:
            return
        kept = {
            "conditions": self._conditions,
            "incidents": self.incidents,
            "cells": self._cells,
        }
        beside = self._path.with_name(self._path.name + ".new")
        beside.write_text(json.dumps(kept), encoding="utf-8")
        beside.replace(self._path)
