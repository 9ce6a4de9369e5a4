"""What a client may use up, each number with its reason. None may be unbounded."""

import msgspec

MIB = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one connection; defaults suit a public mail server."""

    line_bytes_max: int = 3072
    """512 (RFC 5321 4.5.3.1.4) and what the extensions add to MAIL: SIZE 26 (RFC 1870 3), BODY 33 (RFC 6152 2,
    RFC 3030 3), SMTPUTF8 10 (RFC 6531 3.1), AUTH 500 (RFC 4954 3), RET and ENVID 115 (RFC 3461), REQUIRETLS 11
    (RFC 8689 2), BY 17 (RFC 2852 3), HOLDUNTIL 34 (RFC 4865 3), MT-PRIORITY 15 (RFC 6710 3), SOLICIT 1007 (RFC 3865
    2.1), together 2280; to RCPT less. Rounded up."""
    auth_line_bytes_max: int = 12_288
    """RFC 4954 4.3: the longest base64 line a server must take."""
    path_bytes_max: int = 256
    """RFC 5321 4.5.3.1.3, with the angle brackets. The 64 of a local-part is not held: real return paths are longer."""
    message_bytes_max: int = 50 * MIB
    """Told as SIZE; what the largest providers take."""
    discard_bytes_max: int = 200 * MIB
    """How much of a too large message is read, so that the client hears 552 and not a broken connection."""
    recipients_max: int = 1000
    """RFC 5321 4.5.3.1.8 asks for 100; told as LIMITS RCPTMAX (RFC 9422)."""
    mails_max: int = 0
    """MAIL commands of one connection, told as LIMITS MAILMAX; 0: as many as there is time for."""
    domains_max: int = 0
    """Domains among the recipients of one message, told as LIMITS RCPTDOMAINMAX; 0: as many as recipients."""
    commands_max: int = 1500
    """Commands since the last accepted message: all recipients, and room for the rest."""
    errors_max: int = 20
    """Refused commands since the last accepted message; a client that knows us makes none."""
    unknown_max: int = 5
    """Commands we never heard of: the peer speaks something else."""
    auth_failures_max: int = 3
    """Wrong passwords on one connection."""
