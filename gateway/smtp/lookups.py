"""VRFY and EXPN (RFC 5321 3.5): answers from the directory, for those who are offered them.

Nobody else learns which addresses there are: the machine's own answers are the same for all.
"""

from typing import Final

from actors.directory.types import Local, NotLocal
from gateway.smtp import replies
from gateway.smtp.parts import Directory
from mail.smtp.replies import WILL_TRY, Reply

MEMBERS_MAX: Final = 1000  # told of one list; the directory's own bound for one


async def verified(directory: Directory, name: str) -> Reply:
    """VRFY: whether there is such a mailbox; 252 for what is not ours to know. Raises Unavailable."""
    address = _bare(name)
    found = await directory.resolve(address)
    if isinstance(found, Local):
        only = found.targets[0].address if "@" not in address and len(found.targets) == 1 else address
        return Reply(250, "2.1.5", f"<{only}>")
    return WILL_TRY if isinstance(found, NotLocal) else replies.unknown(found)


async def expanded(directory: Directory, name: str) -> Reply:
    """EXPN: the members of a list, a group or an alias, one on each line. Raises Unavailable."""
    members = await directory.members(_bare(name))
    if members is None:
        return replies.NO_SUCH_LIST
    lines = [f"<{member}>" for member in members[:MEMBERS_MAX]]
    if len(members) > MEMBERS_MAX:
        lines.append(f"and {len(members) - MEMBERS_MAX} more")
    return Reply(250, "2.1.5", "\n".join(lines)) if lines else replies.NO_MEMBERS


def _bare(name: str) -> str:
    """The address of `Fred Foobar <foo@bar.example>`, or what is there."""
    _, bracket, address = name.strip().rpartition("<")
    return address.removesuffix(">") if bracket and name.strip().endswith(">") else name.strip()
