"""Reading settings: what is written arrives typed; what is wrong is named; secrets stay hidden."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from cluster.config import Secret, load
from cluster.config.loading import SECRET_BYTES_MAX
from cluster.config.loading import read_file as read_disk
from cluster.errors import Misconfigured
from tests.unit.cluster.config.samples import Form, Listen, Settings

FILES = {"/run/port": b"2525\n", "/run/pw": b"from file\n", "/run/binary": b"\xff\xfe", "/run/large": b"x" * 70_000}
ENVIRON = {"PORT": "2526", "PW": "hunter2", "NAMES": '["x", "y"]', "YES": "true", "WORD": "hunter2", "FORM": "console"}


def read_file(path: str) -> bytes:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[path]


def read(text: str) -> Settings:
    return load(Settings, text, ENVIRON, read_file, name="rookery.toml")


def trouble(text: str) -> str:
    with pytest.raises(Misconfigured) as caught:
        read(text)
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown, "a secret was shown"
    return caught.value.says


def test_nothing_written_gives_the_defaults() -> None:
    assert read("") == Settings()


def test_values_arrive_typed() -> None:
    settings = read(
        """
        level = "debug"
        form = "console"
        password = "written here"
        labels = { a = 1 }
        [smtp]
        timeout_s = 5
        listen = [{ port = 2525 }]
        [peers.one]
        key = "k"
        """
    )
    assert settings.smtp.listen == (Listen(port=2525),)
    assert settings.smtp.timeout_s == 5.0
    assert settings.form is Form.CONSOLE
    assert settings.password == Secret("written here")
    assert settings.peers["one"].key == "k"
    assert settings.labels == {"a": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('password = { env = "PW" }', ("password", Secret("hunter2"))),
        ('password = { file = "/run/pw" }', ("password", Secret("from file"))),
        ('drop_root = { env = "YES" }', ("drop_root", True)),
        ('form = { env = "FORM" }', ("form", Form.CONSOLE)),
        ('proxy = { file = "/run/pw" }', ("proxy", "from file")),
    ],
)
def test_a_value_may_come_from_elsewhere(text: str, expected: tuple[str, Any]) -> None:
    name, value = expected
    assert getattr(read(text), name) == value


def test_numbers_and_lists_may_come_from_elsewhere() -> None:
    settings = read('[smtp]\nhosts = { env = "NAMES" }\nlisten = [{ port = { file = "/run/port" } }]')
    assert settings.smtp.hosts == ["x", "y"]
    assert settings.smtp.listen[0].port == 2525


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[smtp]\nlisten = [{ port = 'x' }]", ["smtp.listen[0].port", "a whole number from 1 to 65535", 'text "x"']),
        ("[smtp]\nlisten = [{ port = 0 }]", ["smtp.listen[0].port", "from 1 to 65535", "the number 0"]),
        ("[smtp]\nlisten = [{}, {}, {}, {}]", ["smtp.listen", "at most 3 items"]),
        ("[smtp]\nlisten = 25", ["smtp.listen", "a list", "the number 25"]),
        ("[smtp]\nlisen = []", ["smtp.lisen", "no such setting", "did you mean listen?"]),
        ("[smpt]\n", ["smpt", "did you mean smtp?"]),
        ("qqqq = 1", ["qqqq", "there are smtp, password"]),
        ("smtp = 1", ["smtp", "expected a table", "the number 1"]),
        ("[smtp]\ntimeout_s = 0", ["smtp.timeout_s", "a number, above 0"]),
        ("[smtp]\ntimeout_s = 1e9", ["smtp", "longer than a week"]),
        ("[smtp]\nmessage_bytes_max = 2020-01-01", ["smtp.message_bytes_max", "a date or time"]),
        ("level = 'loud'", ["level", 'one of "debug", "info"', 'the text "loud"']),
        ("form = true", ["form", 'one of "json", "console"', "found true"]),
        ("password = 5", ["password", "a secret text"]),
        ("[peers.one]\nweight = 1.0", ["peers.one.key", "required", "a text in quotes"]),
        ("[labels]\na = 'x'", ["labels.a", "a whole number"]),
        ("[[extra]]\nkey = 1", ["extra[0].key", "a text in quotes"]),
        ('proxy = { env = "NONE" }', ["proxy", "environment variable NONE is not set", "set it"]),
        ('proxy = { file = "/none" }', ["proxy", "/none", "No such file", "who may read it"]),
        ('proxy = { file = "/run/binary" }', ["proxy", "/run/binary", "UTF-8"]),
        ('proxy = { file = "/run/large" }', ["proxy", "/run/large", str(SECRET_BYTES_MAX)]),
        ('[smtp]\nlisten = [{ port = { env = "WORD" } }]', ["smtp.listen[0].port", "WORD", "a whole number from 1"]),
        ('[smtp]\nhosts = { env = "WORD" }', ["smtp.hosts", "WORD", "a list"]),
        ('level = { env = "WORD" }', ["level", "WORD", 'one of "debug"']),
        ("level = = 1", ["not valid TOML", "line 1"]),
        ("smtp = " + "[" * 5000, ["not valid TOML"]),
    ],
)
def test_what_is_wrong_is_named(text: str, parts: list[str]) -> None:
    says = trouble(text)
    assert says.startswith("rookery.toml")
    for part in parts:
        assert part in says


def test_a_settings_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("level = 'debug'")
    assert load(Settings, path, {}, read_disk).level == "debug"
    with pytest.raises(Misconfigured, match=r"cannot read the settings file .*none\.toml"):
        load(Settings, tmp_path / "none.toml", {}, read_disk)


def test_a_secret_hides_itself() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
    assert secret != Secret("other")
    assert not Secret()
