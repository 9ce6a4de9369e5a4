"""The table: every call of the admin service is an operation or has a reason not to be; nothing else is."""

from collections.abc import Iterator
from typing import Any

import pytest

from ops.admin.audit import is_change
from ops.admin.http.operations import Operation
from ops.admin.http.table import EXCEPTIONS, OPERATIONS
from wire import admin_pb2 as pb

IDS = [f"{one.method} {one.path}" for one in OPERATIONS]


def test_every_call_is_an_operation_or_an_exception() -> None:
    calls = {
        f"{service.name}.{method.name}"
        for service in pb.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    served = {one.call for one in OPERATIONS}
    assert calls - served - EXCEPTIONS.keys() == set(), "put these into ops/admin/http/table.py"
    assert served & EXCEPTIONS.keys() == set()
    assert EXCEPTIONS.keys() <= calls
    assert all(EXCEPTIONS.values())


def test_each_is_there_once() -> None:
    assert len(set(IDS)) == len(IDS)
    assert len({one.id for one in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("one", OPERATIONS, ids=IDS)
def test_what_reads_is_a_get_and_nothing_else_is(one: Operation) -> None:
    assert one.reads is not is_change(one.full_name)


@pytest.mark.parametrize("one", OPERATIONS, ids=IDS)
def test_its_fields_are_in_the_schema(one: Operation) -> None:
    named = {**one.in_path(), **one.in_query(), **one.in_body()}
    for path in (*filter(None, named.values()), *one.fixed):
        one.field(path)  # raises KeyError
    assert len(named) == len(one.in_path()) + len(one.query) + len(one.body), "two fields of one name"
    assert set(one.required) <= {*one.in_query(), *one.in_body()}
    assert not one.cursor or {"limit", "after"} <= set(one.query)
    assert not (one.reads and one.body)


@pytest.mark.parametrize("one", OPERATIONS, ids=IDS)
def test_no_answer_has_a_secret(one: Operation) -> None:
    assert not [field.full_name for field in _fields(one.descriptor.output_type) if field.GetOptions().debug_redact]


def _fields(message: Any) -> Iterator[Any]:
    for field in message.fields:
        yield field
        if field.message_type is not None:
            yield from _fields(field.message_type)
