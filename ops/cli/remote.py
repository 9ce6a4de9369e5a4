"""Which admin service on the network a command speaks to, and how each proves itself to the other.

The law: always TLS. With --authority the server must have a node's certificate of that authority, whatever its address;
without, one that this machine trusts for the address. The token never stands on a command line.
"""

import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import grpc
from msgspec import Struct

from cluster.errors import Misconfigured
from ops.admin.server import OPTIONS
from ops.admin.settings import AdminSettings

_META: Final = "rookery.remote"
_ADDRESS: Final = re.compile(r":\d{1,5}\Z")

Function = TypeVar("Function", bound=Callable[..., Any])


class Remote(Struct):
    """What was given of it."""

    server: str = ""
    authority: str = ""
    certificate: str = ""
    key: str = ""
    token_file: str = ""
    token: str = ""
    config: str = ""


_OPTIONS: Final = (
    ("server", "ROOKERY_SERVER", "HOST:PORT", "A server on the network, instead of this machine's."),
    ("config", "ROOKERY_CONFIG", "FILE", "The settings of a cluster, to speak with its parts directly."),
    ("authority", "ROOKERY_AUTHORITY", "FILE", "The authority that signed the server's certificate (PEM)."),
    ("certificate", "ROOKERY_CERTIFICATE", "FILE", "Your operator's certificate (PEM)."),
    ("key", "ROOKERY_KEY", "FILE", "Its private key (PEM)."),
    (
        "token_file",
        "ROOKERY_TOKEN_FILE",
        "FILE",
        "A file with the token, if you have no certificate (or set ROOKERY_TOKEN).",
    ),
)


def remote_options(function: Function) -> Function:
    """The options of all commands that may speak to another machine. Their values wait in the context."""
    for name, variable, metavar, text in reversed(_OPTIONS):
        function = click.option(
            f"--{name.replace('_', '-')}",
            name,
            envvar=variable,
            metavar=metavar,
            help=text,
            expose_value=False,
            callback=_keep,
            hidden=name not in ("server", "config"),  # the others are told of in `rookery status --help`
        )(function)
    return function


def _keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        setattr(context.meta.setdefault(_META, Remote()), str(parameter.name), value)


def chosen() -> Remote:
    """What this command was told to speak to; where neither `server` nor `config` is given: this machine's."""
    context = click.get_current_context(silent=True)
    remote = context.meta.get(_META) if context is not None else None
    return remote or Remote()


def channel_to(remote: Remote, token: str) -> grpc.aio.Channel:
    """A channel to it. `token`: empty for none. Raises Misconfigured naming the file that cannot be read."""
    from cluster.authority import NODE

    if not _ADDRESS.search(remote.server):
        raise Misconfigured(f"{remote.server!r} names no port: write HOST:PORT, as in mx-1:{AdminSettings().port}.")
    _check_pair(remote)
    credentials = grpc.ssl_channel_credentials(_read(remote.authority), _read(remote.key), _read(remote.certificate))
    if shown := token or (_read(remote.token_file) or b"").decode().strip():
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(shown))
    options = [*OPTIONS, ("grpc.ssl_target_name_override", NODE)] if remote.authority else OPTIONS
    return grpc.aio.secure_channel(remote.server, credentials, options=options)


def cure(remote: Remote, details: str) -> str:
    """A sentence on what may help where no connection came about, from gRPC's words; empty for none."""
    if not remote.server:
        return ""
    if "CERTIFICATE_VERIFY_FAILED" in details:
        known = remote.authority or "those known here"
        return f"Its certificate is signed by another authority than {known}: name its own with --authority."
    return "" if remote.certificate else "It may ask for an operator's certificate: --certificate and --key."


def _check_pair(remote: Remote) -> None:
    if bool(remote.certificate) != bool(remote.key):
        raise Misconfigured("An operator's certificate needs both --certificate and --key.")
    if not remote.certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(remote.certificate, remote.key)
    except ssl.SSLError as error:
        raise Misconfigured(f"{remote.certificate} and {remote.key} are no certificate and its key.") from error
    except OSError as error:
        raise Misconfigured(f"Cannot read {remote.certificate} and {remote.key}: {error.strerror}.") from error


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise Misconfigured(f"Cannot read {path}: {error.strerror}.") from error
