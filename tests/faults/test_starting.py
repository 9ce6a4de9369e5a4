"""A server that cannot start says why and what to do, in words, and touches nothing."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.trying import config, is_root, tried
from tests.running import Running, free_ports


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        tried(config(tmp_path, port=port)).names("127.0.0.1", str(port), "in use", "stop it", "another port")
    assert not (tmp_path / "data").exists(), "ports come first: nothing was made"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[smpt]\n", ("rookery.toml", "smpt", "did you mean smtp?")),
        ("[imap]\nidle = 5\n", ("rookery.toml", "imap.idle", "did you mean idle_s?")),
        ("[imap]\nidle_s = 'long'\n", ("imap.idle_s", "expected a number", 'found the text "long"')),
        ("[imap]\nidle_s = 3\n", ("imap.idle_s", "at least 1800", "found the number 3")),
        ("[store]\nkind = 'oracle'\n", ("store.kind", '"lmdb", "sqlite"', "oracle")),
        ("[tls]\ncertificate = { file = '/nowhere/secret' }\n", ("/nowhere/secret", "No such file", "check the path")),
        ("[tls]\ncertificate = { env = 'NO_SUCH' }\n", ("tls.certificate", "NO_SUCH is not set", "set it")),
        ("[imap\n", ("rookery.toml", "not valid TOML", "line 5")),
    ],
)
def test_wrong_settings(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    tried(config(tmp_path, text)).names(*words)
    assert not (tmp_path / "data").exists()


def test_no_settings_file(tmp_path: Path) -> None:
    tried(tmp_path / "none.toml").names("none.toml", "No such file", "check the path")


def test_no_certificate(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    listener = f'[[listen]]\nprotocol = "imap"\nport = {port}\ntls = "implicit"\n'
    said = tried(config(tmp_path, listener + f"[tls]\ncertificate = '{tmp_path}/no.pem'\n"))
    said.names("no.pem", "No such file", "Give PEM files")


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    listener = f'[[listen]]\nprotocol = "imap"\nport = {free_ports(1)[0]}\ntls = "implicit"\n'
    tried(config(tmp_path, listener + f"[tls]\ncertificate = '{tmp_path}/bad.pem'\n")).names(
        "bad.pem", "Give PEM files"
    )


def test_data_is_a_file(tmp_path: Path) -> None:
    data = tmp_path / "file"
    data.write_text("not a directory")
    tried(config(tmp_path, data=data)).names(
        "data directory cannot be used", str(data), "Let this user write there", "another"
    )
    assert data.read_text() == "not a directory"


def test_data_that_may_not_be_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    if is_root():
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(data)], capture_output=True)
        if mounted.returncode:
            pytest.skip("a read-only file system cannot be mounted here")
    else:
        data.chmod(0)
    try:
        tried(config(tmp_path, data=data)).names(
            "data directory cannot be used", str(data), "Let this user write there", "another"
        )
    finally:
        if is_root():
            subprocess.run(["umount", "-l", str(data)], check=True)
        else:
            data.chmod(0o700)


@pytest.mark.kill
def test_opened_twice(tmp_path: Path) -> None:
    first = Running(tmp_path / "data").start()
    assert first.process is not None
    try:
        said = tried(config(tmp_path, data=first.data))
        said.names(f"process {first.process.pid}", str(first.data), "stop it", "another data directory")
        with socket.create_connection(("127.0.0.1", first.ports["smtp"]), 5) as smtp:
            assert smtp.recv(100).startswith(b"220")
    finally:
        assert first.stop() == 0


FILES = {"lmdb": "data.mdb", "sqlite": "store.sqlite"}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "garbage": lambda data: bytes(range(256)) * (len(data) // 256),
    "cut in half": lambda data: data[: len(data) // 2],
    "a page short": lambda data: data[:-4096],
    "header overwritten": lambda data: bytes(8192) + data[8192:],
}


@pytest.fixture(scope="module", params=FILES)
def furnished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A data directory that was used, of each kind."""
    kind: str = request.param
    server = Running(tmp_path_factory.mktemp(kind) / "data", settings=f'[store]\nkind = "{kind}"\n').start()
    assert server.stop() == 0
    return kind, server.data


@pytest.mark.kill
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store(furnished: tuple[str, Path], damage: str, tmp_path: Path) -> None:
    kind, data = furnished
    file = data / "store" / FILES[kind]
    whole = file.read_bytes()
    try:
        file.write_bytes(DAMAGES[damage](whole))
        said = tried(config(tmp_path, f'[store]\nkind = "{kind}"\n', data=data))
        said.names(str(file), "damaged", "Restore it from a backup", "move it away")
    finally:
        file.write_bytes(whole)
