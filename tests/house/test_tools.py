"""One formatter, one linter, strict types, imports one way, generated code and locks current."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ops import generate

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
TOOL_S_MAX = 840  # mypy reads all of it anew in a fresh clone, beside whatever else the machine does

pytestmark = pytest.mark.timeout(TOOL_S_MAX + 60)


def check(cure: str, *command: str) -> None:
    """Run a tool at the root; when it complains, fail with its words and the cure, without a traceback."""
    environ = os.environ | {"PYTHONPATH": f"{ROOT / 'proto'}:{ROOT}", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=TOOL_S_MAX)
    if done.returncode:
        pytest.fail(f"{done.stdout}{done.stderr}\n{cure}", pytrace=False)


def test_format() -> None:
    check("Mend it with: ruff format .", str(TOOLS / "ruff"), "format", "--no-cache", "--diff", "--quiet", ".")


def test_lint() -> None:
    command = [str(TOOLS / "ruff"), "check", "--no-cache", "--output-format=concise", "."]
    check("Some mend themselves with: ruff check --fix .", *command)


def test_types() -> None:
    uncached = [] if os.access(ROOT, os.W_OK) else [f"--cache-dir={os.devnull}"]
    check("mypy --strict complains.", sys.executable, "-m", "mypy", *uncached)


def test_imports() -> None:
    check("The rules are in pyproject.toml, [tool.importlinter].", str(TOOLS / "lint-imports"), "--no-cache")


def test_generated_code_is_current(tmp_path: Path) -> None:
    fresh = {path: (tmp_path / path).read_text() for path in generate.generate(tmp_path)}
    committed = {path: (generate.SOURCE / path).read_text() for path in generate.generated(generate.SOURCE)}
    different = sorted(str(path) for path in fresh.keys() | committed.keys() if fresh.get(path) != committed.get(path))
    assert not different, "proto/wire has changed: run python -m ops.generate"


def test_the_description_of_the_api_is_current() -> None:
    assert generate.OPENAPI.read_text() == generate.openapi(), "run python -m ops.generate"


def _locked(name: str) -> dict[str, list[str]]:
    """Each package of a lock file with its versions (which one may depend on the Python)."""
    found: dict[str, list[str]] = {}
    for package, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", (ROOT / name).read_text()):
        found.setdefault(canonicalize_name(package), []).append(version)
    return found


@pytest.mark.parametrize(("lock", "extra"), [("requirements.lock", False), ("requirements-test.lock", True)])
def test_lock_holds_what_the_project_needs(lock: str, extra: bool) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"]["test"] if extra else [])
    locked = _locked(lock)
    unmet = [
        wish
        for wish in map(Requirement, wanted)
        if not (versions := locked.get(canonicalize_name(wish.name))) or not all(map(wish.specifier.contains, versions))
    ]
    assert not unmet, f"{lock} is older than pyproject.toml: run ops/lock.sh"


def test_locks_agree_and_name_no_index() -> None:
    run, test = _locked("requirements.lock"), _locked("requirements-test.lock")
    assert {name: versions for name, versions in test.items() if name in run} == run
    for name in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / name).read_text()
        assert not re.findall(r"(?m)^.*(?:https?://|file:|--index|--find-links).*$", text), name
