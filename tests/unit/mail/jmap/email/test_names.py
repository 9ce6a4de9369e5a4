"""Which properties may be asked for (RFC 8621 4.1.2, 4.1.3, 4.2)."""

import pytest

from mail.jmap.email.errors import InvalidArguments
from mail.jmap.email.names import FORMS, PROPERTIES_MAX, header_property, may_have
from mail.jmap.email.view import needs_raw, view

# Field -> the forms of RFC 8621 4.1.2 besides Raw.
ALLOWED = {
    "Subject": "Text",
    "Comments": "Text",
    "Keywords": "Text",
    "List-Id": "Text Addresses GroupedAddresses MessageIds Date URLs",
    "X-Anything": "Text Addresses GroupedAddresses MessageIds Date URLs",
    "From": "Addresses GroupedAddresses",
    "resent-BCC": "Addresses GroupedAddresses",
    "Resent-Reply-To": "Addresses GroupedAddresses",
    "References": "MessageIds",
    "Resent-Message-ID": "MessageIds",
    "Date": "Date",
    "resent-date": "Date",
    "List-Unsubscribe": "URLs",
    "List-Archive": "URLs",
    "Received": "",
    "Return-Path": "",
}


@pytest.mark.parametrize("field", ALLOWED)
def test_forms_of(field: str) -> None:
    allowed = {"Raw", *ALLOWED[field].split()}
    assert {form for form in FORMS if may_have(field, form)} == allowed
    assert {form for form in FORMS if header_property(f"header:{field}:as{form}:all")} == allowed


@pytest.mark.parametrize(
    "name",
    [
        "header:",
        "header::all",
        "header:From:asDate",
        "header:From:all:asAddresses",
        "header:From:asaddresses",
        "header:From:",
        "header:Fr om",
        "header:Frö",
        "Header:From",
        "header:X:asNone",
        "headers:X",
        "body",
        "",
        "header:" + "x" * 2000,
    ],
)
def test_no_such_property(name: str) -> None:
    with pytest.raises(InvalidArguments) as error:
        view((name,), ())
    assert error.value.argument == "properties"
    with pytest.raises(InvalidArguments) as error:
        view((), (name,))
    assert error.value.argument == "bodyProperties"


def test_properties_of_parts_are_not_those_of_emails() -> None:
    for properties, body_properties in ((("partId",), ()), ((), ("subject",))):
        with pytest.raises(InvalidArguments):
            view(properties, body_properties)


def test_bounds() -> None:
    with pytest.raises(InvalidArguments):
        view(tuple(f"header:X-{number}" for number in range(PROPERTIES_MAX + 1)), ())
    with pytest.raises(InvalidArguments):
        view((), (), value_bytes_max=-1)


def test_needs_raw() -> None:
    assert not needs_raw(("from", "subject"))
    assert needs_raw(("textBody",), ("size",))
    assert needs_raw(("bodyValues",), fetches_values=True)
