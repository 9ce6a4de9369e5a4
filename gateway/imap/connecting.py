"""Commands about the connection itself: COMPRESS, UNAUTHENTICATE, GETJMAPACCESS.

The law: what is not offered is as unknown as any other word; what a command changes about the connection begins behind
its answer.
"""

from gateway.imap.session import Ok, Session
from gateway.imap.troubles import Bad, No
from mail.imap import commands
from mail.imap.responses import jmap_access_line


async def compress(session: Session, _command: commands.Compress) -> Ok:
    """RFC 4978 3."""
    if not session.services.settings.compress:
        raise Bad("Unknown command")
    if session.wire.compresses:
        raise No("DEFLATE is active already", "COMPRESSIONACTIVE")
    session.wants_deflate = True
    return Ok("DEFLATE begins")


async def unauthenticate(session: Session, _command: commands.Unauthenticate) -> Ok:
    """RFC 8437 3: never answered NO, as a login may follow already."""
    if not session.services.settings.unauthenticate:
        raise Bad("Unknown command")
    session.log.info("imap.unauthenticate")
    await session.part()
    return Ok("You may log in again")


async def get_jmap_access(session: Session, _command: commands.GetJmapAccess) -> Ok:
    """RFC 9698 4."""
    url = session.services.settings.jmap_url
    if not url:
        raise Bad("Unknown command")
    session.wire.write(jmap_access_line(url))
    return Ok("GETJMAPACCESS completed")
