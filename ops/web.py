"""All that is served over HTTPS, put together: JMAP, our own OAuth 2, the MTA-STS policy, the HTTP API.

The law: a path is served only where what it is for is on; who may log in is asked in one place for all.
"""

import ssl
from typing import TYPE_CHECKING, Final

import structlog

from actors.throttle.client import ThrottleClient
from gateway.jmap.cache import Fragments
from gateway.jmap.metrics import Metrics as JmapMetrics
from gateway.jmap.parts import Sending
from gateway.jmap.parts import Services as JmapServices
from gateway.jmap.routes import SESSION, WELL_KNOWN, Jmap
from gateway.logins import Logins
from gateway.oauth.mounting import mount
from gateway.oauth.parts import Services as OauthServices
from gateway.web.credentials import Credentials, Introspected
from gateway.web.metrics import WebMetrics
from gateway.web.mtasts import policy_resource
from gateway.web.parts import WebServices
from gateway.web.router import Router
from gateway.web.server import WebServer
from mail.trust import mtasts
from ops.admin.server import AdminServer
from ops.cli.version import current
from ops.core import Core
from ops.pushing import Pushing
from ops.settings import Settings

if TYPE_CHECKING:
    from ops.admin.http.api import Api

_RESOURCE: Final = "/.well-known/oauth-protected-resource"  # RFC 9728 3.1


def web_server(
    core: Core,
    settings: Settings,
    tls: ssl.SSLContext | None,
    secret: bytes,
    logins: Logins,
    push: Pushing,
    sending: Sending,
    admin: AdminServer,
) -> WebServer:
    """Ready to listen. `sending`: the way out."""
    log = structlog.get_logger()
    router = Router()
    router.add(mtasts.PATH, policy_resource(settings.mta_sts.policy(settings.hostname), core.directory))
    issuer = core.directory.authorizations.settings.issuer
    if issuer:
        counts = ThrottleClient(core.calling, settings.throttling.lease_s)
        pause_s = settings.web.login_failure_delay_s
        oauth = OauthServices(core.directory, logins, core.clock, core.dice, log, secret, pause_s, counts)
        mount(router, oauth, (WELL_KNOWN, SESSION))
    challenge = f', resource_metadata="{issuer}{_RESOURCE}{SESSION}"' if issuer else ""
    credentials = Credentials(
        core.directory, logins, Introspected(core.directory), core.clock, core.dice, challenge=challenge
    )
    Jmap(_jmap(core, settings, push, sending), credentials, push.watcher).add_to(router)
    if settings.api.enabled:
        _api(core, settings, logins, admin).add_to(router)
    services = WebServices(settings.web, WebMetrics(core.registry), core.clock, core.dice, log)
    return WebServer(router, services, tls)


def _api(core: Core, settings: Settings, logins: Logins, admin: AdminServer) -> "Api":
    """The admin service over HTTPS. No program gets a token for it from us, so nobody is told where."""
    from ops.admin.http.api import Api
    from ops.admin.http.entrance import Entrance
    from ops.admin.http.repeats import Repeats
    from ops.admin.recording import Recorder

    directory = core.directory
    credentials = Credentials(directory, logins, Introspected(directory), core.clock, core.dice)
    entrance = Entrance(settings.api, settings.admin.token, credentials, directory)
    repeats = Repeats(core.store, core.clock)
    return Api(admin.service.servicers, Recorder(admin.audit), entrance, repeats, current())


def _jmap(core: Core, settings: Settings, push: Pushing, sending: Sending) -> JmapServices:
    return JmapServices(
        core.mailboxes,
        core.directory,
        settings.jmap.limits(),
        JmapMetrics(core.registry),
        core.clock,
        core.dice,
        structlog.get_logger(),
        Fragments(),
        settings.hostname,
        settings.jmap,
        push.desk,
        sending,
        core.search,
    )
