"""Settings that are values or rules: which is picked, why, and what is refused when they are loaded."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
import pytest
from msgspec import Meta

from cluster.config import Secret, document, load
from cluster.errors import Misconfigured
from cluster.rules.choice import Choice, Picked, choices_in
from cluster.rules.facts import NOT_THERE, TO_ASK, Facts, Missing, Tools

T = TypeVar("T")


class Mine(Choice[T]):
    variables = {"sender": str, "size": int, "is_tls": bool, "names": tuple[str, ...]}


class Inner(msgspec.Struct, frozen=True):
    pause_s: Mine[float] = Mine.of(1.5)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    spf: Annotated[Mine[Literal["off", "relaxed"]], Meta(description="How SPF is used.")] = Mine.of("relaxed")
    tries: Mine[Annotated[int, Meta(ge=1)]] = Mine.of(3)
    to: Mine[str] = Mine.of("")
    hosts: Mine[tuple[str, ...]] = Mine.of(())
    password: Mine[Secret] = Mine.of(Secret())
    relay: Mine[str | None] = Mine.of(None)
    inner: Inner = Inner()
    more: tuple[Inner, ...] = ()


def read(text: str, **environ: str) -> Settings:
    return load(Settings, text, environ, name="rookery.toml")


def facts(tools: Tools | None = None, **known: Any) -> Facts:
    return Facts(tools or Tools(), **({"sender": "a@b.org", "size": 9, "is_tls": False, "names": ("n", "m")} | known))


def test_a_plain_value_is_given_whatever_the_facts() -> None:
    settings = read('spf = "off"\ntries = 5\nhosts = ["a", "b"]')
    assert (settings.spf.pick({}), settings.tries.pick({}), settings.hosts.pick({})) == ("off", 5, ("a", "b"))
    assert settings.spf.pick_with_reason({}) == Picked("off", -1, "")
    assert settings.spf.is_plain


def test_the_first_rule_that_holds_counts() -> None:
    choice = read('tries = [{ if = "size > 10", then = 1 }, { if = "is_tls", then = 2 }, { else = 9 }]').tries
    assert choice.pick_with_reason(facts(size=11, is_tls=True)) == Picked(1, 0, "size > 10")
    assert choice.pick_with_reason(facts(is_tls=True)) == Picked(2, 1, "is_tls")
    assert choice.pick_with_reason(facts()) == Picked(9, 2, "else")
    assert choice.values == (1, 2, 9)
    assert not choice.is_plain


def test_texts_are_filled_from_the_last_pattern_and_the_facts() -> None:
    text = r"""
    to = [
        { if = 'sender.matches("^(x)") || sender.matches("^(.+)@(.+)$") && size > 1', then = FILLED },
        { else = "${sender}" },
    ]
    """
    choice = read(text.replace("FILLED", '"${2}!${1} $${1} ${size} ${names} ${is_tls}"')).to
    assert choice.pick(facts()) == "b.org!a ${1} 9 n,m false"
    assert choice.pick(facts(size=0)) == "a@b.org"  # what matched in a rule that did not hold is forgotten
    assert choice.pick(facts(sender="xy", size=2)) == "!x ${1} 2 n,m false"


def test_what_is_not_known_is_filled_with_nothing() -> None:
    assert read('to = [{ else = "<${sender}>" }]').to.pick({}) == "<>"


def test_a_secret_is_not_shown() -> None:
    settings = read('password = [{ if = "is_tls", then = "hunter2" }, { else = "hunter3" }]')
    assert "hunter" not in repr(settings)
    assert "hunter" not in repr(read('password = "hunter2"'))


def test_only_rules_of_texts_are_filled() -> None:
    assert read('to = "${sender}"').to.pick(facts()) == "${sender}"


def test_a_rule_that_fails_is_told_and_does_not_hold() -> None:
    tools = Tools()
    choice = read('tries = [{ if = "1 / size == 1", then = 1 }, { else = 9 }]').tries
    assert choice.pick(facts(tools, size=0)) == 9
    assert choice.pick({}) == 9
    assert tools.failures._value.get() == 1


class Tables:
    def find(self, name: str, key: str) -> str | Missing:
        return TO_ASK

    async def ask(self, name: str, key: str) -> str | Missing:
        return "v" if key == "a@b.org" else NOT_THERE


async def test_a_choice_waits_for_its_lookups_where_it_may() -> None:
    tools = Tools(Tables())
    choice = read(
        """tries = [{ if = 'sender in list("l") && lookup("l", sender) == "v"', then = 1 }, { else = 9 }]"""
    ).tries
    assert choice.tables == {"l"}
    assert await choice.choose(facts(tools)) == 1
    assert await choice.choose(facts(tools, sender="other")) == 9
    assert (tools.failures._value.get(), choice.pick(facts(tools)), tools.failures._value.get()) == (0, 9, 1)
    assert await read("").tries.choose(facts(tools)) == 3


def test_all_choices_are_found() -> None:
    paths = [path for path, _choice in choices_in(read("[[more]]\n[[more]]"))]
    assert paths[-3:] == ["inner.pause_s", "more[0].pause_s", "more[1].pause_s"]
    assert len(paths) == 9


def test_choices_are_printed_and_read_back() -> None:
    class Ruled(msgspec.Struct, frozen=True):
        spf: Annotated[Mine[Literal["off", "on"]], Meta(description="How.")] = Mine.decode(
            Mine[Literal["off", "on"]], [{"if": 'sender == "a"', "then": "off"}, {"else": "on"}], msgspec.convert
        )

    text = document(Ruled)
    assert '# How.\n# (one of "off", "on"; or rules; default: [{ "if" = "sender' in text
    assert load(Ruled, text, {}) == Ruled()
    assert load(Settings, document(Settings), {}) == Settings()
    assert "(a number, in seconds; or rules; default: 1.5)" in document(Inner)


def test_values_may_come_from_the_environment() -> None:
    settings = read(
        'tries = { env = "N" }\npassword = [{ if = "is_tls", then = { env = "PW" } }, { else = "" }]', N="7", PW="x"
    )
    assert settings.tries.pick({}) == 7
    assert settings.password.pick(facts(is_tls=True)).reveal() == "x"


NO_TRUTH = (
    "tries[0].if: the rule «size» is wrong at character 1: it gives a whole number; it must give true or false; "
    "compare it with something."
)
NO_X = (
    "inner.pause_s[0].if: the rule «x» is wrong at character 1: there is no x here; there are is_tls, names, "
    "sender, size."
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('spf = "on"', 'spf: expected one of "off", "relaxed", found the text "on".'),
        ("tries = 0", "tries: expected a whole number, at least 1, found the number 0."),
        ("tries = [{ else = 0 }]", "tries[0].else: expected a whole number, at least 1, found the number 0."),
        ('tries = [{ if = "is_tls", then = "a" }, { else = 1 }]',
         'tries[0].then: expected a whole number, at least 1, found the text "a".'),
        ('tries = [{ if = "is_tls", then = 1 }]',
         "tries: its last entry must be { else = … }, so that there is always a value."),
        ("tries = [{ else = 1 }, { else = 2 }]", "tries[0]: an else comes last."),
        ('tries = [{ when = "is_tls", then = 1 }, { else = 2 }]',
         'tries[0]: write { if = "…", then = … } or { else = … }.'),
        ("tries = [{ if = true, then = 1 }, { else = 2 }]", "tries[0].if: a rule is a text in quotes."),
        ('tries = [{ if = "size", then = 1 }, { else = 2 }]',
         NO_TRUTH),
        ('tries = [{ if = "sise > 1", then = 1 }, { else = 2 }]',
         "tries[0].if: the rule «sise > 1» is wrong at character 1: there is no sise here; did you mean size?."),
        ('to = [{ if = "is_tls", then = "${1}" }, { else = "" }]',
         "to[0].then: at character 1: there is no group 1: no pattern of the rule captures anything."),
        ("""to = [{ if = 'sender.matches("(a)")', then = "a${2}" }, { else = "" }]""",
         "to[0].then: at character 2: there is no group 2: the rule's patterns capture 1."),
        ('to = [{ else = "${sendr}" }]', "to[0].else: at character 1: there is no sendr here; did you mean sender?."),
        ('to = [{ else = "${" }]', "to[0].else: at character 1: ${ has no end; write $${ for the signs themselves."),
        ('[inner]\npause_s = [{ if = "x", then = 1.0 }, { else = 2.0 }]',
         NO_X),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(text)
    assert caught.value.says == f"rookery.toml: {says}"


def test_too_many_rules_are_refused() -> None:
    rules = ", ".join(['{ if = "is_tls", then = 1 }'] * 200)
    with pytest.raises(Misconfigured, match="more than 200 rules"):
        read(f"tries = [{rules}, {{ else = 2 }}]")


def test_the_facts_that_a_choice_reads_are_those_of_its_tests_and_of_what_it_says() -> None:
    settings = read("""to = [{ if = 'size > 1', then = "550 ${sender} $${is_tls}" }, { else = "" }]""")
    assert settings.to.names == {"size", "sender"}
