"""The record of changes: complete, bounded, without secrets."""

import asyncio
import random
from collections.abc import AsyncIterator

import msgspec
import pytest

from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from ops.admin import audit
from ops.admin.audit import DAY_MS, Audit, Change, is_change
from ops.cli.connect import Admin
from ops.core import Core
from wire import admin_pb2 as pb


def made(clock: ManualClock, keep_days: int = 30) -> Audit:
    return Audit(MemoryStore(clock=clock), clock, random.Random(1), keep_days=keep_days)


async def changes(record: Audit, limit: int = 1000, before_ms: int = 0) -> list[Change]:
    return [change async for change in record.newest(limit, before_ms)]


async def test_a_change_is_on_record_before_it_ends() -> None:
    record = made(ManualClock())
    begun = await record.begin(
        "local:0", "/rookery.admin.v1.Directory/AddDomain", pb.AddDomainRequest(name="a.example")
    )
    (change,) = await changes(record)
    assert (change.call, change.outcome, change.request) == ("Directory.AddDomain", "begun", '{"name":"a.example"}')
    await record.end(begun, audit.DONE)
    assert [change.outcome for change in await changes(record)] == ["done"]


async def test_passwords_are_left_out() -> None:
    record = made(ManualClock())
    request = pb.AddAccountRequest(login="alice@example.org", password="correct horse")
    await record.begin("local:0", "/x.Directory/AddAccount", request)
    (change,) = await changes(record)
    assert "alice" in change.request
    assert "horse" not in change.request


async def test_how_many_were_wanted_is_on_record() -> None:
    record = made(ManualClock())
    await record.begin("local:0", "/x.Cluster/Scale", pb.ScaleRequest(wanted={"queue": 0, "mailbox": 3}))
    (change,) = await changes(record)
    assert msgspec.json.decode(change.request) == {"wanted": {"mailbox": 3, "queue": 0}}


async def test_long_requests_are_cut() -> None:
    record = made(ManualClock())
    rules = [pb.RewriteRule(pattern="x" * 5000, replacement="y")] * 100
    await record.begin("local:0", "/x.Directory/AddDomain", pb.AddDomainRequest(name="a", rewrites=rules))
    (change,) = await changes(record)
    assert len(change.request) <= audit.REQUEST_CHARACTERS_MAX


async def test_pages_go_back_in_time() -> None:
    clock = ManualClock()
    record = made(clock)
    for number in range(250):
        await record.begin("local:0", f"/x.Y/Change{number}", None)
        clock.advance(1)
    told = await changes(record, limit=230)
    assert [change.call for change in told] == [f"Y.Change{number}" for number in range(249, 19, -1)]
    assert next(iter(await changes(record, 5, told[-1].at_ms))).call == "Y.Change19"


async def test_old_changes_are_dropped() -> None:
    clock = ManualClock()
    record = made(clock, keep_days=2)
    await record.begin("local:0", "/x.Y/Old", None)
    clock.ms += 3 * DAY_MS
    await record.begin("local:0", "/x.Y/New", None)
    assert [change.call for change in await changes(record)] == ["Y.New"]


@pytest.mark.parametrize(
    ("method", "changing"),
    [
        ("/rookery.admin.v1.Directory/AddDomain", True),
        ("/rookery.admin.v1.Mailboxes/Import", True),
        ("/rookery.admin.v1.Directory/SetPassword", True),
        ("/rookery.admin.v1.Directory/ListDomains", False),
        ("/rookery.admin.v1.Mailboxes/Export", False),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", False),
        ("/grpc.health.v1.Health/Check", False),
    ],
)
def test_what_changes_something(method: str, changing: bool) -> None:
    assert is_change(method) is changing


async def test_the_service_records_changes_and_refusals(admin: Admin, parts: Core) -> None:
    await admin.directory.AddDomain(pb.AddDomainRequest(name="example.org"))
    with pytest.raises(Exception, match=r"example\.org"):
        await admin.directory.AddDomain(pb.AddDomainRequest(name="example.org"))
    assert [domain.name async for domain in admin.directory.ListDomains(pb.ListDomainsRequest())] == ["example.org"]
    told = [change async for change in admin.audit.ListChanges(pb.ListChangesRequest())]
    assert sorted((change.call, change.outcome) for change in told) == [
        ("Directory.AddDomain", "already_exists"),
        ("Directory.AddDomain", "done"),
    ]
    assert all(change.who.startswith("local:") for change in told)


async def test_a_stream_of_requests_is_on_record_with_what_it_is_about(admin: Admin, alice: pb.Account) -> None:
    batch = pb.ImportBatch(key=b"1", mailbox="INBOX", messages=[pb.ImportedMessage(content=b"Subject: x\r\n\r\n")])
    steps = [pb.ImportRequest(open=pb.ImportOpen(account=alice.login)), pb.ImportRequest(batch=batch)]
    answers = [answer async for answer in admin.mailboxes.Import(iter(steps))]
    assert [len(answer.batch.problems) for answer in answers if answer.HasField("batch")] == [0]
    told = [change async for change in admin.audit.ListChanges(pb.ListChangesRequest())]
    (change,) = [change for change in told if change.call == "Mailboxes.Import"]
    assert (change.request, change.outcome) == (f'{{"open":{{"account":"{alice.login}"}}}}', "done")


async def test_the_end_of_a_stream_that_its_client_gave_up_is_on_record(admin: Admin, alice: pb.Account) -> None:
    async def steps() -> AsyncIterator[pb.ImportRequest]:
        yield pb.ImportRequest(open=pb.ImportOpen(account=alice.login))
        await asyncio.Event().wait()

    call = admin.mailboxes.Import(steps())
    await call.read()
    call.cancel()

    async def outcome() -> str:
        told = [change async for change in admin.audit.ListChanges(pb.ListChangesRequest())]
        return next(change.outcome for change in told if change.call == "Mailboxes.Import")

    async with asyncio.timeout(5):
        while await outcome() == audit.BEGUN:
            await asyncio.sleep(0.01)
    assert await outcome() in ("done", "cancelled")  # what had come was carried out; who can tell what else was to come
