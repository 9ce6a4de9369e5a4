"""Comments of a schema by names: of messages, fields, enums, their values, services and calls."""

from pathlib import Path

import pytest

from ops import generate
from ops.admin.http.comments import comments_of

SCHEMA = """syntax = "proto3";
// The package.
package a.b;
// A service
// of two lines.
service S {
  // A call.
  rpc C(M) returns (M);
}
// A message.
message M {
  string plain = 1;
  string said = 2; // a field
  message N {
    int32 deep = 1; // deeper
  }
  oneof x {
    int32 y = 3; // one of them
  }
}
enum E {
  E_UNSPECIFIED = 0;
  E_ONE = 1; // a value
}
"""


def test_comments_have_the_names_of_what_they_are_on(tmp_path: Path) -> None:
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / "x.proto").write_text(SCHEMA)
    assert comments_of(generate.described(tmp_path, "x.proto")) == {
        "a.b.S": "A service of two lines.",
        "a.b.S.C": "A call.",
        "a.b.M": "A message.",
        "a.b.M.said": "a field",
        "a.b.M.N.deep": "deeper",
        "a.b.M.y": "one of them",
        "a.b.E_ONE": "a value",
    }


def test_a_schema_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / "x.proto").write_text("nothing")
    with pytest.raises(generate.GenerateError):
        generate.described(tmp_path, "x.proto")
