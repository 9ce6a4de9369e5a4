"""What commands print."""

import click
import pytest
from click.testing import CliRunner

from ops.cli.output import Group, Size, plain, print_table, size
from wire import admin_pb2 as pb


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("1234", 1234),
        ("1k", 1024),
        ("500M", 500 << 20),
        ("5G", 5 << 30),
        ("1.5 GiB", 3 << 29),
        ("2tb", 2 << 40),
        ("7B", 7),
    ],
)
def test_sizes_are_read(text: str, count: int) -> None:
    assert Size().convert(text, None, None) == count


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (150 << 20, "150 MiB"),
        (3 << 29, "1.5 GiB"),
        (9 << 50, "9216 TiB"),
    ],
)
def test_sizes_are_printed(count: int, text: str) -> None:
    assert size(count) == text


def test_the_help_of_a_group_cuts_no_sentence() -> None:
    sentence = "Do something that takes rather more words to tell than the forty-five characters of click."
    group = Group("it", commands=[click.Command("do", help=f"{sentence} And more.")])
    told = " ".join(CliRunner().invoke(group, ["--help"]).stdout.split())
    assert f"do {sentence.removesuffix('.')}" in told
    assert "And more" not in told


def test_a_message_as_json_has_it() -> None:
    entry = pb.Entry(kind=pb.ENTRY_KIND_LIST, address="a@b", members=["c@d"])
    assert plain(entry) == {"kind": "list", "address": "a@b", "members": ["c@d"], "name": ""}


def test_identifiers_are_texts() -> None:
    account = pb.Account(id=2**63 - 1, usage=pb.Usage(bytes=1))
    assert plain(account)["id"] == "7fffffffffffffff"
    assert plain(account)["usage"] == {"bytes": 1, "messages": 0}
    assert "usage" not in plain(pb.Account())


def test_a_map_is_an_object() -> None:
    assert plain(pb.ClusterState(log_levels={"mx-1": "debug"}))["log_levels"] == {"mx-1": "debug"}
    assert plain(pb.ClusterState())["log_levels"] == {}


def test_cells_do_not_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a",), [("\x1b[2Jgrün\x9b",)], empty="")
    assert r"\x1b[2Jgrün\x9b" in capsys.readouterr().out
