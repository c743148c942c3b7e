"""The house is in order: sizes, words, imports, and nothing of one machine in it."""

import ast
import importlib.metadata
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import monitor

ROOT = Path(__file__).parent.parent
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
# Written in halves, so that this file does not hold what it looks for.
NOTES = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.$}])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me|tmp/v" + r"env)/")
# Drawers into which anything goes, and words of other trades for what design and data name better.
DRAWERS = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "stuff"}
FOREIGN_WORDS = {"hangup", "hangups", "pickup", "pickups"}
# Read by the standard library under its own name, never imported by us.
DATA_ONLY = {"tzdata"}
# The lower half of a declared library, whose pin holds it, too.
BROUGHT_ALONG = {"paho-mqtt": "aiomqtt", "pydantic-core": "pydantic"}

MONITOR = sorted((ROOT / "monitor").rglob("*.py"))
PYTHON = [*MONITOR, *sorted((ROOT / "tests").rglob("*.py"))]
PROVIDERS = importlib.metadata.packages_distributions()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def named(path: Path) -> str:
    """The path as a reader of the repository knows it."""
    return path.relative_to(ROOT).as_posix()


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the project, with its name; what tools leave behind is passed over."""
    folders = ("monitor", "config", "grafana", "tests", ".ci")
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".coverage"]
    for folder in folders:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in sorted(found):
        if "__pycache__" in path.parts:
            continue
        try:
            yield named(path), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def words(identifier: str) -> set[str]:
    """The words of an identifier in any spelling of it."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)}


def imported(paths: list[Path]) -> set[str]:
    """The top level names that the files import."""
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def distributions(requirements: list[str]) -> set[str]:
    """The normalized names in a list of requirements."""
    return {normalized(re.split(r"[^\w.-]", one)[0]) for one in requirements}


def providers(name: str) -> list[str]:
    """The distributions that hold a module; what is not installed is taken to be named like it."""
    return [normalized(one) for one in PROVIDERS.get(name, [name])]


def normalized(distribution: str) -> str:
    """The name by which package indexes know it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


# -- the code -----------------------------------------------------------------------------------


def test_no_file_is_longer_than_one_can_survey() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in PYTHON}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_one_can_survey() -> None:
    too_long = {}
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    too_long[f"{named(path)}:{node.name}"] = lines
    assert too_long == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        named(path)
        for path in PYTHON
        if (text := path.read_text(encoding="utf-8")).strip()
        and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_no_module_is_a_drawer() -> None:
    drawers = [named(path) for path in PYTHON if words(path.stem) & DRAWERS]
    assert drawers == []


def test_code_speaks_the_words_of_the_trade() -> None:
    foreign = [
        f"{named(path)}:{token.start[0]}: {token.string}"
        for path in MONITOR
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type in (tokenize.NAME, tokenize.COMMENT) and words(token.string) & FOREIGN_WORDS
    ]
    assert foreign == []


def test_nothing_prints_but_the_command_line() -> None:
    printing = [
        f"{named(path)}:{node.lineno}"
        for path in MONITOR
        if path.name != "cli.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert printing == []


# -- the tree -----------------------------------------------------------------------------------


def test_nothing_is_left_for_later() -> None:
    notes = [
        f"{name}:{number}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if NOTES.search(line)
    ]
    assert notes == []


def test_no_path_of_one_machine_is_in_the_tree() -> None:
    paths = [
        f"{name}:{number}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert paths == []


def test_there_is_one_version() -> None:
    assert PROJECT["project"]["version"] == monitor.__version__
    assert f"## [{monitor.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_dependency_is_used_and_every_use_declared() -> None:
    declared = distributions(PROJECT["project"]["dependencies"])
    foreign = imported(MONITOR) - set(sys.stdlib_module_names) - {"monitor"}
    used = {one for name in foreign for one in providers(name)}
    assert {BROUGHT_ALONG.get(one, one) for one in used} == declared - DATA_ONLY


def test_what_only_the_tests_import_is_declared_for_them() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    declared = distributions(PROJECT["project"]["dependencies"] + extras["test"] + extras["bench"])
    ours = {path.stem for path in (ROOT / "tests").rglob("*")} | {"monitor"}
    foreign = imported(PYTHON) - set(sys.stdlib_module_names) - ours
    used = {name: {BROUGHT_ALONG.get(one, one) for one in providers(name)} for name in foreign}
    assert {name for name, found in used.items() if not found & declared} == set()
