"""URLs that let others read a message: GENURLAUTH, RESETKEY, URLFETCH (RFC 4467, RFC 5524).

The law: a token is good for exactly the URL that it was made for, as long as the mailbox's key stands, the date of
the URL has not passed, and the one who made it may still read the mailbox. Why a URL is no good is nobody's business.

The key of a mailbox is made of the server's secret, the user, the mailbox and the numbers that RESETKEY drew last,
which are annotations of the user's account that nobody is shown; so no key is stored. A token begins with a seal, made
of the URL and the server's secret alone: what was made up is found out before anybody's mailbox is looked for, and the
time that takes tells nothing.
"""

import hmac
from hashlib import sha256
from typing import Final

from gateway.imap.parts import Place
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad, No
from gateway.imap.urls import Reading, place_with
from mail.imap import commands
from mail.imap import url as urls
from mail.imap.codes import url_mech_code
from mail.imap.contents import UrlData, gen_url_auth_line, url_fetch
from mail.imap.errors import ImapError
from mail.imap.url import ImapUrl
from mail.imap.urlauth import UrlParam

INTERNAL: Final = "INTERNAL"
_ALGORITHM: Final = "02"  # the first octet of a token: HMAC-SHA-256, with a seal and a key of the kind above
_SEAL_BYTES: Final = 16
_RESETS: Final = "/server/urlauth"  # annotations of this name, and below it, are the numbers
_NUMBER_BYTES: Final = 8


async def gen_url_auth(session: Session, command: commands.GenUrlAuth) -> Ok:
    """RFC 4467 7, GENURLAUTH: tokens for URLs of one's own."""
    assert session.principal is not None
    signed: list[bytes] = []
    reading = Reading(session)
    try:
        for rump in command.urls:
            if rump.mechanism != INTERNAL:
                raise Bad("There is no other mechanism than INTERNAL here")
            url = _rump(rump.url)
            if url.server is None or url.server.user != session.principal.login:
                raise Bad("The URL has to name you as its user")
            key = await _key(session, url, reading)
            if key is None:
                raise No("The URL names no mailbox that you may read", urls.bad_url_code(rump.url).decode())
            token = _seal(session, url.rump) + hmac.digest(key, url.rump, sha256).hex()
            signed.append(b"%b:%b:%b" % (url.rump, INTERNAL.encode(), token.encode()))
    finally:
        await reading.close()
    session.wire.write(gen_url_auth_line(signed))
    return Ok("GENURLAUTH completed")


async def reset_key(session: Session, command: commands.ResetKey) -> Ok:
    """RFC 4467 7, RESETKEY: what was signed before is no good any more."""
    if any(mechanism != INTERNAL for mechanism in command.mechanisms):
        raise Bad("There is no other mechanism than INTERNAL here")
    assert session.principal is not None
    suffix = ""
    if command.mailbox is not None:
        found = await place_with(session, session.principal.login, command.mailbox)
        reading = Reading(session)
        try:
            number = await reading.number(found[1]) if found is not None else None
        finally:
            await reading.close()
        if found is None or number is None:
            raise No("There is no such mailbox", "NONEXISTENT")
        suffix = f"/{found[1].account:x}.{number:x}"
    number_bytes = session.services.dice.getrandbits(8 * _NUMBER_BYTES).to_bytes(_NUMBER_BYTES, "big")
    await session.services.mail.annotate(session.account, "", [(_RESETS + suffix, number_bytes)])
    return Ok("RESETKEY completed", url_mech_code().decode())


async def fetch(session: Session, command: commands.UrlFetch) -> Ok:
    """RFC 4467 7, URLFETCH: NIL for a URL that is no good, whatever the reason."""
    reading = Reading(session)
    try:
        for wanted in command.urls:
            data = await _fetched(session, wanted, reading)
            for chunk in url_fetch([(wanted.url, data)]):
                session.wire.write(chunk)
            await session.wire.drain()
    finally:
        await reading.close()
    return Ok("URLFETCH completed")


async def _fetched(session: Session, wanted: commands.WantedUrl, reading: Reading) -> UrlData:
    try:
        url = urls.parse(wanted.url)
    except ImapError:
        return None
    where = await _place(session, url, reading) if _may_use(session, url) else None
    if where is None:
        return None
    if not wanted.params:
        data = await reading.content(url, where)
        return None if data is None else data.replace(b"\0", b"\x80")
    told: list[tuple[UrlParam, bytes | None]] = []
    for param in wanted.params:
        if param is UrlParam.BODYPARTSTRUCTURE:
            told.append((param, await reading.structure(url, where)))
        elif param is UrlParam.BINARY:
            told.append((param, await reading.binary(url, where)))
        else:
            data = await reading.content(url, where)
            told.append((param, None if data is None else data.replace(b"\0", b"\x80")))
    return told


async def _place(session: Session, url: ImapUrl, reading: Reading) -> Place | None:
    """Where a URL leads, if its token is good."""
    assert url.auth is not None
    token, seal = url.auth.token or "", _seal(session, url.rump)
    if not hmac.compare_digest(token[: len(seal)].encode(), seal.encode()):
        return None
    key = await _key(session, url, reading)
    if key is None or not hmac.compare_digest(token[len(seal) :], hmac.digest(key, url.rump, sha256).hex()):
        return None
    assert url.server is not None
    assert url.server.user is not None
    found = await place_with(session, url.server.user, url.mailbox)
    return None if found is None else found[1]


def _may_use(session: Session, url: ImapUrl) -> bool:
    """RFC 4467 3: for whom the URL is, and until when. `submit+` is for a submission server, of which none logs in."""
    assert session.principal is not None
    auth = url.auth
    if auth is None or auth.mechanism != INTERNAL or url.server is None or not url.server.user:
        return False
    if auth.expires_s is not None and auth.expires_s * 1000 <= session.services.clock.now_ms():
        return False
    if auth.access in ("anonymous", "authuser"):
        return auth.access_user is None
    return auth.access == "user" and auth.access_user == session.principal.login


def _rump(text: bytes) -> ImapUrl:
    try:
        url = urls.parse(text)
    except ImapError as error:
        raise Bad(error.text, (error.code or b"").decode()) from None
    if url.auth is None or url.auth.token is not None:
        raise Bad("Expected a URL with ;URLAUTH= and without a token")
    access, user = url.auth.access, url.auth.access_user
    if (access in ("submit", "user")) is (user is None) or access not in ("submit", "user", "authuser", "anonymous"):
        raise Bad("URLAUTH is for submit+, user+, authuser or anonymous (RFC 4467 3)")
    return url


async def _key(session: Session, url: ImapUrl, reading: Reading) -> bytes | None:
    """The key of the URL's user for the URL's mailbox; None where he may not read it."""
    assert url.server is not None
    assert url.server.user is not None
    found = await place_with(session, url.server.user, url.mailbox)
    if found is None:
        return None
    user, where = found
    number = await reading.number(where)
    if number is None:
        return None
    drawn = await _drawn(session, user)
    mailbox = f"{where.account:x}.{number:x}"
    resets = (drawn.get(_RESETS, 0), drawn.get(f"{_RESETS}/{mailbox}", 0))
    text = f"urlauth {user:x} {mailbox} {resets[0]} {resets[1]}"
    return hmac.digest(session.services.sasl_secret, text.encode(), sha256)


async def _drawn(session: Session, user: int) -> dict[str, int]:
    """The numbers that RESETKEY drew last for keys of a user, by annotation."""
    annotations = await session.services.mail.annotations(user, [""])
    pairs = [pair for _name, held in annotations.of for pair in held]
    return {name: int.from_bytes(value, "big") for name, value in pairs if name.startswith(_RESETS)}


def _seal(session: Session, rump: bytes) -> str:
    """What a token begins with."""
    seal = hmac.digest(session.services.sasl_secret, b"urlauth seal " + rump, sha256)
    return _ALGORITHM + seal[:_SEAL_BYTES].hex()
