"""Where programs fetch tokens, ask about them and give them back (RFC 6749 3.2, RFC 7662, RFC 7009, RFC 8628 3.4).

The law: an error says what to do about it and nothing of any account. What programs are asked here is who they are: a
public program is its name and, for a code, the proof of PKCE. Its name may come as Basic has it, with an empty secret
(RFC 6749 2.3.1), as some libraries send it.
"""

import base64
import binascii
import hmac
import re
from typing import Any, Final
from urllib.parse import unquote_plus

from actors.directory import scopes
from actors.directory.devices import Wait
from actors.directory.granting import Granted, Refusal, Tokens
from gateway.oauth.authorize import check_resource
from gateway.oauth.clients import DEVICE_GRANT, Client, client_of
from gateway.oauth.parts import UNKEPT, Asked, OauthError, Reply, Services, as_json, once

PATH: Final = "/oauth/token"
REVOKE: Final = "/oauth/revoke"
INTROSPECT: Final = "/oauth/introspect"
FORM: Final = "application/x-www-form-urlencoded"
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 4.1


async def token(services: Services, asked: Asked) -> Reply:
    """Tokens for a code, a refresh token or a device. Raises OauthError."""
    fields, client_id, _client = program(services, asked)
    check_resource(services, fields.get("resource", ""))
    match fields.get("grant_type", ""):
        case "authorization_code":
            return _told(await _redeemed(services, client_id, fields))
        case "refresh_token":
            return _told(await _refreshed(services, client_id, fields))
        case grant if grant == DEVICE_GRANT:
            return _told(await _polled(services, client_id, fields))
        case "":
            raise OauthError("invalid_request", "grant_type is missing")
        case _:
            raise OauthError("unsupported_grant_type")


async def _redeemed(services: Services, client_id: str, fields: dict[str, str]) -> Tokens:
    code, uri, verifier = (_needed(fields, name) for name in ("code", "redirect_uri", "code_verifier"))
    if _VERIFIER.fullmatch(verifier) is None:
        raise OauthError("invalid_request", "code_verifier has 43 to 128 letters, digits and -._~")
    tokens = await services.directory.authorizations.redeem(client_id, code, uri, verifier)
    if tokens is None:
        raise OauthError("invalid_grant", "the code is not valid, or not any more, or for another request")
    return tokens


async def _refreshed(services: Services, client_id: str, fields: dict[str, str]) -> Tokens:
    text = fields.get("scope", "")
    wanted = scopes.asked(text)
    if text and not scopes.services(wanted):
        raise OauthError("invalid_scope", "scope is not what was granted")
    found = await services.directory.authorizations.refresh(client_id, _needed(fields, "refresh_token"), wanted)
    if isinstance(found, Refusal):
        raise OauthError(found.value, "somebody has to sign in again" if found is Refusal.GRANT else "")
    return found


async def _polled(services: Services, client_id: str, fields: dict[str, str]) -> Tokens:
    found = await services.directory.authorizations.poll(client_id, _needed(fields, "device_code"))
    if isinstance(found, Wait):
        raise OauthError(found.value)
    if found is None:
        raise OauthError("invalid_grant", "there is no such device_code of this program")
    return found


async def revoke(services: Services, asked: Asked) -> Reply:
    """End what a token belongs to; of one that is not there nothing is said (RFC 7009 2.2). Raises OauthError."""
    fields, client_id, _client = program(services, asked)
    await services.directory.authorizations.revoke(client_id, _needed(fields, "token"))
    return Reply(200, headers=UNKEPT)


async def introspect(services: Services, asked: Asked) -> Reply:
    """What a token stands for, to the servers that share our secret for that. Raises OauthError."""
    own = services.directory.authorizations.settings.introspection_secret.reveal()
    _name, given = _basic(asked)
    # In the form's encoding (RFC 6749 2.3.1), or as it is, as many send it.
    right = [
        hmac.compare_digest(own.encode(), one.encode(errors="surrogatepass")) for one in (unquote_plus(given), given)
    ]
    if not own or not any(right):
        challenge = (("WWW-Authenticate", 'Basic realm="introspection"'),)
        raise OauthError("invalid_client", "this is for servers with the secret", 401, challenge)
    if _type(asked) != FORM:
        raise OauthError("invalid_request", f"the body must be {FORM}")
    text = _needed(once(asked.form), "token")
    authorizations = services.directory.authorizations
    found, kind = await authorizations.access(text), "Bearer"
    if found is None:
        found, kind = await authorizations.granted(text), "refresh_token"
    holder = await services.directory.holder(found.account) if found is not None else None
    if found is None or holder is None:
        return as_json({"active": False})
    return as_json(_claims(services, found, kind) | {"username": holder.login, "sub": str(holder.account)})


def _claims(services: Services, found: Granted, kind: str) -> dict[str, Any]:
    """RFC 7662 2.2."""
    return {
        "active": True,
        "scope": " ".join(found.scopes),
        "token_type": kind,
        "exp": found.until_ms // 1000,
        "iat": found.created_ms // 1000,
        "iss": services.issuer,
    }


def program(services: Services, asked: Asked) -> tuple[dict[str, str], str, Client]:
    """The fields of a form, and the program that sent them, by its name and as it registered. Raises OauthError."""
    if _type(asked) != FORM:
        raise OauthError("invalid_request", f"the body must be {FORM}")
    fields = once(asked.form)
    client_id = fields.get("client_id", "")
    if "authorization" in asked.headers:
        name, secret = _basic(asked)
        if not name or secret or client_id not in ("", name):  # RFC 6749 5.2: in the way it was tried
            challenge = (("WWW-Authenticate", 'Basic realm="OAuth"'),)
            raise OauthError("invalid_client", "programs have no secret here; send client_id alone", 401, challenge)
        client_id = name
    if not client_id:
        raise OauthError("invalid_client", "client_id is missing", 401)
    client = client_of(client_id, services.secret)
    if client is None:
        raise OauthError("invalid_client", "the program has to register first", 401)
    return fields, client_id, client


def _type(asked: Asked) -> str:
    return asked.headers.get("content-type", "").partition(";")[0].strip().lower()


def _needed(fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise OauthError("invalid_request", f"{name} is missing")
    return fields[name]


def _basic(asked: Asked) -> tuple[str, str]:
    """The name and the secret in a Basic authorization, both empty where it is none."""
    scheme, _, text = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, secret


def _told(tokens: Tokens) -> Reply:
    """RFC 6749 5.1."""
    told: dict[str, Any] = {
        "access_token": tokens.access,
        "token_type": "Bearer",
        "expires_in": tokens.expires_s,
        "scope": " ".join(tokens.scopes),
    }
    return as_json(told | ({"refresh_token": tokens.refresh} if tokens.refresh else {}))
