"""`rookery version`: what a report of a defect should begin with."""

import platform
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Final

import click

PROJECT: Final = Path(__file__).resolve().parents[2] / "pyproject.toml"
PARTS: Final = ("lmdb", "grpcio", "protobuf", "uvloop", "cryptography")


def current() -> str:
    """The version of Rookery, from the installed package or from the checkout it runs in."""
    try:
        return metadata.version("rookery")
    except metadata.PackageNotFoundError:
        return str(tomllib.loads(PROJECT.read_text())["project"]["version"])


def _of(part: str) -> str:
    try:
        return metadata.version(part)
    except metadata.PackageNotFoundError:
        return "missing"


@click.command()
def version() -> None:
    """Show the version, and of the parts it stands on."""
    click.echo(f"rookery {current()}")
    click.echo(f"Python {platform.python_version()} on {platform.platform(terse=True)} {platform.machine()}")
    click.echo(", ".join(f"{part} {_of(part)}" for part in PARTS))
