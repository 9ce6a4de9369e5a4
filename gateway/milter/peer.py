"""What is known of an SMTP client, and the macros that say it to a milter (Postfix's MILTER_README lists them).

The law: a macro is left out where its value is not known; none is ever made up.
"""

import ipaddress

from msgspec import Struct

from mail.milter.machine import Family


class Peer(Struct, frozen=True, kw_only=True):
    """The client of one SMTP connection. `ip` empty: it came through a Unix socket. What is empty is not known."""

    ip: str
    port: int = 0
    name: str = ""  # by reverse DNS, and leading back to the address
    ptr: str = ""  # by reverse DNS, whether it leads back or not
    host_name: str = ""  # ours, as in the greeting
    local_ip: str = ""  # where it connected to
    local_port: int = 0
    listener: str = ""  # what we call it
    connections: int = 0  # that this address has now
    tls_version: str = ""  # TLSv1.3
    cipher: str = ""
    cipher_bits: int = 0
    cert_subject: str = ""  # of the client's certificate, where it was verified
    cert_issuer: str = ""
    auth_type: str = ""  # the SASL mechanism
    auth_authen: str = ""  # the login
    auth_author: str = ""  # AUTH= of MAIL

    @property
    def address(self) -> tuple[str, Family, int, str]:
        """What CONNECT says of it: name, family, port, address."""
        if not self.ip:
            return self.name or "localhost", Family.UNIX, 0, "unix"
        family = Family.INET6 if ipaddress.ip_address(self.ip).version == 6 else Family.INET
        return self.name or f"[{self.ip}]", family, self.port, self.ip

    def macros(self) -> dict[str, str]:
        """By bare name; empty where not known."""
        known = self.name or self.ptr or "unknown"
        forged = " (may be forged)" if self.ptr and self.ptr != self.name else ""
        return {
            "j": self.host_name,
            "v": "Rookery",
            "_": f"{known} [{self.ip}]{forged}" if self.ip else "",
            "daemon_name": self.listener,
            "daemon_addr": self.local_ip,
            "daemon_port": _number(self.local_port),
            "if_addr": self.local_ip,
            "if_name": self.host_name,
            "client_addr": self.ip,
            "client_name": self.name or "unknown",
            "client_port": _number(self.port),
            "client_ptr": self.ptr or "unknown",
            "client_connections": _number(self.connections),
            "tls_version": self.tls_version,
            "cipher": self.cipher,
            "cipher_bits": _number(self.cipher_bits),
            "cert_subject": self.cert_subject,
            "cert_issuer": self.cert_issuer,
            "auth_type": self.auth_type,
            "auth_authen": self.auth_authen,
            "auth_author": self.auth_author,
        }


def _number(value: int) -> str:
    return str(value) if value else ""
