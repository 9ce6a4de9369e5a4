"""The grammar of RFC 5321 4.1.2 with the UTF-8 of RFC 6531 3.3, as compiled patterns with the ABNF above each.

Patterns must stay linear: no repeated group may match the same bytes in two ways.
"""

import re

# atext (RFC 5322 3.2.3), extended by UTF8-non-ascii (RFC 6531 3.3); whether that is valid UTF-8 is seen when decoding.
_ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]"
# Dot-string = Atom *("." Atom)
_DOT_STRING = _ATEXT + rb"+(?:\." + _ATEXT + rb"+)*"
# Quoted-string = DQUOTE *QcontentSMTP DQUOTE; qtextSMTP = %d32-33 / %d35-91 / %d93-126; quoted-pairSMTP = %d92 %d32-126
_QUOTED = rb'"(?:[ !#-\[\]-~\x80-\xff]|\\[ -~])*"'
# sub-domain = Let-dig [Ldh-str] / U-label
_SUB_DOMAIN = rb"(?!-)[A-Za-z0-9\x80-\xff-]{1,63}(?<!-)"
# Domain = sub-domain *("." sub-domain)
_DOMAIN = _SUB_DOMAIN + rb"(?:\." + _SUB_DOMAIN + rb")*"
# address-literal = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]"
_LITERAL = rb"\[(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?!-)[A-Za-z0-9-]+(?<!-):[!-Z^-~]+)\]"
# A-d-l = At-domain *( "," At-domain ) : accepted and ignored (RFC 5321 appendix F.2)
_ROUTE = rb"(?:@" + _DOMAIN + rb"(?:,@" + _DOMAIN + rb")*:)?"
# Mailbox = Local-part "@" ( Domain / address-literal )
_MAILBOX = rb"(?:" + _DOT_STRING + rb"|" + _QUOTED + rb")@(?:" + _DOMAIN + rb"|" + _LITERAL + rb")"

# "MAIL FROM:" Reverse-path [SP Mail-parameters]; one space after the colon is common and harmless
MAIL = re.compile(rb"(?i:FROM): ?(<" + _ROUTE + rb"(" + _MAILBOX + rb")?>)(?: +(.+))?")
# "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]
RCPT = re.compile(rb"(?i:TO): ?(<" + _ROUTE + rb"(" + _MAILBOX + rb"|(?i:postmaster))>)(?: +(.+))?")
DOT_STRING = re.compile(_DOT_STRING)
MAILBOX = re.compile(_MAILBOX)
# esmtp-param = esmtp-keyword ["=" esmtp-value]; esmtp-value = 1*(%d33-60 / %d62-126) / UTF8-non-ascii (RFC 6531 3.3)
PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\xff]+))?")
# xtext = *( xchar / hexchar ); hexchar = "+" two upper case hexadecimal digits (RFC 3461 4)
XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEXCHAR = re.compile(rb"\+([0-9A-F]{2})")
# original-recipient-address = addr-type ";" xtext; with utf-8 the value may be UTF-8 itself (RFC 6533 3)
ORCPT = re.compile(rb"(" + _DOT_STRING + rb");((?:[!-*,-<>-~\x80-\xff]|\+[0-9A-F]{2})+)")
# by-value = by-time ";" by-mode [by-trace]; by-time = ["-" / "+"] 1*9DIGIT (RFC 2852 4); letters in either case
BY = re.compile(rb"([+-]?[0-9]{1,9});([NRnr])([Tt])?")
# future-release-integer = 1*9DIGIT (RFC 4865 3)
HOLD_FOR = re.compile(rb"[0-9]{1,9}")
# date-time (RFC 3339 5.6); RFC 4865 3 writes it in UTC, another offset says no less
DATE_TIME = re.compile(
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)
# priority-value = (["-"] NZDIGIT) / "0" (RFC 6710 5)
PRIORITY = re.compile(rb"-?[1-9]|0")
# Solicitation-keywords = word 0*("," word); word = ALPHA 0*(wordchar) (RFC 3865 2.1)
SOLICIT = re.compile(rb"[A-Za-z][A-Za-z0-9._:-]*(?:,[A-Za-z][A-Za-z0-9._:-]*)*")
# The name after HELO is not held to its grammar: real clients err, and it must not be refused for that (RFC 5321 4.1.4)
HELLO = re.compile(rb"[!-~\x80-\xff]{1,255}")
# The argument of VRFY and EXPN: String [SP "SMTPUTF8"] (RFC 5321 4.1.1.6, RFC 6531 3.7.4.2)
NAME = re.compile(rb"(?!(?i:SMTPUTF8)\Z)(.+?)( +(?i:SMTPUTF8))?", re.DOTALL)
# bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] (RFC 3030 2); 12 digits are a terabyte
BDAT = re.compile(rb"([0-9]{1,12})(?: +((?i:LAST)))?")
# auth-command = "AUTH" SP sasl-mech [SP initial-response] (RFC 4954 8); sasl-mech as in RFC 4422 3.1
AUTH = re.compile(rb"([A-Za-z0-9_-]{1,20})(?: +(=|[A-Za-z0-9+/]+={0,2}))?")


def unxtext(value: bytes) -> bytes:
    """Undo xtext (RFC 3461 4)."""
    if b"+" not in value:
        return value
    return _HEXCHAR.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), value)


def canonical(mailbox: bytes) -> str:
    """The mailbox as text, without quotes that are not needed (RFC 5321 4.1.2). Raises UnicodeDecodeError."""
    if mailbox[:1] != b'"':
        return mailbox.decode()
    local, _, domain = mailbox.rpartition(b"@")
    bare = re.sub(rb"\\(.)", rb"\1", local[1:-1])
    if DOT_STRING.fullmatch(bare):
        return (bare + b"@" + domain).decode()
    return (b'"' + re.sub(rb'(["\\])', rb"\\\1", bare) + b'"@' + domain).decode()
