"""cluster/blobs/objects_s3.py: uploads that were cut off are ended, and a store that cannot tell them stops no list.

MinIO tells them only of a whole name, so a double of the client stands in for the stores that tell all.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from minio.error import S3Error
from urllib3 import HTTPResponse

from cluster.blobs import objects_s3, s3_calls
from cluster.blobs.objects_s3 import UPLOAD_KEPT, S3Objects
from cluster.blobs.settings import S3Settings

NOW = datetime.now(UTC)
FOUND = SimpleNamespace(object_name="a/b", size=3, last_modified=NOW)


class Client:
    """As much of Minio as a list asks for."""

    def __init__(self, *, knows_uploads: bool) -> None:
        self._knows_uploads = knows_uploads
        self.ended: list[str] = []

    def list_objects(self, _bucket: str, prefix: str, *, recursive: bool, start_after: str | None) -> list[object]:
        assert (prefix, recursive) == ("a/", True)
        return [FOUND] if start_after is None else []

    def _list_multipart_uploads(self, _bucket: str, *, prefix: str) -> SimpleNamespace:
        if not self._knows_uploads:
            raise S3Error(HTTPResponse(status=403), "AccessDenied", "no", "/", "id", "host")
        old, young = NOW - UPLOAD_KEPT - timedelta(minutes=1), NOW - timedelta(minutes=1)
        times = {"old": old, "young": young, "of no time": None}
        uploads = [
            SimpleNamespace(object_name=prefix + "b", upload_id=name, initiated_time=time)
            for name, time in times.items()
        ]
        return SimpleNamespace(uploads=uploads)

    def _abort_multipart_upload(self, _bucket: str, name: str, upload: str) -> None:
        assert name == "a/b"
        self.ended.append(upload)


@pytest.mark.parametrize("knows_uploads", [True, False])
async def test_a_list_ends_old_uploads_if_it_can(monkeypatch: pytest.MonkeyPatch, *, knows_uploads: bool) -> None:
    client = Client(knows_uploads=knows_uploads)
    monkeypatch.setattr(s3_calls, "_client", lambda _settings, _endpoint: client)
    objects = S3Objects(S3Settings())
    (info,) = [info async for info in objects.list("a/")]
    assert (info.name, info.size, info.stored_ms) == ("a/b", 3, round(NOW.timestamp() * 1000))
    assert client.ended == (["old"] if knows_uploads else [])
    await objects.close()


async def test_a_store_that_is_silent_keeps_nobody_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_objects: S3Objects) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(S3Objects, "check", silent)
    monkeypatch.setattr(objects_s3, "START_S", 0.01)
    async with asyncio.timeout(10):
        await (await S3Objects.open(S3Settings())).close()
