"""Settings as a server would declare them, for the tests of this folder."""

from enum import Enum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cluster.config import Secret


class Form(Enum):
    JSON = "json"
    CONSOLE = "console"


class Listen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One address to listen on."""

    host: Annotated[str, Meta(description="Address to bind.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="TCP port.", ge=1, le=65535)] = 25


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: Annotated[str, Meta(description="What it is called elsewhere.")]
    weight: float = 1.0


class Smtp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The SMTP service."""

    listen: Annotated[tuple[Listen, ...], Meta(description="Where to listen.", max_length=3)] = (
        Listen(),
        Listen(port=587),
    )
    message_bytes_max: Annotated[int, Meta(description="The largest message.", ge=1000)] = 50_000_000
    timeout_s: Annotated[float, Meta(description="How long a client may be silent.", gt=0)] = 300.0
    banner: Annotated[str, Meta(description='A text with "quotes", back\\slash and é.')] = 'a "b" \\ é\tc\x7f'
    hosts: Annotated[list[str], Meta(description="Names.")] = msgspec.field(default_factory=lambda: ["a", "b"])

    def __post_init__(self) -> None:
        if self.timeout_s > 1e6:
            raise ValueError("timeout_s is longer than a week; give a shorter one")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    smtp: Annotated[Smtp, Meta(description="SMTP and submission.")] = Smtp()
    password: Annotated[Secret, Meta(description="What opens the store.")] = Secret()
    level: Annotated[Literal["debug", "info"], Meta(description="How much to log.")] = "info"
    form: Form = Form.JSON
    proxy: Annotated[str | None, Meta(description="Where to connect through.")] = None
    drop_root: bool = True
    peers: Annotated[dict[str, Named], Meta(description="Others.")] = msgspec.field(
        default_factory=lambda: {"far away": Named(key="x")}
    )
    extra: Annotated[tuple[Named, ...], Meta(description="More of them.")] = ()
    labels: dict[str, int] = msgspec.field(default_factory=dict)
