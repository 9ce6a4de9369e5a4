"""Calls to an S3 store that block: which endpoint, how often, and what an error means. For threads only.

The law: a call is tried again only after an error that says nothing about the request, and only until its time is up;
everything that is stored here may be stored twice. Errors name settings, never their secrets.
"""

import ssl
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar
from xml.etree.ElementTree import ParseError

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from minio.helpers import check_bucket_name
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError

from cluster.blobs.settings import S3Settings
from cluster.clock import Dice
from cluster.errors import Misconfigured, NotFound, StoreFull, Trouble, Unavailable

BACKOFF_S: Final = 0.1  # before the second attempt; doubles, and a random half of it is left out
BACKOFF_MAX_S: Final = 3.0
ERRORS: Final = (MinioException, HTTPError, OSError, ValueError, ParseError)  # the latter two: answers that are cut

_KEYS: Final = "check [store.s3] access_key and secret_key"
_RIGHTS: Final = (
    "allow it s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on the bucket's objects, and "
    "s3:ListBucket and s3:ListBucketMultipartUploads on the bucket"
)
_SETTINGS: Final[dict[str, str]] = {
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": _KEYS,
    "AccessDenied": f"the access key may not do this: {_RIGHTS}",
    "AllAccessDisabled": f"the access key may not do this: {_RIGHTS}",
    "MethodNotAllowed": "the store refuses this method; is [store.s3] endpoints an S3 store's?",
    "NoSuchBucket": "there is no such bucket; make it, or set [store.s3] make_bucket = true",
    "InvalidBucketName": "no bucket can have this name; change [store.s3] bucket",
    "AuthorizationHeaderMalformed": "check [store.s3] region",
    "InvalidRegion": "check [store.s3] region",
    "PermanentRedirect": "the bucket is elsewhere; check [store.s3] endpoints and region",
    "RequestTimeTooSkewed": "the clocks of this machine and of the store differ by a quarter of an hour and more",
}
_FULL: Final = frozenset(
    {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage"}
)
_ABSENT: Final = frozenset({"NoSuchKey", "NoSuchVersion"})
_INSUFFICIENT_STORAGE: Final = 507
T = TypeVar("T")


class S3Calls:
    """Clients of all endpoints. Used by several threads at once."""

    def __init__(self, settings: S3Settings, dice: Dice) -> None:
        """Raises Misconfigured where the settings name no address or no authority."""
        self._settings = settings
        self._dice = dice
        self._at = 0  # the endpoint that answered last
        self._closed = threading.Event()
        try:
            check_bucket_name(settings.bucket)
            self._clients = [_client(settings, endpoint) for endpoint in settings.endpoints]
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"The S3 store cannot be used: {error}. Check [store.s3] endpoints, bucket, authority."
            ) from error

    def call(self, work: Callable[[Minio], T], seconds: float) -> T:
        """What `work` returns. An attempt that has begun may take longer than `seconds`; none begins after."""
        until = time.monotonic() + seconds
        for number in count():
            at = self._at
            try:
                return work(self._clients[at % len(self._clients)])
            except ERRORS as error:
                trouble = trouble_of(error, self._settings)
                if type(trouble) is not Unavailable:
                    raise trouble from error
                self._at = at + 1
                pause_s = self._pause_s(number)
                if time.monotonic() + pause_s > until or self._closed.wait(pause_s):
                    raise trouble from error
        raise AssertionError("count() has no end")

    def close(self) -> None:
        """No attempt is made again."""
        self._closed.set()

    def _pause_s(self, number: int) -> float:
        longest = min(BACKOFF_MAX_S, BACKOFF_S * float(1 << min(number, 10)))
        return longest * (1 + self._dice.getrandbits(10) / 1024) / 2


def _client(settings: S3Settings, endpoint: str) -> Minio:
    scheme, separator, host = endpoint.rstrip("/").partition("://")
    if scheme not in ("http", "https") or not separator or not host:
        raise ValueError(f"{endpoint!r} is not http://HOST:PORT or https://HOST:PORT")
    timeout = urllib3.Timeout(connect=settings.connect_s, read=settings.read_s)
    context = ssl.create_default_context(cafile=settings.authority or None) if scheme == "https" else None
    # No retries of urllib3's own: it knows nothing of the time that is left, nor of other endpoints.
    pool = urllib3.PoolManager(
        maxsize=settings.connections, block=False, timeout=timeout, retries=False, ssl_context=context
    )
    client = Minio(
        host,
        access_key=settings.access_key.reveal(),
        secret_key=settings.secret_key.reveal(),
        secure=scheme == "https",
        region=settings.region,
        http_client=pool,
    )
    switch: Callable[[], object] = (
        client.disable_virtual_style_endpoint if settings.path_style else client.enable_virtual_style_endpoint
    )
    switch()
    return client


def trouble_of(error: Exception, settings: S3Settings) -> Trouble:
    """What an error of the client is for the one who asked."""
    log = f"{settings.where}: {error}"
    if isinstance(error, S3Error):
        return _answered(error.code or "", error.response.status, log)
    if isinstance(error, InvalidResponseError):
        return _answered("", error._code, log)
    if isinstance(error, ServerError):
        return _answered("", error.status_code, log)
    if isinstance(error, SSLError | ssl.SSLError) and "certificate" in str(error).lower():
        return _misconfigured("its certificate is not valid; check [store.s3] authority and the name in endpoints", log)
    if isinstance(error, SSLError | ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return _misconfigured("it does not speak TLS; check http:// or https:// in [store.s3] endpoints", log)
    if isinstance(error, NewConnectionError):
        log += " (is it running, and is [store.s3] endpoints right?)"
    return Unavailable("The message store does not answer.", log=log)


def _answered(code: str, status: int, log: str) -> Trouble:
    if code in _ABSENT:
        return NotFound("What was stored is not there any more.", log=log)
    if code in _FULL or status == _INSUFFICIENT_STORAGE:
        return StoreFull("The message store is full.", log=log)
    if cure := _SETTINGS.get(code):
        return _misconfigured(cure, log)
    return Unavailable("The message store does not answer.", log=log)


def _misconfigured(cure: str, log: str) -> Misconfigured:
    return Misconfigured("The message store is not set up.", log=f"{log}: {cure}")
