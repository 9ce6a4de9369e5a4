"""What an exchange says next: challenge, question, success or failure. A password in a step must never be logged."""

from typing import NamedTuple, Protocol, TypeAlias


class ScramKeys(NamedTuple):
    """What a server keeps instead of a password (RFC 5802 3): it lets nobody log in elsewhere."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


class ScramAny(NamedTuple):
    """The keys of several passwords, of which one has to be proven; all of one salt and count of iterations. `names`:
    what to call each by once it was, or none."""

    keys: tuple[ScramKeys, ...]
    names: tuple[str, ...] = ()


class Challenge(NamedTuple):
    """Send this to the client, and give its answer to `step`."""

    data: bytes


class NeedPassword(NamedTuple):
    """Is this the password of this user? `answer(True)` or `answer(False)`, also False when there is no such user."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"NeedPassword({self.user!r}, ...)"


class NeedScram(NamedTuple):
    """What are the keys of this user? `answer(ScramKeys)`, `answer(ScramAny)` where there are several passwords, or
    `answer(None)` when there is no such user."""

    user: str


class NeedToken(NamedTuple):
    """Whose is this token? `answer(True)` when it is this user's, or anybody's where `user` is empty; else `False`."""

    user: str
    token: str

    def __repr__(self) -> str:
        return f"NeedToken({self.user!r}, ...)"


class Done(NamedTuple):
    """The client proved to be `authcid`, and wants to act as `authzid` (empty: as itself). `by`: with which of the keys
    that have names."""

    authcid: str
    authzid: str
    by: str = ""


class Failed(NamedTuple):
    """The end. `why` is for the log; the client only hears that it failed, and `says` where that helps it."""

    why: str
    authcid: str = ""
    says: str = ""


Found: TypeAlias = bool | ScramKeys | ScramAny | None
Step: TypeAlias = Challenge | NeedPassword | NeedScram | NeedToken | Done | Failed


class Exchange(Protocol):
    """One authentication under way."""

    def step(self, data: bytes) -> Step:
        """The initial response (empty when there was none), or the answer to a challenge."""
        ...

    def answer(self, found: "Found") -> Step:
        """The answer to NeedPassword, NeedScram or NeedToken."""
        ...
