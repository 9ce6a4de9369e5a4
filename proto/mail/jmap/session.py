"""The Session object (RFC 8620 2).

The law: `state` is made from everything else in the object, so it changes when and only when something does.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mail.jmap.capabilities import CORE

STATE_OCTETS: Final = 9
_VARIABLE: Final = re.compile(r"\{([A-Za-z]+)\}")


@dataclass(frozen=True, slots=True)
class Account:
    """What a user is told of one account. `capabilities` are those with methods the user may use on it."""

    name: str
    personal: bool
    read_only: bool
    capabilities: Mapping[str, Mapping[str, Any]]

    def json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "isPersonal": self.personal,
            "isReadOnly": self.read_only,
            "accountCapabilities": self.capabilities,
        }


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the rest is. All but `api` are templates (RFC 6570 level 1), and have the variables they must have."""

    api: str
    download: str
    upload: str
    event_source: str

    def __post_init__(self) -> None:
        for template, needed in (
            (self.download, {"accountId", "blobId", "type", "name"}),
            (self.upload, {"accountId"}),
            (self.event_source, {"types", "closeafter", "ping"}),
        ):
            if missing := needed - set(_VARIABLE.findall(template)):
                raise ValueError(f"{template} is without {missing}")


def session(
    username: str,
    urls: Urls,
    capabilities: Mapping[str, Mapping[str, Any]],
    accounts: Mapping[str, Account],
    primary: Mapping[str, str],
) -> dict[str, Any]:
    """The whole object, ready to be written. `primary`: the account that a capability has as its first."""
    made: dict[str, Any] = {
        "capabilities": capabilities,
        "accounts": {name: account.json() for name, account in accounts.items()},
        "primaryAccounts": {uri: name for uri, name in primary.items() if uri != CORE},
        "username": username,
        "apiUrl": urls.api,
        "downloadUrl": urls.download,
        "uploadUrl": urls.upload,
        "eventSourceUrl": urls.event_source,
    }
    written = orjson.dumps(made, option=orjson.OPT_SORT_KEYS)
    return {**made, "state": hashlib.blake2b(written, digest_size=STATE_OCTETS).hexdigest()}
