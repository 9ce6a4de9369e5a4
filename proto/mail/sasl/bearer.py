"""OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's, older, much used): the client sends a token that others gave it.

Only to be offered under TLS, as a token is as good as a password. A refusal is told in two steps: what is wrong, as
JSON in a challenge, which the client must answer with nothing of meaning; then the failure.
"""

import re

import msgspec

from mail.sasl.saslprep import NotPrintable, saslprep
from mail.sasl.steps import Challenge, Done, Failed, Found, NeedToken, Step

TOKEN_BYTES_MAX = 8192  # a signed token with many claims has 2 to 4 kB; a line of AUTH ends at 12,288 (RFC 4954 4.3)
MESSAGE_BYTES_MAX = TOKEN_BYTES_MAX + 1024
# client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep; kvpair = key "=" value kvsep (RFC 7628 3.1);
# gs2-header = gs2-cb-flag "," ["a=" saslname] "," (RFC 5801 4)
_CLIENT = re.compile(
    rb"([ny]|p=[A-Za-z0-9.-]+),(?:a=((?:[^\x00=,\x01]|=2C|=3D)+))?,\x01((?:[A-Za-z]+=[^\x00\x01]*\x01)*)\x01"
)
# user=NAME ^A auth=Bearer TOKEN ^A ^A
_XOAUTH2 = re.compile(rb"user=([^\x00\x01]*)\x01((?:[A-Za-z]+=[^\x00\x01]*\x01)*)\x01")
# b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 2.1)
_BEARER = re.compile(rb"(?i:Bearer) +([A-Za-z0-9._~+/-]+=*) *")


class _WithToken:
    """What the two share: one message, one question, and the refusal in two steps."""

    def __init__(self, scope: str = "", configuration: str = "") -> None:
        self._scope = scope
        self._configuration = configuration
        self._user = ""
        self._asked = self._refused = False

    def step(self, data: bytes) -> Step:
        """The client's one message; after a refusal its empty answer."""
        if self._refused:
            return Failed("token is not valid", self._user)
        if not data and not self._asked:
            self._asked = True
            return Challenge(b"")
        if len(data) > MESSAGE_BYTES_MAX:
            return Failed("message too long")
        return self._message(data)

    def answer(self, found: Found) -> Step:
        """Whether the token is that user's."""
        if found is True:
            return Done(self._user, "")
        return self._refuse()

    def _message(self, data: bytes) -> Step:
        raise NotImplementedError

    def _refuse(self) -> Step:
        self._refused = True
        return Challenge(msgspec.json.encode(self._error()))

    def _error(self) -> dict[str, str]:
        raise NotImplementedError

    def _ask(self, user: bytes, pairs: bytes) -> Step:
        """With the pairs of the message; without a token what a client needs to get one is told (RFC 7628 4.3)."""
        values = [value for key, _, value in (pair.partition(b"=") for pair in pairs.split(b"\x01")) if key == b"auth"]
        try:
            self._user = saslprep(user.decode())
        except (UnicodeDecodeError, NotPrintable):
            return Failed("name cannot be read")
        if len(values) != 1:
            return Failed("one token is needed", self._user)
        token = _BEARER.fullmatch(values[0])
        if token is None or len(token[1]) > TOKEN_BYTES_MAX:
            return self._refuse()
        return NeedToken(self._user, token[1].decode())


class OAuthBearer(_WithToken):
    """OAUTHBEARER; without a name the token says who it is."""

    def _message(self, data: bytes) -> Step:
        found = _CLIENT.fullmatch(data)
        if found is None:
            return Failed("OAUTHBEARER message cannot be read")
        if found[1].startswith(b"p"):  # RFC 7628 3.1: no channel binding here
            return Failed("channel binding without -PLUS")
        return self._ask((found[2] or b"").replace(b"=2C", b",").replace(b"=3D", b"="), found[3])

    def _error(self) -> dict[str, str]:
        """RFC 7628 3.2.2."""
        told = {"status": "invalid_token", "scope": self._scope, "openid-configuration": self._configuration}
        return {key: value for key, value in told.items() if value}


class XOAuth2(_WithToken):
    """XOAUTH2 (developers.google.com/gmail/imap/xoauth2-protocol)."""

    def _message(self, data: bytes) -> Step:
        found = _XOAUTH2.fullmatch(data)
        if found is None or not found[1]:
            return Failed("XOAUTH2 message cannot be read")
        return self._ask(found[1], found[2])

    def _error(self) -> dict[str, str]:
        return {"status": "401", "schemes": "bearer", "scope": self._scope}
