"""Which standard reply goes with what: to each event, and to each command that is out of order."""

from mail.smtp import replies
from mail.smtp.events import (
    Auth,
    AuthResponse,
    DataStart,
    Expand,
    Help,
    MailFrom,
    Message,
    Noop,
    Quit,
    RcptTo,
    Reset,
    StartTls,
    Verify,
)
from mail.smtp.replies import Reply
from mail.smtp.states import Role, State

STANDARD = {
    kind: reply.encode()
    for kind, reply in {
        MailFrom: replies.SENDER_OK,
        RcptTo: replies.RECIPIENT_OK,
        DataStart: replies.START_MAIL,
        Message: replies.OK,
        Auth: replies.AUTHENTICATED,
        AuthResponse: replies.AUTHENTICATED,
        StartTls: replies.TLS_READY,
        Reset: replies.OK,
        Verify: replies.WILL_TRY,
        Expand: replies.NO_EXPAND,
        Help: replies.HELP,
        Noop: replies.OK,
        Quit: replies.BYE,
    }.items()
}
FOREIGN = {b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"PRI"}  # a browser led here against its will
# What goes wrong most often out of order, in words; the rest is BAD_SEQUENCE.
_WHY = {
    (State.READY, b"RCPT"): replies.MAIL_FIRST,
    (State.READY, b"DATA"): replies.MAIL_FIRST,
    (State.MAIL, b"MAIL"): replies.NESTED_MAIL,
    (State.RCPT, b"MAIL"): replies.NESTED_MAIL,
    (State.MAIL, b"DATA"): replies.NO_RECIPIENTS,
    (State.MAIL, b"BDAT"): replies.NO_RECIPIENTS,
}


def priority_changed(priority: int) -> Reply:
    """The answer to a MAIL whose MT-PRIORITY is not granted: the new one comes first (RFC 6710 4.1, 9)."""
    return Reply(250, "2.3.6", f"{priority} is the new priority assigned to the message")


def out_of_order(role: Role, state: State, verb: bytes) -> Reply:
    """Why this command cannot be taken now."""
    if state is State.START:
        return replies.LHLO_FIRST if role is Role.LMTP else replies.HELLO_FIRST
    if state is State.FAILED:
        return replies.RSET_FIRST
    return _WHY.get((state, verb), replies.BAD_SEQUENCE)
