"""SCRAM-SHA-256 (RFC 5802, RFC 7677): the client proves that it knows the password, and the server that it knows it.

An unknown user gets salt and iterations too, the same each time, and fails where a wrong password fails: the exchange
must not tell one from the other. Proofs are compared in constant time.
"""

import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple

from mail.sasl.saslprep import NotPrintable, saslprep
from mail.sasl.steps import Challenge, Done, Failed, Found, NeedScram, ScramAny, ScramKeys, Step

SALT_BYTES = 16
MESSAGE_BYTES_MAX = 2048  # a name, a nonce, a proof and a channel binding, with room
_NAME = rb"(?:[^\x00=,]|=2C|=3D)+"  # saslname (RFC 5802 7)
_NONCE = rb"[!-+\--~]+"  # printable = %x21-2B / %x2D-7E
# client-first-message = gs2-header client-first-message-bare; gs2-header = gs2-cbind-flag "," [ "a=" saslname ] ","
_CLIENT_FIRST = re.compile(
    rb"((?:(n|y)|p=([A-Za-z0-9.-]+)),(?:a=("
    + _NAME
    + rb"))?,)(n=("
    + _NAME
    + rb"),r=("
    + _NONCE
    + rb")(?:,[A-Za-z]=[^,]*)*)"
)
# client-final-message = channel-binding "," nonce ["," extensions] "," proof
_CLIENT_FINAL = re.compile(rb"(c=([A-Za-z0-9+/=]+),r=(" + _NONCE + rb")(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]+={0,2})")


class Binding(NamedTuple):
    """A channel binding (RFC 5929, RFC 9266): `tls-server-end-point`, `tls-unique` or `tls-exporter`, and its bytes."""

    kind: str
    data: bytes


def derive_scram(password: str, salt: bytes, iterations: int) -> ScramKeys:
    """The keys to keep for a password (RFC 5802 3). Slow by intent: run it in a thread. Raises NotPrintable."""
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password, stored=True).encode(), salt, iterations)
    client_key = _hmac(salted, b"Client Key")
    return ScramKeys(salt, iterations, hashlib.sha256(client_key).digest(), _hmac(salted, b"Server Key"))


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


class Scram:
    """One exchange; `bindings` are there when the -PLUS form was chosen."""

    def __init__(
        self,
        *,
        nonce: str,
        secret: bytes,
        iterations: int,
        bindings: Sequence[Binding] = (),
        plus_offered: bool = False,
    ) -> None:
        """`nonce`: ours, fresh and printable without a comma. `secret`: the server's, for the salt of unknown users.

        `iterations`: what real accounts have. `bindings`: of each kind that is there one; the client chooses.
        """
        self._server_nonce = nonce.encode()
        self._secret = secret
        self._iterations = iterations
        self._bindings = {binding.kind.encode(): binding.data for binding in bindings}
        self._binding = b""
        self._plus_offered = plus_offered
        self._asked = False
        self._user = ""
        self._authzid = ""
        self._header = b""
        self._first_bare = b""
        self._nonce = b""
        self._server_first = b""
        self._keys: tuple[ScramKeys, ...] = ()
        self._names: tuple[str, ...] = ()
        self._by = ""
        self._known = False
        self._proven = False

    def step(self, data: bytes) -> Step:
        """client-first-message, client-final-message, then the empty answer to server-final-message."""
        if len(data) > MESSAGE_BYTES_MAX:
            return Failed("SCRAM message too long", self._user)
        if self._proven:
            return Failed("something after the end", self._user) if data else Done(self._user, self._authzid, self._by)
        if self._keys:
            return self._client_final(data, self._keys)
        if not data and not self._asked:
            self._asked = True
            return Challenge(b"")
        return self._client_first(data)

    def answer(self, found: Found) -> Step:
        """The keys of the user, or None; then server-first-message."""
        keys = found.keys if isinstance(found, ScramAny) else (found,) if isinstance(found, ScramKeys) else ()
        self._known = bool(keys)
        self._names = found.names if isinstance(found, ScramAny) else ()
        self._keys = keys or (self._fake_keys(),)
        salt = binascii.b2a_base64(self._keys[0].salt, newline=False)
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, self._keys[0].iterations)
        return Challenge(self._server_first)

    def _client_first(self, data: bytes) -> Step:
        found = _CLIENT_FIRST.fullmatch(data)
        if found is None:
            return Failed("client-first-message cannot be read")
        self._header, flag, kind, authzid, self._first_bare, name, nonce = found.groups()
        wrong = self._wrong_binding(flag, kind)
        if wrong is not None:
            return wrong
        try:
            self._user = saslprep(_unescape(name).decode())
            self._authzid = saslprep(_unescape(authzid or b"").decode())
        except (UnicodeDecodeError, NotPrintable):
            return Failed("name cannot be read")
        self._nonce = nonce + self._server_nonce
        return NeedScram(self._user)

    def _wrong_binding(self, flag: bytes | None, kind: bytes | None) -> Failed | None:
        """RFC 5802 6. What is told is the text of its server-error-value (RFC 5802 7)."""
        if not self._bindings:
            if kind is not None:
                return Failed("channel binding without -PLUS", says="channel-binding-not-supported")
            if flag == b"y" and self._plus_offered:
                why = "a downgrade: the client can bind, and was not offered -PLUS"
                return Failed(why, says="server-does-support-channel-binding")
            return None
        if kind is None:
            return Failed("-PLUS without channel binding", says="channel-bindings-dont-match")
        if kind not in self._bindings:
            return Failed("-PLUS with a channel binding that is not here", says="unsupported-channel-binding-type")
        self._binding = self._bindings[kind]
        return None

    def _client_final(self, data: bytes, keys: tuple[ScramKeys, ...]) -> Step:
        found = _CLIENT_FINAL.fullmatch(data)
        if found is None:
            return Failed("client-final-message cannot be read", self._user)
        without_proof, binding, nonce, proof = found.groups()
        expected = self._header + self._binding
        if binding != binascii.b2a_base64(expected, newline=False) or nonce != self._nonce:
            return Failed("channel binding or nonce is another", self._user)
        auth_message = b",".join((self._first_bare, self._server_first, without_proof))
        proven = [at for at, one in enumerate(keys) if _proves(proof, one.stored_key, auth_message)]
        if not (proven and self._known):
            return Failed("wrong name or password", self._user)
        self._proven = True
        self._by = self._names[proven[0]] if self._names else ""
        signature = _hmac(keys[proven[0]].server_key, auth_message)
        return Challenge(b"v=" + binascii.b2a_base64(signature, newline=False))

    def _fake_keys(self) -> ScramKeys:
        salt, key = (_hmac(self._secret, what + self._user.encode()) for what in (b"salt\0", b"key\0"))
        return ScramKeys(salt[:SALT_BYTES], self._iterations, key, key)


def _proves(proof: bytes, stored_key: bytes, auth_message: bytes) -> bool:
    """ClientKey := ClientProof XOR ClientSignature; H(ClientKey) must be StoredKey (RFC 5802 3)."""
    try:
        given = binascii.a2b_base64(proof, strict_mode=True)
    except binascii.Error:
        return False
    signature = _hmac(stored_key, auth_message)
    if len(given) != len(signature):
        return False
    client_key = bytes(a ^ b for a, b in zip(given, signature, strict=True))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)


def _unescape(name: bytes) -> bytes:
    return name.replace(b"=2C", b",").replace(b"=3D", b"=")
