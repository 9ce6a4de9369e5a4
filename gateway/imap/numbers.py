"""Which commands speak in sequence numbers.

The law: while such a command is answered no EXPUNGE or VANISHED is sent (RFC 3501 7.4.1, RFC 7162 3.2.10), and none
is obeyed after ENABLE UIDONLY (RFC 9586 3).
"""

from mail.imap import commands, search


def speaks_numbers(command: commands.Command) -> bool:
    """Whether there are sequence numbers in it: it has a UID form that it is not, or a search key with them."""
    if getattr(command, "uid", True) is False:
        return True
    key = getattr(command, "key", None)
    return key is not None and any(
        isinstance(one, search.SeqSet) and not one.messages.saved for one in search.leaves(key)
    )
