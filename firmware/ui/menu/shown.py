"""What the menu tells the display."""

from __future__ import annotations

from dataclasses import dataclass

from firmware.core import Fact
from firmware.ui.pages import Page


@dataclass(frozen=True, slots=True)
class MenuShown(Fact):
    """The page of the menu that stands now (menu -> display); None = the menu is closed."""

    page: Page | None
