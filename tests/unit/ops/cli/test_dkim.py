"""`rookery domain dkim`."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cluster.errors import Trouble
from tests.unit.ops.cli.conftest import Run, objects

DOMAIN = "example.org"


@pytest.fixture(autouse=True)
def domain(run: Run) -> None:
    run("domain", "add", DOMAIN)


def test_a_key_s_life(run: Run) -> None:
    (first,) = objects(run("domain", "dkim", "add", DOMAIN, "--algorithm", "ed25519", "--json"))
    assert (first["state"], first["algorithm"]) == ("waiting", "ed25519-sha256")
    assert "waiting for its record" in run("domain", "dkim", "list", DOMAIN).stdout
    run("domain", "dkim", "activate", DOMAIN, first["selector"])
    (second,) = objects(run("domain", "dkim", "rotate", DOMAIN, "--json"))
    assert "wait already" in run("domain", "dkim", "rotate", DOMAIN).stderr
    with pytest.raises(Trouble, match="retire it first"):
        run("domain", "dkim", "remove", DOMAIN, first["selector"])
    run("domain", "dkim", "activate", DOMAIN, second["selector"])
    run("domain", "dkim", "retire", DOMAIN, second["selector"])
    told = objects(run("domain", "dkim", "list", DOMAIN, "--json"))
    assert [key["state"] for key in told] == ["retired", "retired"]
    for key in told:
        run("domain", "dkim", "remove", DOMAIN, key["selector"])
    assert "rookery domain dkim rotate" in run("domain", "dkim", "list", DOMAIN).stderr


def test_a_key_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private)
    done = run("domain", "dkim", "add", DOMAIN, "--from", file, "--selector", "old", "--active")
    assert "signs" in done.stdout
    for told in (done, run("domain", "dkim", "list", DOMAIN, "--json"), run("audit", "--json")):
        assert private.splitlines()[1].decode() not in told.stdout + told.stderr


def test_contradictions(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(b"x" * 70_000)
    assert run("domain", "dkim", "add", DOMAIN, "--from", file, "--algorithm", "rsa").exit_code == 2
    assert "too large" in run("domain", "dkim", "add", DOMAIN, "--from", file).stderr
