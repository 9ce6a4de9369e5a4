"""Codes, grants and their tokens, devices: what works once, what ends what, and what is bounded."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.directory import devices, granting, keys
from actors.directory.authorizations import REMEMBERED_S, Authorizations, AuthorizationSettings
from actors.directory.client import DirectoryClient, DirectorySettings
from actors.directory.devices import Wait
from actors.directory.granting import Refusal, Tokens, challenge_of
from actors.directory.scopes import MAIL, OFFLINE
from cluster.clock import ManualClock
from cluster.errors import Misconfigured, Unavailable
from cluster.meta.memory import MemoryStore

ALICE = "alice@example.test"
CLIENT = "a program"
URI = "http://127.0.0.1/back"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
SCOPES = ("imap", "smtp", OFFLINE)


def authorizations(store: MemoryStore, clock: ManualClock, seed: int = 5) -> Authorizations:
    return Authorizations(store, clock, random.Random(seed), AuthorizationSettings(issuer="https://mail.example.test"))


class Program:
    """One that alice lets in."""

    def __init__(self, given: Authorizations, account: int) -> None:
        self.given = given
        self.account = account

    async def code(self, scopes: tuple[str, ...] = SCOPES, client: str = CLIENT) -> str:
        return await self.given.new_code(self.account, client, "Program", URI, challenge_of(VERIFIER), scopes)

    async def redeem(self, code: str, **other: Any) -> Tokens | None:
        asked = {"client_id": CLIENT, "redirect_uri": URI, "verifier": VERIFIER} | other
        return await self.given.redeem(code=code, **asked)

    async def tokens(self, scopes: tuple[str, ...] = SCOPES) -> Tokens:
        found = await self.redeem(await self.code(scopes))
        assert found is not None
        return found

    async def refreshed(self, token: str, *wanted: str) -> Tokens:
        found = await self.given.refresh(CLIENT, token, wanted)
        assert isinstance(found, Tokens)
        return found


@pytest.fixture
async def program(directory: DirectoryClient, store: MemoryStore, clock: ManualClock) -> Program:
    return Program(authorizations(store, clock), (await directory.get_account(ALICE)).id)


def test_the_example_of_pkce() -> None:
    """RFC 7636 appendix B."""
    assert challenge_of(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_code_gives_tokens(program: Program, clock: ManualClock) -> None:
    tokens = await program.tokens()
    assert (tokens.scopes, tokens.expires_s) == (SCOPES, 3600)
    assert tokens.access not in repr(tokens)
    found = await program.given.access(tokens.access)
    assert found is not None
    assert (found.account, found.scopes) == (program.account, SCOPES)
    clock.advance(3600)
    assert await program.given.access(tokens.access) is None


@pytest.mark.parametrize(
    "other",
    [{"client_id": "another"}, {"redirect_uri": URI + "/"}, {"verifier": VERIFIER[:-1]}, {"verifier": ""}],
)
async def test_a_code_of_something_else_gives_nothing_and_then_never(program: Program, other: dict[str, str]) -> None:
    code = await program.code()
    assert await program.redeem(code, **other) is None
    assert await program.redeem(code) is None


async def test_a_code_is_good_for_a_minute(program: Program, clock: ManualClock) -> None:
    code = await program.code()
    clock.advance(60)
    assert await program.redeem(code) is None


async def test_a_code_used_again_ends_what_was_made_from_it(program: Program) -> None:
    code = await program.code()
    tokens = await program.redeem(code)
    assert tokens is not None
    refreshed = await program.refreshed(tokens.refresh)
    assert await program.redeem(code) is None
    assert await program.given.access(tokens.access) is None
    assert await program.given.access(refreshed.access) is None
    assert await program.given.refresh(CLIENT, refreshed.refresh) is Refusal.GRANT


async def test_codes_that_wait_are_few_and_the_oldest_goes(
    program: Program, store: MemoryStore, clock: ManualClock
) -> None:
    codes = []
    for _ in range(granting.CODES_MAX + 1):
        codes.append(await program.code())
        clock.ms += 1
    assert len(await store.range(*keys.codes(program.account))) == granting.CODES_MAX
    assert await program.redeem(codes[0]) is None
    assert await program.redeem(codes[1]) is not None
    clock.advance(4000)
    await program.code()
    assert len(await store.range(*keys.codes(program.account))) == 1


async def test_no_refresh_token_without_being_asked_for(program: Program) -> None:
    tokens = await program.tokens(("imap",))
    assert tokens.refresh == ""


async def test_a_refresh_token_turns(program: Program, clock: ManualClock) -> None:
    first = await program.tokens()
    clock.advance(100)
    second = await program.refreshed(first.refresh)
    assert second.refresh != first.refresh
    clock.advance(100)
    third = await program.refreshed(second.refresh)
    for tokens in (first, second, third):
        assert await program.given.access(tokens.access) is not None


async def test_a_refresh_token_used_again_ends_all(program: Program, clock: ManualClock) -> None:
    first = await program.tokens()
    second = await program.refreshed(first.refresh)
    clock.advance(31)
    assert await program.given.refresh(CLIENT, first.refresh) is Refusal.GRANT
    assert await program.given.refresh(CLIENT, second.refresh) is Refusal.GRANT
    assert await program.given.access(second.access) is None
    assert await program.given.grants(program.account) == []


async def test_an_answer_may_be_lost_but_not_both_be_used(program: Program, clock: ManualClock) -> None:
    first = await program.tokens()
    lost = await program.refreshed(first.refresh)
    clock.advance(10)
    again = await program.refreshed(first.refresh)
    assert await program.given.refresh(CLIENT, lost.refresh) is Refusal.GRANT
    assert await program.given.refresh(CLIENT, again.refresh) is Refusal.GRANT


async def test_the_grace_does_not_grow(program: Program, clock: ManualClock) -> None:
    first = await program.tokens()
    await program.refreshed(first.refresh)
    for _ in range(2):
        clock.advance(14)
        await program.refreshed(first.refresh)
    clock.advance(3)
    assert await program.given.refresh(CLIENT, first.refresh) is Refusal.GRANT


@pytest.mark.parametrize("client", ["", "another"])
async def test_a_refresh_token_is_one_programs(program: Program, client: str) -> None:
    tokens = await program.tokens()
    assert await program.given.refresh(client, tokens.refresh) is Refusal.GRANT
    assert isinstance(await program.given.refresh(CLIENT, tokens.refresh), Tokens)


async def test_less_may_be_asked_for_and_never_more(program: Program) -> None:
    tokens = await program.tokens()
    narrow = await program.refreshed(tokens.refresh, "imap")
    found = await program.given.access(narrow.access)
    assert found is not None
    assert found.scopes == ("imap",)
    assert await program.given.refresh(CLIENT, narrow.refresh, ("imap", "jmap")) is Refusal.SCOPE
    whole = await program.refreshed(narrow.refresh)  # it was not used up
    assert whole.scopes == SCOPES
    mail = await program.tokens((MAIL, OFFLINE))
    assert (await program.refreshed(mail.refresh, "jmap")).scopes == ("jmap",)


async def test_a_grant_that_is_not_used_ends(program: Program, clock: ManualClock) -> None:
    tokens = await program.tokens()
    clock.advance(89 * 86_400)
    tokens = await program.refreshed(tokens.refresh)
    clock.advance(90 * 86_400)
    assert await program.given.refresh(CLIENT, tokens.refresh) is Refusal.GRANT
    assert await program.given.grants(program.account) == []


async def test_revoking_a_token_ends_its_grant_for_its_program_alone(program: Program) -> None:
    for which in ("access", "refresh"):
        tokens = await program.tokens()
        await program.given.revoke("another", getattr(tokens, which))
        assert await program.given.access(tokens.access) is not None
        await program.given.revoke(CLIENT, getattr(tokens, which))
        assert await program.given.access(tokens.access) is None
        assert await program.given.refresh(CLIENT, tokens.refresh) is Refusal.GRANT
    await program.given.revoke(CLIENT, "nothing")


async def test_a_refresh_token_whose_successor_was_lost_can_be_given_back(program: Program) -> None:
    tokens = await program.tokens()
    lost = await program.refreshed(tokens.refresh)
    await program.given.revoke("another", tokens.refresh)
    assert await program.given.access(lost.access) is not None
    await program.given.revoke(CLIENT, tokens.refresh[:-4] + "AAAA")
    assert await program.given.access(lost.access) is None
    assert await program.given.refresh(CLIENT, lost.refresh) is Refusal.GRANT


async def test_what_is_revoked_elsewhere_ends_within_seconds(
    program: Program, store: MemoryStore, clock: ManualClock
) -> None:
    tokens = await program.tokens()
    there = authorizations(store, clock, seed=6)
    assert await there.access(tokens.access) is not None
    await program.given.revoke(CLIENT, tokens.access)
    assert await program.given.access(tokens.access) is None
    clock.advance(REMEMBERED_S)
    assert await there.access(tokens.access) is None


async def test_another_password_ends_every_grant(
    program: Program, directory: DirectoryClient, clock: ManualClock
) -> None:
    tokens, code = await program.tokens(), await program.code()
    await directory.set_password(ALICE, "other")
    clock.advance(REMEMBERED_S)
    assert await program.given.access(tokens.access) is None
    assert await program.redeem(code) is None


async def test_grants_are_bounded_and_the_least_used_goes(program: Program, clock: ManualClock) -> None:
    first, second = await program.tokens(), await program.tokens()
    clock.advance(100)
    first = await program.refreshed(first.refresh)
    for _ in range(granting.GRANTS_MAX - 1):
        clock.advance(1)
        await program.tokens()
    assert len(await program.given.grants(program.account)) == granting.GRANTS_MAX
    assert await program.given.access(first.access) is not None
    assert await program.given.refresh(CLIENT, second.refresh) is Refusal.GRANT


async def test_a_grant_has_few_tokens_at_once(program: Program) -> None:
    tokens = [await program.tokens()]
    for _ in range(granting.ACCESS_MAX):
        tokens.append(await program.refreshed(tokens[-1].refresh))
    assert [await program.given.access(one.access) is not None for one in tokens] == [False] + [
        True
    ] * granting.ACCESS_MAX


async def test_grants_are_shown_with_their_last_day_and_ended_one_by_one(program: Program, clock: ManualClock) -> None:
    await program.tokens()
    clock.advance(86_400)
    tokens = await program.tokens()
    one, other = await program.given.grants(program.account)
    assert (one.client_name, one.scopes) == ("Program", SCOPES)
    assert await program.given.remove_grant(program.account, one.id)
    assert not await program.given.remove_grant(program.account, one.id)
    assert await program.given.access(tokens.access) is None
    assert await program.given.grants(program.account) == [other]


async def test_the_use_of_a_token_is_noted_once_a_day(program: Program, clock: ManualClock) -> None:
    tokens = await program.tokens()
    began = clock.now_ms()
    clock.ms = (began // 86_400_000 + 1) * 86_400_000 + 5
    tokens = await program.refreshed(tokens.refresh)
    (grant,) = await program.given.grants(program.account)
    assert grant.used_ms == clock.now_ms()


async def test_no_token_is_kept(program: Program, store: MemoryStore) -> None:
    code = await program.code()
    tokens = await program.redeem(code)
    assert tokens is not None
    kept = b"".join(value for _, value in await store.range(*keys.proofs(program.account)))
    for text in (code, tokens.access, tokens.refresh):
        from actors.directory import opaque  # the parts of it, as they are handed out

        read = next(filter(None, (opaque.read(text, kind) for kind in opaque.Kind)))
        assert read.secret[:24] not in kept
        assert read.secret[24:] == b"" or read.secret[24:] not in kept


async def test_a_token_opens_its_services_through_the_directory(
    store: MemoryStore, clock: ManualClock, directory: DirectoryClient
) -> None:
    own = AuthorizationSettings(issuer="https://mail.example.test")
    here = DirectoryClient(store, clock, random.Random(7), DirectorySettings(authorization=own))
    account = (await directory.get_account(ALICE)).id
    await directory.add_account("bob@example.test", "demo")
    token = (await Program(here.authorizations, account).tokens(("imap",))).access
    assert here.takes_tokens
    assert here.token_help("imap") == ("imap", "https://mail.example.test/.well-known/oauth-authorization-server")
    for service, login, right in (
        ("imap", ALICE, True),
        ("imap", "", True),
        ("imap", "bob@example.test", False),
        ("imap", "nobody@example.test", False),
        ("smtp", ALICE, False),
        ("", ALICE, False),
    ):
        assert (await here.token(login, token, service) is not None) == right, (service, login)
    assert await here.token("", "rka_", "imap") is None
    await directory.set_disabled(ALICE, True)
    clock.advance(0.6)
    assert await here.token(ALICE, token, "imap") is None
    here.close()


@pytest.mark.parametrize(
    "issuer", ["http://a.test", "https://", "https://a.test/", "https://a.test?x", "a.test", "https://ä.test"]
)
def test_an_issuer_is_a_host(issuer: str, store: MemoryStore, clock: ManualClock) -> None:
    with pytest.raises(Misconfigured, match="is not https://HOST"):
        Authorizations(store, clock, random.Random(1), AuthorizationSettings(issuer=issuer))


async def test_a_device_is_let_in(program: Program, clock: ManualClock) -> None:
    pending = await program.given.new_device(CLIENT, "Program", SCOPES)
    assert len(pending.user_code) == 9
    assert set(pending.user_code) - {"-"} <= set(devices.LETTERS)
    poll = program.given.poll
    assert await poll(CLIENT, pending.device_code) is Wait.PENDING
    clock.advance(1)
    assert await poll(CLIENT, pending.device_code) is Wait.SLOWER
    clock.advance(9)
    assert await poll(CLIENT, pending.device_code) is Wait.SLOWER  # now ten seconds are to pass
    clock.advance(15)
    assert await poll(CLIENT, pending.device_code) is Wait.PENDING
    typed = f" {pending.user_code.lower().replace('-', ' ')}"
    device = await program.given.device(typed)
    assert device is not None
    assert device.scopes == SCOPES
    assert await program.given.decide(typed, program.account, allowed=True)
    assert not await program.given.decide(typed, program.account, allowed=True)
    assert await program.given.device(typed) is None
    assert await poll("another", pending.device_code) is None
    assert await poll(CLIENT, pending.device_code[:-1] + "x") is None
    tokens = await poll(CLIENT, pending.device_code)
    assert isinstance(tokens, Tokens)
    assert await program.given.access(tokens.access) is not None
    assert await poll(CLIENT, pending.device_code) is Wait.EXPIRED


async def test_another_password_turns_a_device_away(program: Program, directory: DirectoryClient) -> None:
    pending = await program.given.new_device(CLIENT, "Program", SCOPES)
    assert await program.given.decide(pending.user_code, program.account, allowed=True)
    await directory.set_password(ALICE, "other")
    assert await program.given.poll(CLIENT, pending.device_code) is Wait.EXPIRED
    assert await program.given.grants(program.account) == []


async def test_a_device_is_turned_away_or_too_late(program: Program, clock: ManualClock) -> None:
    denied = await program.given.new_device(CLIENT, "Program", SCOPES)
    late = await program.given.new_device(CLIENT, "Program", SCOPES)
    assert await program.given.decide(denied.user_code, program.account, allowed=False)
    assert await program.given.poll(CLIENT, denied.device_code) is Wait.DENIED
    clock.advance(600)
    assert not await program.given.decide(late.user_code, program.account, allowed=True)
    assert await program.given.poll(CLIENT, late.device_code) is Wait.EXPIRED
    for wrong in ("", "x", "rkd_", late.device_code + "0", "rkd_AAAAAAAA" + "0" * 48):
        assert await program.given.poll(CLIENT, wrong) is None
    assert not await program.given.decide("no code", program.account, allowed=True)


async def test_devices_that_wait_are_bounded_and_forgotten(
    program: Program, store: MemoryStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "DEVICES_MAX", 3)
    for _ in range(3):
        await program.given.new_device(CLIENT, "Program", SCOPES)
    with pytest.raises(Unavailable, match="wait to be let in"):
        await program.given.new_device(CLIENT, "Program", SCOPES)
    clock.advance(600)
    await program.given.new_device(CLIENT, "Program", SCOPES)
    assert len(await store.range(b"dy", b"e")) == 2


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("refresh"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.sampled_from([1, 29, 31, 4000])),
        st.tuples(st.just("redeem"), st.just(0)),
        st.tuples(st.just("revoke"), st.integers(0, 30)),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_at_most_one_line_of_refresh_tokens_lives(steps: list[tuple[str, int]]) -> None:
    """Whatever two holders of a grant's tokens do in whatever order: of all refresh tokens handed out at most the
    newest and, for GRACE_MS, the one before it give tokens; once anything else is tried, or revoked, nothing does."""
    clock = ManualClock()
    store = MemoryStore(clock=clock, dice=random.Random(1))
    directory = DirectoryClient(store, clock, random.Random(2))
    await directory.add_domain("example.test")
    await directory.add_shared_account(ALICE)
    program = Program(authorizations(store, clock), (await directory.get_account(ALICE)).id)
    code = await program.code()
    tokens = await program.redeem(code)
    assert tokens is not None
    chain, turned, before, alive = [tokens], clock.ms, -1, True
    for what, number in steps:
        if what == "wait":
            clock.advance(number)
        elif what == "redeem":
            assert await program.redeem(code) is None
            alive = alive and len(await program.given.grants(program.account)) > 0
            if clock.ms - ManualClock().ms < granting.CODE_MS + granting.USED_MS:
                assert not await program.given.grants(program.account)
        elif what == "revoke":
            await program.given.revoke(CLIENT, chain[number % len(chain)].refresh)
            alive = False
        else:
            at = number % len(chain)
            newest, graced = at == len(chain) - 1, at == before and clock.ms - turned < granting.GRACE_MS
            found = await program.given.refresh(CLIENT, chain[at].refresh)
            assert isinstance(found, Tokens) == (alive and (newest or graced))
            alive = isinstance(found, Tokens)
            if isinstance(found, Tokens):
                chain.append(found)
                if newest:
                    before, turned = at, clock.ms
        if not alive:
            assert await program.given.grants(program.account) == []
            for one in chain:
                assert await program.given.access(one.access) is None
    directory.close()
    await store.close()
