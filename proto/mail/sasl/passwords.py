"""PLAIN (RFC 4616) and LOGIN: the client sends the password itself. Only to be offered under TLS."""

from mail.sasl.saslprep import NotPrintable, saslprep
from mail.sasl.steps import Challenge, Done, Failed, Found, NeedPassword, Step

FIELD_BYTES_MAX = 255  # RFC 4616 2 leaves it to us; longer than any real name or password


class _WithPassword:
    """What PLAIN and LOGIN share: the question, and what follows from its answer."""

    def __init__(self) -> None:
        self._user = ""
        self._authzid = ""

    def _ask(self, authzid: bytes, user: bytes, password: bytes) -> Step:
        if not user or not password:
            return Failed("empty name or password")
        if max(len(authzid), len(user), len(password)) > FIELD_BYTES_MAX:
            return Failed("name or password too long")
        try:
            self._authzid = saslprep(authzid.decode())
            self._user = saslprep(user.decode())
            return NeedPassword(self._user, saslprep(password.decode()))
        except (UnicodeDecodeError, NotPrintable):
            return Failed("name or password cannot be read", self._user)

    def answer(self, found: Found) -> Step:
        """Whether the password was right."""
        if found is not True:
            return Failed("wrong name or password", self._user)
        return Done(self._user, self._authzid)


class Plain(_WithPassword):
    """PLAIN: message = [authzid] NUL authcid NUL passwd."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = False

    def step(self, data: bytes) -> Step:
        """The one message of the client."""
        if not data and not self._asked:
            self._asked = True
            return Challenge(b"")
        fields = data.split(b"\0")
        if len(fields) != 3:
            return Failed("PLAIN message is not of three fields")
        return self._ask(*fields)


class Login(_WithPassword):
    """LOGIN (draft-murchison-sasl-login): name and password, each asked for; in no standard, but much used."""

    def __init__(self) -> None:
        super().__init__()
        self._name: bytes | None = None
        self._asked = False

    def step(self, data: bytes) -> Step:
        """The name, then the password."""
        if self._name is not None:
            return self._ask(b"", self._name, data)
        if not data and not self._asked:
            self._asked = True
            return Challenge(b"Username:")
        self._name = data
        return Challenge(b"Password:")
