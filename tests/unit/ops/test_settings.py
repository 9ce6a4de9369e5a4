"""All settings together: what one part names, another must have."""

import pytest

from cluster.config import document, load
from cluster.errors import Misconfigured
from ops.settings import Settings

VIPS = '[[throttle]]\nname = "a"\nat = "mail"\nrate = "1/s"\nmatch = \'sender in list("vip")\'\n'


def test_the_defaults_are_printed_and_read_back() -> None:
    assert load(Settings, document(Settings), {}) == Settings()


def test_rules_name_lookups_that_are_there() -> None:
    with pytest.raises(Misconfigured) as caught:
        load(Settings, VIPS, {}, name="r.toml")
    assert caught.value.says == (
        "r.toml: the whole: throttle a: match: there is no lookup vip; write a table [lookup.vip]."
    )
    assert load(Settings, f'{VIPS}[lookup.vip]\nkind = "inline"', {}).lookup["vip"].kind == "inline"


def test_fallbacks_are_there() -> None:
    with pytest.raises(Misconfigured, match=r"lookup\.a\.fallback: there is no lookup b\."):
        load(Settings, '[lookup.a]\nkind = "inline"\nfallback = "b"', {})
