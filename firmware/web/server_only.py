"""aiohttp without its client, which a box never uses.

`aiohttp/__init__.py` imports the client: 45 ms and 3 MB, above all for a context of TLS with every
certificate authority. Here the package is entered without that file, which is carried out only if
somebody asks for a name that it alone has (as `importlib.util.LazyLoader` does for a whole module).
"""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

PACKAGE = "aiohttp"
VERSION = re.compile(r'^__version__ = "([\w.+]+)"', re.MULTILINE)  # its modules ask for it


def enter() -> None:
    """Once, before the first import of aiohttp; harmless later, or if it looks unlike itself."""
    if PACKAGE in sys.modules:
        return
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return  # the import that follows says so
    version = VERSION.search(Path(spec.origin).read_text(encoding="utf-8"))
    if version is not None:
        sys.modules[PACKAGE] = _Entered(spec, version[1])


class _Entered(ModuleType):
    """The package; whoever wants what is in no module of its server gets it whole."""

    def __init__(self, spec: ModuleSpec, version: str) -> None:
        super().__init__(PACKAGE)
        self.__spec__, self.__loader__ = spec, spec.loader
        self.__path__ = list(spec.submodule_search_locations or ())
        self.__file__, self.__package__ = spec.origin, PACKAGE
        self.__version__ = version

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") or importlib.util.find_spec(f"{PACKAGE}.{name}") is not None:
            raise AttributeError(name)  # a module is looked for by the import statement itself
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # from now on it is as any other
        spec.loader.exec_module(self)
        return getattr(self, name)
