"""Generated code: made from schemas that import one another, typed, and refused clearly."""

from pathlib import Path

import pytest

from ops import generate

COMMON = 'syntax = "proto3"; package rookery; message Name { string name = 1; }'
SERVICE = """syntax = "proto3"; package rookery; import "wire/common.proto";
service Greeter { rpc Greet (Name) returns (Name); }"""


def _source(folder: Path, **texts: str) -> Path:
    (folder / "wire").mkdir(parents=True)
    for name, text in texts.items():
        (folder / "wire" / f"{name}.proto").write_text(text)
    return folder


def test_makes_messages_services_and_types(tmp_path: Path) -> None:
    source, out = _source(tmp_path / "in", common=COMMON, greeter=SERVICE), tmp_path / "out"
    out.mkdir()
    made = {str(path) for path in generate.generate(out, source)}
    assert {
        "wire/common_pb2.py",
        "wire/common_pb2.pyi",
        "wire/greeter_pb2_grpc.py",
        "wire/greeter_pb2_grpc.pyi",
    } <= made
    assert "from wire import common_pb2" in (out / "wire/greeter_pb2.py").read_text()


def test_nothing_from_nothing(tmp_path: Path) -> None:
    assert generate.generate(tmp_path, _source(tmp_path / "in")) == []


def test_a_wrong_schema_is_named(tmp_path: Path) -> None:
    with pytest.raises(generate.GenerateError, match=r"wire/bad\.proto"):
        generate.generate(tmp_path, _source(tmp_path / "in", bad="message {"))
