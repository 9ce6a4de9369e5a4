"""Objects in an S3 store: MinIO, Ceph, AWS and their kin.

The law: the event loop never waits for the network (Threads), no thread for ever (timeouts), and an upload that was cut
off leaves nothing under the name. A request that comes to the store late, because the store hung, does no harm: a put
says what every put of that name says, and a signature is refused a quarter of an hour after it was made, by which
those who delete must wait before they rely on a name again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any, Final, TypeVar

import structlog
from minio import Minio
from minio.error import S3Error
from urllib3.exceptions import ProtocolError

from cluster.blobs.objects import OBJECT_BYTES_MAX, ObjectInfo, check_object, no_object
from cluster.blobs.s3_calls import S3Calls
from cluster.blobs.settings import S3Settings
from cluster.blobs.spool import Reading, Spool
from cluster.blobs.threads import Threads
from cluster.clock import Dice, system_dice
from cluster.errors import Corrupt, Misconfigured, NotFound, Trouble, Unavailable

PART_BYTES: Final = 8 * 1024 * 1024  # what is larger goes in parts, each with a timeout of its own
BYTES_A_SECOND: Final = 1_000_000  # a slower store is as good as gone
READ_BYTES: Final = 256 * 1024
LIST_PAGE: Final = 1000  # S3's own page
START_S: Final = 3.0  # that a start waits for a store that is away; calls wait longer
UPLOAD_KEPT: Final = timedelta(days=1)  # parts of an upload that old belong to nobody
T = TypeVar("T")


class S3Objects:
    """One bucket. Several processes may use it at once."""

    def __init__(self, settings: S3Settings, dice: Dice | None = None) -> None:
        """Nothing is asked of the store yet. Raises Misconfigured."""
        self._settings = settings
        self._calls = S3Calls(settings, dice or system_dice())
        self._threads = Threads("s3", settings.connections)

    @classmethod
    async def open(cls, settings: S3Settings, dice: Dice | None = None) -> "S3Objects":
        """Check keys and bucket, and make the bucket if that is allowed. Raises Misconfigured.

        A store that does not answer is no reason not to start: small messages flow without it.
        """
        objects = cls(settings, dice)
        try:
            async with asyncio.timeout(START_S):
                await objects.check()
        except (Unavailable, TimeoutError) as error:
            structlog.get_logger().warning("s3.away", why=getattr(error, "log", f"no answer in {START_S} s"))
        except BaseException:
            await objects.close()
            raise
        return objects

    async def check(self) -> None:
        """Ask for the bucket. Raises Misconfigured, Unavailable."""
        await self._run(partial(_check, self._settings), 0)

    async def put(self, name: str, data: bytes) -> None:
        """Store; durable on return. Raises StoreFull, Unavailable, Misconfigured, TooLarge."""
        check_object(name, len(data))
        await self._run(partial(self._put, name, partial(BytesIO, data), len(data)), len(data))

    async def put_spool(self, name: str, data: Spool) -> None:
        """Store what is in a spool, a part of PART_BYTES in memory. Raises as `put`."""
        check_object(name, data.size)
        await self._run(partial(self._put, name, partial(Reading, data), data.size), data.size)

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """The bytes, or a part of them. Raises NotFound, Corrupt, Unavailable, Misconfigured."""
        check_object(name)
        if length == 0:
            return b""
        return await self._run(partial(self._get, name, start, length or 0), length or OBJECT_BYTES_MAX)

    async def head(self, name: str) -> ObjectInfo | None:
        """What is known of one. Raises Unavailable, Misconfigured."""
        check_object(name)
        try:
            return await self._run(partial(self._head, name), 0)
        except NotFound:
            return None

    async def delete(self, name: str) -> None:
        """Remove; no error where there is none. Raises Unavailable, Misconfigured."""
        check_object(name)
        await self._run(lambda client: client.remove_object(self._settings.bucket, name), 0)

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """All whose name begins so, in order. Uploads that were cut off long ago are ended on the way."""
        try:
            await self._run(partial(self._end_uploads, prefix), 0)
        except Trouble as trouble:  # not every store knows this, nor allows it
            structlog.get_logger().warning("s3.uploads_not_ended", why=trouble.log)
        last = None
        while page := await self._run(partial(_page, self._settings.bucket, prefix, last), 0):
            for info in page:
                yield info
            last = page[-1].name

    async def close(self) -> None:
        """Finish what is under way; nothing is tried again."""
        self._calls.close()
        await self._threads.close()

    async def _run(self, work: Callable[[Minio], T], size: int) -> T:
        seconds = self._settings.total_s
        # The last attempt may begin when the time is up, and takes as long as its timeouts allow.
        longest = seconds + self._settings.connect_s + self._settings.read_s + size / BYTES_A_SECOND
        return await self._threads.run(lambda: self._calls.call(work, seconds), longest)

    # What follows runs in threads, perhaps several times.

    def _put(self, name: str, opened: Callable[[], Any], size: int, client: Minio) -> None:
        # Part by part: a second part at once would be a thread that nobody counts.
        client.put_object(self._settings.bucket, name, opened(), size, part_size=PART_BYTES, num_parallel_uploads=1)

    def _get(self, name: str, start: int, length: int, client: Minio) -> bytes:
        try:
            response = client.get_object(self._settings.bucket, name, start, length)
        except S3Error as error:
            if error.code == "InvalidRange":
                return b""
            if error.code == "NoSuchKey":
                raise no_object(name) from error
            raise
        parts: list[bytes] = []
        size = 0
        try:
            _check_whole(response.headers.get("content-length"))
            while part := response.read(READ_BYTES):
                parts.append(part)
                size += len(part)
                if size > OBJECT_BYTES_MAX:
                    raise Corrupt("A stored message is damaged.", log=f"object {name} is too large")
        finally:
            response.close()
            response.release_conn()
        return b"".join(parts)

    def _head(self, name: str, client: Minio) -> ObjectInfo:
        found = client.stat_object(self._settings.bucket, name)
        _check_whole(found.last_modified and found.size)
        return ObjectInfo(name, found.size or 0, _ms(found.last_modified))

    def _end_uploads(self, prefix: str, client: Minio) -> None:
        """MinIO shows none for a prefix, and ends them by itself after a day."""
        bucket, oldest = self._settings.bucket, datetime.now(UTC) - UPLOAD_KEPT
        for upload in client._list_multipart_uploads(bucket, prefix=prefix).uploads:
            if upload.initiated_time is not None and upload.initiated_time < oldest:
                client._abort_multipart_upload(bucket, upload.object_name, upload.upload_id or "")


def _check_whole(header: object) -> None:
    """A connection that is cut within the headers looks like an answer without the rest of them, and without bytes."""
    if header is None:
        raise ProtocolError("the answer lacks headers")


def _check(settings: S3Settings, client: Minio) -> None:
    try:  # a listing, since what is wrong with the keys is in an answer's body, and HEAD has none
        next(client.list_objects(settings.bucket, "blobs/"), None)
        return
    except S3Error as error:
        if error.code != "NoSuchBucket":
            raise
    if not settings.make_bucket:
        raise Misconfigured(
            f"{settings.where} does not exist: make it, change [store.s3] bucket, or set make_bucket = true there."
        )
    try:
        client.make_bucket(settings.bucket, settings.region)
    except S3Error as error:
        if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):  # another process was quicker
            raise


def _page(bucket: str, prefix: str, last: str | None, client: Minio) -> list[ObjectInfo]:
    found = client.list_objects(bucket, prefix, recursive=True, start_after=last)
    return [
        ObjectInfo(one.object_name or "", one.size or 0, _ms(one.last_modified)) for one in islice(found, LIST_PAGE)
    ]


def _ms(time: datetime | None) -> int:
    return round(time.timestamp() * 1000) if time is not None else 0
