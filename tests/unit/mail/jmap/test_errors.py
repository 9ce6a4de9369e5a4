"""Errors can only be those of the standards."""

import pytest

from mail.jmap.errors import MethodError, RequestError, SetError, invalid_arguments, invalid_properties
from mail.jmap.session import Urls


def test_a_problem() -> None:
    problem = RequestError("limit", "Too large.", limit="maxSizeRequest")
    assert problem.body() == (
        b'{"type":"urn:ietf:params:jmap:error:limit","status":400,"detail":"Too large.","limit":"maxSizeRequest"}'
    )


def test_what_no_standard_has_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no MethodError tooTired"):
        MethodError("tooTired")
    with pytest.raises(ValueError, match="no SetError stateMismatch"):
        SetError("stateMismatch")
    with pytest.raises(ValueError, match="a problem limit"):
        RequestError("limit", "Too large.")
    with pytest.raises(ValueError, match="a problem notJSON"):
        RequestError("notJSON", "Too large.", limit="maxSizeRequest")


def test_properties_of_errors() -> None:
    assert SetError("alreadyExists", existingId="E1").json() == {"type": "alreadyExists", "existingId": "E1"}
    assert MethodError("serverFail", "why").json() == {"type": "serverFail", "description": "why"}
    assert invalid_arguments("why", "a").json() == {
        "type": "invalidArguments",
        "description": "why",
        "arguments": ["a"],
    }
    assert invalid_arguments("why").json() == {"type": "invalidArguments", "description": "why"}
    assert invalid_properties({"a": "b", "c": "d"}).json() == {
        "type": "invalidProperties",
        "description": "a: b; c: d",
        "properties": ["a", "c"],
    }


def test_a_template_has_its_variables() -> None:
    with pytest.raises(ValueError, match="is without"):
        Urls("/api", "/d/{accountId}/{blobId}/{name}", "/u/{accountId}", "/e?{types}{closeafter}{ping}")
