"""Rules of the house that no tool knows: small pieces, words at the top, tests beside what they test."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("proto", "cluster", "actors", "gateway", "ops")
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$")

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
# What may be longer, each with its reason. An entry that is not needed any more is an error too.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}  # "path:function"

# tests/unit mirrors the code, folder by folder, and a file is named after the module it tests. These words may
# stand for a module where a test is about a whole package.
WHOLE_PACKAGE = ("contract", "fuzz", "conversations", "cases", "roundtrip", "properties")


def _files(folders: tuple[str, ...], suffix: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob(f"*{suffix}")):
            if not GENERATED.search(path.name):
                yield path


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _trees() -> dict[str, ast.Module]:
    """Every Python file by its name, parsed."""
    return {_name(path): ast.parse(path.read_bytes()) for path in _files((*CODE, "tests"), ".py")}


def _fail_with(rule: str, rows: list[str]) -> None:
    if rows:
        pytest.fail("\n  ".join([rule, *rows]), pytrace=False)


def test_every_module_says_what_it_is_for() -> None:
    # The empty __init__.py of a folder that waits for its first module says nothing yet.
    silent = [
        name
        for name, tree in _trees().items()
        if not ast.get_docstring(tree) and (tree.body or len(list((ROOT / name).parent.glob("*.py"))) > 1)
    ]
    _fail_with("Begin with a docstring: what it is for, and the law that must not be broken in it:", silent)


def test_files_are_short() -> None:
    sizes = {name: len((ROOT / name).read_bytes().splitlines()) for name in _trees()}
    long = {name for name, lines in sizes.items() if lines > FILE_LINES_MAX}
    rows = [f"{name}: {sizes[name]} lines" for name in sorted(long - LONG_FILES.keys())]
    rows += [f"{name}: LONG_FILES need not name it any more" for name in sorted(LONG_FILES.keys() - long)]
    _fail_with(f"Files end at {FILE_LINES_MAX} lines; split where the second noun appears:", rows)


def _functions() -> Iterator[tuple[str, int]]:
    for name, tree in _trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_are_short() -> None:
    long = {name: lines for name, lines in _functions() if lines > FUNCTION_LINES_MAX}
    rows = [f"{name}: {lines} lines" for name, lines in sorted(long.items()) if name not in LONG_FUNCTIONS]
    rows += [f"{name}: LONG_FUNCTIONS need not name it any more" for name in sorted(LONG_FUNCTIONS.keys() - long)]
    _fail_with(f"Functions end at {FUNCTION_LINES_MAX} lines:", rows)


def test_nothing_swallows_a_cancellation() -> None:
    # Up to Python 3.11 `wait_for` returns instead, where what it waits for came at the same moment: a task that is to
    # end goes on, and whoever waits for its end waits for ever.
    users = [
        f"{name}:{node.lineno}"
        for name, tree in _trees().items()
        if not name.startswith("tests/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "wait_for" and ast.unparse(node.value) == "asyncio"
    ]
    _fail_with("Use asyncio.timeout, not asyncio.wait_for:", users)


def test_no_group_is_repeated_possessively() -> None:
    # Python before 3.11.5, so Debian 12's, does not go back where such a repetition fails half way: it matches wrongly.
    possessive = re.compile(r"\)(?:[*+?]|\{\d*,?\d*\})\+")
    rows = [
        f"{name}:{node.lineno}: {node.value!r}"
        for name, tree in _trees().items()
        if not name.startswith("tests/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        if possessive.search(node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value)
    ]
    _fail_with("Repeat a group without possession, (...)* for (...)*+, with possessive parts inside:", rows)


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    rows = [
        f"{_name(path)}:{number}: {line.strip()}"
        for suffix in (".py", ".md", ".sh", ".proto", ".toml")
        for path in _files((*CODE, "tests"), suffix)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if later.search(line)
    ]
    _fail_with("Do it, or write an issue:", rows)


def _code_folder(package: Path) -> Path:
    """The folder of a package that tests/unit names by its import name."""
    return ROOT / "proto" / package if package.parts[:1] in (("mail",), ("wire",)) else ROOT / package


def _tests_something(path: Path, unit: Path) -> bool:
    folder = _code_folder(path.relative_to(unit).parent)
    subjects = [module.stem for module in folder.glob("*.py")] + [child.name for child in folder.glob("*/")]
    about = path.stem.removeprefix("test_")
    return any(about == word or about.startswith(word + "_") for word in [*subjects, *WHOLE_PACKAGE])


def test_unit_tests_mirror_the_code() -> None:
    unit = ROOT / "tests" / "unit"
    strays = [_name(path) for path in unit.rglob("test_*.py") if not _tests_something(path, unit)]
    _fail_with("tests/unit/a/b/test_c.py tests a/b/c.py; these test no module:", sorted(strays))
