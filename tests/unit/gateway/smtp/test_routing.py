"""Where messages go: every account and address once, entries within the queue's bounds."""

from hypothesis import given
from hypothesis import strategies as st

from actors.queue.types import RECIPIENTS_BYTES_MAX, RECIPIENTS_MAX, Recipient
from gateway.smtp.routing import Onward, Taken, domain_of, held, routes
from mail.smtp.events import RcptTo


def away(address: str, **rcpt: object) -> Taken:
    return Taken(RcptTo(address, **rcpt), (), (address,))  # type: ignore[arg-type]


def test_accounts_and_entries_and_who_needs_which() -> None:
    plan = routes([
        Taken(RcptTo("list@here.test"), (1, 2), ("x@far.test",)),
        Taken(RcptTo("alice@here.test"), (1,)),
        away("y@FAR.test", notify=("NEVER",)),
        away("z@other.test"),
        away("x@far.test"),
    ])  # fmt: skip
    far, other = Onward("far.test", 0), Onward("other.test", 0)
    assert plan.accounts == (1, 2)
    assert plan.entries == {
        far: (Recipient("x@far.test", (), "rfc822;list@here.test"), Recipient("y@FAR.test", ("NEVER",))),
        other: (Recipient("z@other.test"),),
    }
    assert plan.needs == ((1, 2, far), (1,), (far,), (other,), (far,))


def test_the_original_recipient_is_kept_as_it_was_given() -> None:
    rcpt = RcptTo("list@here.test", orcpt="rfc822;first@there.test")
    plan = routes([Taken(rcpt, (), ("x@far.test",)), Taken(RcptTo("ü@here.test"), (), ("u@far.test",))])
    (names,) = plan.entries.values()
    assert [name.orcpt for name in names] == ["rfc822;first@there.test", "utf-8;ü@here.test"]


def test_domains_in_other_writing_and_literals() -> None:
    assert domain_of("a@Bücher.example") == "xn--bcher-kva.example"
    assert domain_of("a@[192.0.2.1]") == "[192.0.2.1]"
    assert domain_of("a@[IPv6:2001:DB8::1]") == "[ipv6:2001:db8::1]"
    assert domain_of('"a@b"@C.test') == "c.test"
    assert domain_of("a@" + "ü" * 300) != ""


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 250)), max_size=300))
def test_entries_stay_within_the_bounds_of_the_queue(names: list[tuple[int, int]]) -> None:
    addresses = ["a" * length + f"{number}@far.test" for number, length in names]
    plan = routes([away(address) for address in addresses])
    placed = [name.address for entry in plan.entries.values() for name in entry]
    assert sorted(placed) == sorted(set(addresses))
    for entry in plan.entries.values():
        assert len(entry) <= RECIPIENTS_MAX
        assert sum(len(name.address) for name in entry) <= RECIPIENTS_BYTES_MAX
    assert len(plan.needs) == len(addresses)


def test_original_recipients_take_room_too() -> None:
    plan = routes([away(f"a{n}@far.test", orcpt="rfc822;" + "o" * 480) for n in range(RECIPIENTS_MAX)])
    assert sum(map(len, plan.entries.values())) == RECIPIENTS_MAX
    for names in plan.entries.values():
        assert sum(len(one.address) + len(one.orcpt) for one in names) <= RECIPIENTS_BYTES_MAX - 320


def test_what_is_held_waits_for_the_address_that_was_asked_for() -> None:
    (one,) = held([Taken(RcptTo("old@here.test"), (1,), (), "new@here.test")])
    assert one.elsewhere == ("new@here.test",)
