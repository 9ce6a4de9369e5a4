"""gateway/jmap/settings.py: what the operator allows is what the session tells and what is enforced."""

from gateway.jmap.settings import JmapSettings
from mail.jmap.limits import Limits


def test_without_a_word_the_bounds_are_those_of_the_reader() -> None:
    assert JmapSettings().limits() == Limits()


def test_what_the_session_tells() -> None:
    settings = JmapSettings(
        upload_bytes_max=60_000_000,
        concurrent_uploads_max=5,
        request_bytes_max=20_000_000,
        concurrent_requests_max=6,
        calls_max=16,
        objects_get_max=400,
        objects_set_max=300,
    )
    assert settings.limits().capability(()) == {
        "maxSizeUpload": 60_000_000,
        "maxConcurrentUpload": 5,
        "maxSizeRequest": 20_000_000,
        "maxConcurrentRequests": 6,
        "maxCallsInRequest": 16,
        "maxObjectsInGet": 400,
        "maxObjectsInSet": 300,
        "collationAlgorithms": [],
    }
