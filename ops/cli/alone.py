"""`rookery alone`: a whole mail server in this one process."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import structs

from cluster.config import load
from cluster.errors import AlreadyExists
from ops.settings import Listener, Settings

if TYPE_CHECKING:
    from ops.core import Core

DEMO_DOMAIN: Final = "example.test"
DEMO_ACCOUNTS: Final = ("alice", "bob")
DEMO_PASSWORD: Final = "demo"  # noqa: S105 - told to everyone; the demo listens on loopback only
DEMO_LISTENERS: Final = (
    Listener(protocol="smtp", port=2525, tls="starttls"),
    Listener(protocol="submission", port=2587, tls="starttls"),
    Listener(protocol="submission", port=2465, tls="implicit"),
    Listener(protocol="lmtp", port=2424),
    Listener(protocol="imap", port=2143, tls="starttls"),
    Listener(protocol="imap", port=2993, tls="implicit"),
    Listener(protocol="pop3", port=2110, tls="starttls"),
    Listener(protocol="pop3", port=2995, tls="implicit"),
    Listener(protocol="https", port=2443, tls="implicit"),
    Listener(protocol="http", port=2080),
)
DEMO_TEXT: Final = """\
Rookery serves {domain} on this machine; mail is kept in {data}.

  accounts   {accounts}   (password: {password})
  SMTP       127.0.0.1:2525 (STARTTLS)   LMTP 127.0.0.1:2424
  submission 127.0.0.1:2587 (STARTTLS), 127.0.0.1:2465 (TLS)
  IMAP       127.0.0.1:2143 (STARTTLS), 127.0.0.1:2993 (TLS)
  POP3       127.0.0.1:2110 (STARTTLS), 127.0.0.1:2995 (TLS)
  JMAP       https://127.0.0.1:2443/.well-known/jmap
  metrics    http://127.0.0.1:2080/metrics

Send a first message, from another terminal:

  python3 -c "import smtplib; smtplib.SMTP('127.0.0.1', 2525).sendmail( \\
    'alice@{domain}', 'bob@{domain}', 'From: alice@{domain}\\r\\nSubject: Hello\\r\\n\\r\\nMail flows.')"

Read it:

  python3 -c "import imaplib; box = imaplib.IMAP4_SSL('127.0.0.1', 2993); \\
    box.login('bob@{domain}', '{password}'); box.select(); \\
    print(box.fetch('*', '(RFC822)')[1][0][1].decode())"

Stop with Ctrl-C.
"""
_TLS_SAID: Final = {"none": "", "starttls": " (STARTTLS)", "implicit": " (TLS)"}


@click.command()
@click.option("--demo", is_flag=True, help="Serve example.test on loopback, with two accounts to try things with.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The settings, a TOML file; `rookery config` prints one to begin with.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="ROOKERY_DATA",
    help="The data directory, instead of the settings' (which is rookery-data unless set).",
)
def alone(demo: bool, config: Path | None, data: Path | None) -> None:
    """Run a whole mail server in this one process.

    \b
    Try it:       rookery alone --demo
    For real:     rookery config > rookery.toml    (then edit it)
                  rookery alone --config rookery.toml
    """
    if demo == (config is not None):
        raise click.UsageError("Give either --demo, to try things, or --config FILE, to serve real mail.")
    settings = demo_settings() if config is None else load(Settings, config, os.environ)
    if data is not None:
        settings = structs.replace(settings, data=str(data))
    from cluster.hosting.alone import run

    raise SystemExit(run(_main(settings, demo=demo)))


def demo_settings() -> Settings:
    """What --demo serves."""
    return Settings(hostname="localhost", listen=DEMO_LISTENERS)


async def _main(settings: Settings, *, demo: bool) -> int:
    from cluster.clock import SystemClock
    from cluster.hosting.alone import serve
    from cluster.observe import logs
    from ops.core import Core
    from ops.server import serving

    logs.set_up(settings.log, SystemClock())

    def started(_core: Core) -> None:
        click.echo(_demo_text(settings) if demo else serving_text(settings))

    server = serving(settings, furnish if demo else None)
    return 0 if await serve(server, started, drain_s=settings.drain_s) else 1


async def furnish(core: "Core") -> None:
    """The demo's domain and accounts, where they are not there yet."""
    with suppress(AlreadyExists):
        await core.directory.add_domain(DEMO_DOMAIN)
    for name in DEMO_ACCOUNTS:
        with suppress(AlreadyExists):
            await core.directory.add_account(f"{name}@{DEMO_DOMAIN}", DEMO_PASSWORD)


def serving_text(settings: Settings) -> str:
    """Where it serves, and what is still as nobody would have it on a network."""
    lines = [f"Rookery serves as {settings.hostname}; mail is kept in {Path(settings.data).absolute()}.", ""]
    for listener in settings.listen:
        host = f"[{listener.host}]" if ":" in listener.host else listener.host
        lines.append(f"  {listener.protocol:<11}{host}:{listener.port}{_TLS_SAID[listener.tls]}")
    if settings.hostname == "localhost":
        lines += ["", "Other servers cannot look up the name localhost: set `hostname`."]
    if not settings.tls.certificate:
        lines += [
            "",
            "The certificate is self-signed, and mail programs will say so: set `certificate` and `key` in [tls].",
        ]
    return "\n".join(lines)


def _demo_text(settings: Settings) -> str:
    accounts = ", ".join(f"{name}@{DEMO_DOMAIN}" for name in DEMO_ACCOUNTS)
    data = Path(settings.data).absolute()
    return DEMO_TEXT.format(domain=DEMO_DOMAIN, accounts=accounts, password=DEMO_PASSWORD, data=data)
