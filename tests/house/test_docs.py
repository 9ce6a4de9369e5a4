"""The pages for people: what they point at is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"(?ms)^```.*?^```|`[^`\n]*`")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")


def _pages() -> Iterator[Path]:
    yield from sorted(ROOT.glob("*.md"))
    for folder in ("proto", "cluster", "actors", "gateway", "ops", "tests"):
        yield from sorted((ROOT / folder).rglob("*.md"))


def _anchors(page: Path) -> set[str]:
    """The names a page's headings have as anchors, as forges make them."""
    headings = re.findall(r"(?m)^#+\s+(.*?)\s*$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken(page: Path) -> Iterator[str]:
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z+.-]+:", target):
            continue  # another site's
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        if not to.exists() or (anchor and to.suffix == ".md" and anchor not in _anchors(to)):
            yield f"{page.relative_to(ROOT)}: {target}"


def test_every_link_leads_somewhere() -> None:
    pages = list(_pages())
    assert ROOT / "README.md" in pages
    if broken := [row for page in pages for row in _broken(page)]:
        pytest.fail("\n  ".join(["Links that lead nowhere:", *broken]), pytrace=False)


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "ops/docs/decisions"
    index = (folder / "README.md").read_text()
    missing = [page.name for page in folder.glob("[0-9]*.md") if f"]({page.name})" not in index]
    assert not missing, "add them to ops/docs/decisions/README.md"
