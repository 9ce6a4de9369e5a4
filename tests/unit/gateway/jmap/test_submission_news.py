"""gateway/jmap/submission_news.py: clients hear that there is something to ask for."""

from collections.abc import Sequence
from typing import Any

from actors.queue.types import Envelope, Recipient
from cluster.errors import Unavailable
from gateway.jmap.submission_news import SubmissionNews
from tests.unit.gateway.imap.world import ALICE, SilentLog
from tests.unit.gateway.jmap.test_submitting import drafting
from tests.unit.gateway.jmap.world import World


async def test_what_becomes_of_mail_is_a_change_of_its_type() -> None:
    async with World() as world:
        draft = await drafting(world)
        made = (await draft.send())["newState"]

        async def stamp() -> int:
            return (await world.mail.mirror(ALICE)).account.stamp("EmailSubmission")

        assert await stamp() == int(made)
        await world.way.carry()
        await world.way.told()
        assert await stamp() > int(made)  # nobody has asked
        changes = await world.call("alice", "EmailSubmission/changes", sinceState=made)
        assert (changes["created"], len(changes["updated"]), changes["destroyed"]) == ([], 1, [])
        again = await world.call("alice", "EmailSubmission/changes", sinceState=changes["newState"])
        assert again["newState"] == changes["newState"]
        query = await world.call("alice", "EmailSubmission/queryChanges", sinceQueryState=made)
        assert query["removed"] == changes["updated"]


class Objects:
    def __init__(self) -> None:
        self.put: list[int] = []
        self.trouble: Exception | None = None

    async def put_objects(self, account: int, changes: Sequence[Any]) -> int:
        self.put.append(account)
        if self.trouble is not None:
            raise self.trouble
        return 1


def mail(ident: str, account: int = 7) -> Envelope:
    return Envelope("far.test", "me@x.test", (Recipient("a@far.test"),), b"", 1, ident=ident, account=account)


async def test_much_at_once_is_told_once_and_other_mail_not_at_all() -> None:
    objects, log = Objects(), SilentLog()
    news = SubmissionNews(objects, log, pause_s=0)
    for one in (
        mail("0123456789abcd.1"),
        mail("0123456789abce.1"),
        mail("0123456789ab.1"),
        mail("0123456789abcd.1", 0),
    ):
        news.changed(one)
    news.changed(mail("0123456789abcf.1", 8))
    while news._waiting:
        for task in list(news._waiting.values()):
            await task
    assert objects.put == [7, 8]
    objects.trouble = Unavailable("not now")
    news.changed(mail("0123456789abcd.1"))
    await news._waiting[7]
    assert log.lines[-1]["event"] == "jmap.news_lost"
    waiting = SubmissionNews(objects, log, pause_s=1000)
    waiting.changed(mail("0123456789abcd.1"))
    await waiting.close()
    assert objects.put == [7, 8, 7]
