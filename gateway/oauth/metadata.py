"""What programs read before they begin: where the endpoints are (RFC 8414), and who gives tokens for what (RFC 9728).

The law: nothing is said to be here that is not.
"""

from typing import Any, Final

from actors.directory import scopes
from gateway.oauth import authorize, device, tokens
from gateway.oauth.clients import GRANTS, registered
from gateway.oauth.parts import BODY_BYTES_MAX, Asked, OauthError, Reply, Services, as_json

SERVER: Final = "/.well-known/oauth-authorization-server"
RESOURCE: Final = "/.well-known/oauth-protected-resource"
REGISTER: Final = "/oauth/register"
ACCOUNT: Final = "/account"
KEPT: Final = (("Cache-Control", "public, max-age=3600"),)


async def server(services: Services, asked: Asked) -> Reply:  # noqa: ARG001 (a handler)
    """RFC 8414 2."""
    issuer, settings = services.issuer, services.directory.authorizations.settings
    told: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": issuer + authorize.PATH,
        "token_endpoint": issuer + tokens.PATH,
        "device_authorization_endpoint": issuer + device.ENDPOINT,
        "revocation_endpoint": issuer + tokens.REVOKE,
        "scopes_supported": scopes.KNOWN,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANTS,
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["en"],
    }
    if settings.registration:
        told["registration_endpoint"] = issuer + REGISTER
    if settings.introspection_secret:
        told["introspection_endpoint"] = issuer + tokens.INTROSPECT
        told["introspection_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    return as_json(told, headers=KEPT)


async def resource(services: Services, asked: Asked) -> Reply:
    """RFC 9728 2 and 3.1: of the whole server, or of what the rest of the path names."""
    return as_json(
        {
            "resource": services.issuer + asked.path.removeprefix(RESOURCE),
            "authorization_servers": [services.issuer],
            "scopes_supported": scopes.KNOWN,
            "bearer_methods_supported": ["header"],
            "resource_name": services.host,
        },
        headers=KEPT,
    )


async def register(services: Services, asked: Asked) -> Reply:
    """RFC 7591 3. Raises OauthError."""
    if not services.directory.authorizations.settings.registration:
        raise OauthError("access_denied", "programs cannot introduce themselves here", 403)
    if len(asked.body) > BODY_BYTES_MAX:
        raise OauthError("invalid_client_metadata", "too long")
    return as_json(registered(asked.body, services.secret), 201)
