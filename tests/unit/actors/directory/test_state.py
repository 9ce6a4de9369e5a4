"""Where addresses lead: the cases of resolution.toml, and that every resolution ends, within its bounds, the same."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.directory.state import ADDRESSES_MAX, DEPTH_MAX, Defaults, may_send_as, resolve
from actors.directory.types import Local, NotLocal, Unknown, Why
from tests.unit.actors.directory.table import TableDirectory

TABLE = tomllib.loads((Path(__file__).parent / "resolution.toml").read_text())


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["to"])
def test_an_address_leads_where_the_table_says(case: dict[str, Any]) -> None:
    directory = TableDirectory(TABLE["directory"])
    found = directory.run(resolve(case["to"], directory.defaults))
    if "unknown" in case:
        assert found == Unknown(Why[case["unknown"]])
    elif "not_local" in case:
        assert found == NotLocal(case["not_local"])
    else:
        assert isinstance(found, Local)
        assert [target.account for target in found.targets] == [directory.numbers[name] for name in case["local"]]
        assert found.detail == case.get("detail", "")
        assert [skipped.address for skipped in found.skipped] == case.get("skipped", [])
        assert list(found.elsewhere) == case.get("elsewhere", [])


@pytest.mark.parametrize("case", TABLE["sending"], ids=lambda case: case["as"])
def test_who_may_send_as_what(case: dict[str, Any]) -> None:
    directory = TableDirectory(TABLE["directory"])
    allowed = [name for name, n in directory.numbers.items() if directory.run(may_send_as(n, case["as"]))]
    assert allowed == case["accounts"]


def test_an_address_without_domain_is_of_the_default_domain() -> None:
    directory = TableDirectory(TABLE["directory"])
    assert isinstance(directory.run(resolve("Postmaster", Defaults(domain="example.test"))), Local)


def test_the_target_is_the_address_reached() -> None:
    directory = TableDirectory(TABLE["directory"])
    found = directory.run(resolve("AL+x@example.test", directory.defaults))
    assert isinstance(found, Local)
    assert found.targets[0].address == "al@example.test"


def test_a_list_without_members_says_so() -> None:
    directory = TableDirectory({"domains": [{"name": "a.test"}], "lists": {"empty@a.test": []}})
    assert directory.run(resolve("empty@a.test", Defaults())) == Unknown(Why.NO_MEMBERS)


def test_too_many_addresses_are_refused_whole() -> None:
    lists = {f"l{i}@a.test": [f"u{i}-{j}@a.test" for j in range(1000)] for i in range(3)}
    table = {"domains": [{"name": "a.test"}], "lists": lists | {"all@a.test": list(lists)}}
    directory = TableDirectory(table)
    assert ADDRESSES_MAX < 3000
    assert directory.run(resolve("all@a.test", Defaults())) == Unknown(Why.TOO_MANY)


NAMES = [f"{local}@{domain}" for local in ("a", "b", "c", "d", "a+b") for domain in ("x.test", "y.test", "far.test")]
OURS = [name for name in NAMES if "far" not in name]
LED_TO = st.dictionaries(st.sampled_from(OURS), st.lists(st.sampled_from(NAMES), max_size=4), max_size=6)
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "pattern": st.sampled_from(["(.*)", "(a)@.*", "(.)@x.test", "(.*)@(.*)"]),
            "replacement": st.sampled_from(["a@y.test", "b@x.test", "${0}x", "${1}@x.test", "${1}@far.test", "${1}"]),
        }
    ),
    max_size=3,
)
DOMAIN = st.fixed_dictionaries(
    {
        "catch_all": st.sampled_from(["", *NAMES]),
        "admin": st.sampled_from(["", *NAMES]),
        "case_sensitive": st.booleans(),
        "rewrites": RULES,
    }
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(DOMAIN, DOMAIN), LED_TO, LED_TO, LED_TO, st.sampled_from([*NAMES, "postmaster@x.test"]))
def test_every_resolution_ends_within_its_bounds_and_the_same_each_time(
    domains: tuple[dict[str, Any], ...], aliases: Any, lists: Any, groups: Any, text: str
) -> None:
    """Promise: whatever points where, there is an answer after a bounded number of questions, always the same."""
    rows = [{"name": name, **rest} for name, rest in zip(("x.test", "y.test"), domains, strict=True)]
    accounts = {"one": ["a@x.test"], "two": ["c@y.test"]}
    table = {"domains": rows, "accounts": accounts, "aliases": aliases, "lists": lists, "groups": groups}
    first, second = TableDirectory(table), TableDirectory(table)
    found = first.run(resolve(text, Defaults()))
    assert first.asked <= 3 + 2 * DEPTH_MAX
    assert found == second.run(resolve(text, Defaults()))
    if isinstance(found, Local):
        accounts_found = [target.account for target in found.targets]
        assert accounts_found or found.elsewhere
        assert len(set(accounts_found)) == len(accounts_found)
