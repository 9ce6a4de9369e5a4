"""All settings together: what one part names, another must have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import msgspec
import pytest

from cluster.config import document, load
from cluster.config.shapes import shape_of
from cluster.errors import Misconfigured
from gateway.facts import MOMENTS
from ops.settings import Settings

VIPS = '[[throttle]]\nname = "a"\nat = "mail"\nrate = "1/s"\nmatch = \'sender in list("vip")\'\n'


def test_the_defaults_are_printed_and_read_back() -> None:
    assert load(Settings, document(Settings), {}) == Settings()


def test_rules_name_lookups_that_are_there() -> None:
    with pytest.raises(Misconfigured) as caught:
        load(Settings, VIPS, {}, name="r.toml")
    assert caught.value.says == ("r.toml: throttle a: match: there is no lookup vip; write a table [lookup.vip].")
    assert load(Settings, f'{VIPS}[lookup.vip]\nkind = "inline"', {}).lookup["vip"].kind == "inline"


def test_fallbacks_are_there() -> None:
    with pytest.raises(Misconfigured, match=r"lookup\.a\.fallback: there is no lookup b\."):
        load(Settings, '[lookup.a]\nkind = "inline"\nfallback = "b"', {})


def choices(struct: Any, path: str = "", brackets: str = "[{}]") -> Iterator[tuple[str, str, str]]:
    """Where rules may be: the table, the moment of its rules, and the setting."""
    for field in msgspec.structs.fields(struct):
        shape = shape_of(field.type)
        below = f"{path}.{field.encode_name}" if path else field.encode_name
        if shape.kind == "choice":
            yield brackets.format(path), get_origin(shape.core).__name__.removeprefix("At").lower(), field.encode_name
        elif shape.kind == "struct":
            yield from choices(shape.core, below, brackets)
        elif shape.item is not None and shape_of(shape.item).kind == "struct":
            yield from choices(shape_of(shape.item).core, below, "[[{}]]" if shape.kind == "list" else "[{}.NAME]")


def test_the_documentation_has_every_setting_that_takes_rules() -> None:
    rows: dict[tuple[str, str], list[str]] = {}
    for table, moment, name in choices(Settings):
        assert moment in MOMENTS
        rows.setdefault((table, moment), []).append(f"`{name}`")
    wanted = [f"| `{table}` | {moment} | {', '.join(names)} |" for (table, moment), names in rows.items()]
    page = Path(__file__).resolve().parents[3] / "ops" / "docs" / "rules.md"
    told = re.findall(r"^\| `\[.*$", page.read_text(), re.MULTILINE)
    assert told == wanted, "\n".join(["The table should be:", *wanted])


def test_lists_that_rules_choose_are_printed_and_read_as_lists() -> None:
    text = document(Settings)
    assert "\nretry = [300, 600, 1200, 1800, 3600, 7200, 14400]\n" in text
    assert '\nmechanisms = ["SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]\n' in text
    assert '(one of "everybody", "authenticated", "nobody"; or rules; default: "everybody")\npipelining' in text
    plain = load(Settings, '[smtp.offer]\nmechanisms = ["PLAIN"]\n[queue.schedule]\nretry = [5]', {})
    assert plain.smtp.offer.mechanisms.values == (("PLAIN",),)
    assert plain.queue.schedule.retry.values == ((5,),)
