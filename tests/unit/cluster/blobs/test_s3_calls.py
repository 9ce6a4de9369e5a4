"""cluster/blobs/s3_calls.py: what an error means, what is tried again, and where."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError
from msgspec import structs
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError, SSLError

from cluster.blobs.s3_calls import S3Calls, trouble_of
from cluster.blobs.settings import S3Settings
from cluster.config.secret import Secret
from cluster.errors import Misconfigured, NotFound, StoreFull, Trouble, Unavailable

SETTINGS = S3Settings(
    endpoints=("http://one.test:1", "http://two.test:2"), access_key=Secret("the-key"), secret_key=Secret("the-secret")
)


def answered(code: str, status: int = 400) -> S3Error:
    return S3Error(HTTPResponse(status=status), code, "words", "/bucket/name", "id", "host")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answered("NoSuchKey", 404), NotFound, ""),
        (answered("XMinioStorageFull", 507), StoreFull, ""),
        (answered("SomethingNew", 507), StoreFull, ""),
        (answered("QuotaExceeded"), StoreFull, ""),
        (answered("SlowDown", 503), Unavailable, ""),
        (answered("InternalError", 500), Unavailable, ""),
        (answered("BadDigest"), Unavailable, ""),
        (answered("AccessDenied", 403), Misconfigured, "s3:PutObject"),
        (answered("SignatureDoesNotMatch", 403), Misconfigured, "secret_key"),
        (answered("InvalidAccessKeyId", 403), Misconfigured, "access_key"),
        (answered("NoSuchBucket", 404), Misconfigured, "make_bucket"),
        (answered("AuthorizationHeaderMalformed"), Misconfigured, "region"),
        (answered("RequestTimeTooSkewed", 403), Misconfigured, "clocks"),
        (InvalidResponseError(502, "text/html", "<h1>Bad gateway</h1>"), Unavailable, ""),
        (ServerError("what", 507), StoreFull, ""),
        (ProtocolError("cut"), Unavailable, ""),
        (SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), Misconfigured, "authority"),
        (SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number"), Misconfigured, "http://"),
        (SSLError("EOF occurred in violation of protocol"), Unavailable, ""),
        (ConnectionResetError(), Unavailable, ""),
        (ValueError("an answer that is cut"), Unavailable, ""),
    ],
)
def test_what_an_error_means(error: Exception, kind: type[Trouble], words: str) -> None:
    trouble = trouble_of(error, SETTINGS)
    assert type(trouble) is kind
    assert words in trouble.log
    assert "one.test" in trouble.log
    for told in (trouble.log, trouble.says):
        assert "the-key" not in told
        assert "the-secret" not in told
    assert "test" not in trouble.says, "what the peer hears names no host"


def failing(errors: list[Exception], asked: list[str]) -> Callable[[Minio], str]:
    def work(client: Minio) -> str:
        asked.append(client._base_url._url.netloc)
        if errors:
            raise errors.pop(0)
        return "done"

    return work


def test_another_endpoint_is_asked_and_the_one_that_answered_stays() -> None:
    calls = S3Calls(SETTINGS, random.Random(1))
    asked: list[str] = []
    assert calls.call(failing([ProtocolError("cut")], asked), 30) == "done"
    assert asked == ["one.test:1", "two.test:2"]
    assert calls.call(failing([], asked), 30) == "done"
    assert asked[2:] == ["two.test:2"]


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied", "XMinioStorageFull"])
def test_what_another_attempt_would_not_change_is_told_at_once(code: str) -> None:
    asked: list[str] = []
    with pytest.raises(Trouble):
        S3Calls(SETTINGS, random.Random(1)).call(failing([answered(code)] * 5, asked), 30)
    assert len(asked) == 1


def test_attempts_end_with_the_time_and_with_close() -> None:
    asked: list[str] = []
    calls = S3Calls(SETTINGS, random.Random(1))
    with pytest.raises(Unavailable):
        calls.call(failing([ProtocolError("cut")] * 100, asked), 0.0)
    assert len(asked) == 1
    calls.close()
    with pytest.raises(Unavailable):
        calls.call(failing([ProtocolError("cut")] * 100, asked), 1000.0)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoints": ("one.test:1",)},
        {"endpoints": ("ftp://one.test",)},
        {"endpoints": ("http://",)},
        {"endpoints": ("http://one.test/path",)},
        {"bucket": "No Bucket"},
        {"endpoints": ("https://one.test",), "authority": "/is/not/there"},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"store\.s3"):
        S3Calls(structs.replace(SETTINGS, **wrong), random.Random(1))
