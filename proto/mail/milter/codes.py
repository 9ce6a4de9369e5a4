"""The words of the protocol, named as in Sendmail's mfdef.h without their SMFIC_, SMFIR_, SMFIF_, SMFIP_ and SMFIM_.

The law: a number here is on the wire; none may ever change.
"""

from enum import IntEnum, IntFlag
from typing import Final


class Command(IntEnum):
    """What we tell a filter (SMFIC)."""

    ABORT = ord("A")
    BODY = ord("B")
    CONNECT = ord("C")
    MACRO = ord("D")
    BODYEOB = ord("E")
    HELO = ord("H")
    QUIT_NC = ord("K")
    HEADER = ord("L")
    MAIL = ord("M")
    EOH = ord("N")
    OPTNEG = ord("O")
    QUIT = ord("Q")
    RCPT = ord("R")
    DATA = ord("T")
    UNKNOWN = ord("U")


class Response(IntEnum):
    """What a filter answers (SMFIR)."""

    ADDRCPT = ord("+")
    DELRCPT = ord("-")
    ADDRCPT_PAR = ord("2")
    SHUTDOWN = ord("4")
    ACCEPT = ord("a")
    REPLBODY = ord("b")
    CONTINUE = ord("c")
    DISCARD = ord("d")
    CHGFROM = ord("e")
    CONN_FAIL = ord("f")
    ADDHEADER = ord("h")
    INSHEADER = ord("i")
    CHGHEADER = ord("m")
    PROGRESS = ord("p")
    QUARANTINE = ord("q")
    REJECT = ord("r")
    SKIP = ord("s")
    TEMPFAIL = ord("t")
    REPLYCODE = ord("y")


class Action(IntFlag):
    """What a filter may ask to be changed (SMFIF)."""

    NONE = 0
    ADDHDRS = 0x01
    CHGBODY = 0x02
    ADDRCPT = 0x04
    DELRCPT = 0x08
    CHGHDRS = 0x10
    QUARANTINE = 0x20
    CHGFROM = 0x40
    ADDRCPT_PAR = 0x80
    SETSYMLIST = 0x100


class Protocol(IntFlag):
    """What need not be sent (NO), is not answered (NR), and other ways of talking (SMFIP)."""

    NONE = 0
    NOCONNECT = 0x01
    NOHELO = 0x02
    NOMAIL = 0x04
    NORCPT = 0x08
    NOBODY = 0x10
    NOHDRS = 0x20
    NOEOH = 0x40
    NR_HDR = 0x80
    NOUNKNOWN = 0x100
    NODATA = 0x200
    SKIP = 0x400
    RCPT_REJ = 0x800
    NR_CONN = 0x1000
    NR_HELO = 0x2000
    NR_MAIL = 0x4000
    NR_RCPT = 0x8000
    NR_DATA = 0x10000
    NR_UNKN = 0x20000
    NR_EOH = 0x40000
    NR_BODY = 0x80000
    HDR_LEADSPC = 0x100000
    MDS_256K = 0x10000000
    MDS_1M = 0x20000000


class Stage(IntEnum):
    """Where macros belong (SMFIM)."""

    CONNECT = 0
    HELO = 1
    MAIL = 2
    RCPT = 3
    DATA = 4
    EOM = 5
    EOH = 6


VERSION_MIN: Final = 2
VERSION_MAX: Final = 6
DATA_BYTES: Final = 65_535  # MILTER_CHUNK_SIZE: what one command holds where nothing larger was agreed on
DATA_BYTES_256K: Final = 256 * 1024 - 1
DATA_BYTES_1M: Final = 1024 * 1024 - 1

_ACTIONS_V2: Final = Action(0x3F)
_ACTIONS: Final = Action(0x1FF)
_PROTOCOL_V2: Final = Protocol(0x7F)
_PROTOCOL: Final = Protocol(0x1FFFFF)


def actions_of(version: int) -> Action:
    """What this version knows."""
    return _ACTIONS if version >= 6 else _ACTIONS_V2


def protocol_of(version: int) -> Protocol:
    """What this version knows: UNKNOWN came with 3, DATA with 4, all else with 6."""
    if version >= 6:
        return _PROTOCOL
    known = _PROTOCOL_V2
    if version >= 3:
        known |= Protocol.NOUNKNOWN
    if version >= 4:
        known |= Protocol.NODATA
    return known
