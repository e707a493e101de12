"""The shape of the tree: short functions and files, cores without side effects, no loose ends.

Each test collects every offender, so that one run shows all there is to mend. Imports are checked
by import-linter, names, docstrings and style by ruff; here is what those cannot see.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (".ci", "bench", "board", "docs", "firmware", "tests", "tools")
FILES = sorted(
    path
    for path in (*ROOT.glob("*"), *(each for top in FOLDERS for each in (ROOT / top).rglob("*")))
    if path.is_file() and path.name != ".git" and "__pycache__" not in path.parts
)
SOURCES = [path for path in FILES if path.suffix == ".py"]
FIRMWARE = [path for path in SOURCES if path.is_relative_to(ROOT / "firmware")]
CORES = ("overlay", "call", "features", "media", "codec", "ui")
CORE_FILES = [
    path
    for path in FIRMWARE
    if path.parent.name in CORES
    or path.stem
    in ("phone", "routes", "config", "demux", "identity", "number", "events", "model", "errors")
]
TEXTS = {".md", ".py", ".sh", ".toml", ".txt", ""}  # "": Makefile, LICENSE, .ci/run

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
LINE_COLUMNS_MAX = 100


def test_no_module_is_longer_than_a_stranger_can_read() -> None:
    report(
        f"{name(path)}: {len(lines(path))} lines, at most {MODULE_LINES_MAX}"
        for path in SOURCES
        if len(lines(path)) > MODULE_LINES_MAX
    )


def test_no_function_is_longer_than_a_page() -> None:
    report(
        f"{name(path)}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES_MAX}"
        for path in SOURCES
        for node in functions(path)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    )


def test_no_line_is_wider_than_the_page() -> None:
    report(
        f"{name(path)}:{number}: {len(line)} columns, at most {LINE_COLUMNS_MAX}"
        for path in SOURCES
        for number, line in enumerate(lines(path), 1)
        if len(line) > LINE_COLUMNS_MAX
    )


def test_cores_open_no_file_and_print_nothing() -> None:
    report(
        f"{name(path)}:{node.lineno}: {call}()"
        for path in CORE_FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (call := called_name(node)) in ("open", "print", "input", "exec", "eval", "__import__")
    )


def test_broad_exceptions_are_caught_only_to_be_raised_again() -> None:
    report(
        f"{name(path)}:{handler.lineno}: catches everything and goes on"
        for path in FIRMWARE
        for handler in ast.walk(tree(path))
        if isinstance(handler, ast.ExceptHandler)
        and caught_names(handler) & {"", "Exception", "BaseException"}
        and not any(isinstance(node, ast.Raise) for node in ast.walk(handler))
    )


def test_every_package_of_the_firmware_has_its_tests() -> None:
    report(
        f"firmware/{package} has no tests in tests/{package}"
        for package in packages()
        if not list((ROOT / "tests" / package).glob("test_*.py"))
    )


def test_architecture_names_every_folder() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = {path.relative_to(ROOT).parts[0] for path in FILES if path.parent != ROOT}
    report(
        f"docs/architecture.md does not name {folder}/"
        for folder in sorted(folders.union(packages()))
        if f"{folder}/" not in text
    )


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    machine_path = re.compile(r"(?<![\w.])/(home|root|Users|work|mnt)/\w+")
    report(
        f"{name(path)}:{number}: {match.group()}"
        for path in FILES
        if path.suffix in TEXTS
        for number, line in enumerate(lines(path), 1)
        if (match := machine_path.search(line))
    )


def test_every_make_target_that_a_text_names_exists() -> None:
    targets = {line.partition(":")[0] for line in lines(ROOT / "Makefile") if "## " in line}
    report(
        f"{name(path)}:{number}: make {target}"
        for path in FILES
        if path.suffix == ".md"
        for number, line in enumerate(lines(path), 1)
        for target in re.findall(r"(?:`|^ {4})make (\w+)", line)
        if target not in targets
    )


def test_every_package_that_is_installed_has_an_exact_version() -> None:
    pins = {
        canonicalize_name(line.partition("==")[0])
        for line in lines(ROOT / "constraints.txt")
        if not line.startswith("#")
    }
    report(f"{package} is not in constraints.txt" for package in sorted(needed_packages() - pins))


def report(offences: Iterator[str]) -> None:
    """Fail with all of them, one a line."""
    found = list(offences)
    assert not found, "\n".join(["", *found])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def called_name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def caught_names(handler: ast.ExceptHandler) -> set[str]:
    """What a handler catches; the empty name stands for a bare `except:`."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(kind) if kind else "" for kind in kinds}


def packages() -> list[str]:
    return [path.parent.name for path in sorted((ROOT / "firmware").glob("*/__init__.py"))]


def needed_packages() -> set[str]:
    """Names of all that `.[dev]` brings, to the last dependency, on this Python."""
    waiting = [Requirement("fernruf[dev]")]
    needed: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        for text in importlib.metadata.requires(wanted.name) or ():
            requirement = Requirement(text)
            environments = [{"extra": extra} for extra in wanted.extras or ("",)]
            if requirement.marker and not any(map(requirement.marker.evaluate, environments)):
                continue
            if (package := canonicalize_name(requirement.name)) not in needed:
                needed.add(package)
                waiting.append(requirement)
    return needed
