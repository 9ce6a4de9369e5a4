"""Debian's Exim (exim4-daemon-light), unpacked: Debian's mail servers exclude one another."""

from typing import ClassVar

from tests.peers.peer import HOST, USERS, Peer


class Exim(Peer):
    """All its extensions; a queue runner each second."""

    name = "exim"
    part: ClassVar[str] = "exim"
    unknown_words: ClassVar[str] = "no such person here"
    own_users: ClassVar[dict[str, str]] = {"Debian-exim": "/var/spool/exim4"}

    def furnish(self, next_port: int) -> None:
        """Of Peer."""
        self.world.folder("var/spool/exim4", "Debian-exim")
        self.world.folder("log/exim", "Debian-exim")
        for user in USERS:
            self.world.folder(f"var/mail/{user}", "Debian-exim")
        self.world.write(
            "etc/exim4/exim4.conf",
            f"""\
primary_hostname = mx.{self.domain}
domainlist local_domains = {self.domain} : {self.data_domain}
hostlist relay_from_hosts = {HOST}
local_interfaces = <; {HOST}.{self.port} ; {HOST}.{self.data_port}
log_file_path = /log/exim/%s
keep_environment =
deliver_drop_privilege = true
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = /etc/tls/chain.pem
tls_privatekey = /etc/tls/key.pem
chunking_advertise_hosts = ${{if eq{{$received_port}}{{{self.data_port}}}{{}}{{*}}}}
dsn_advertise_hosts = ${{if eq{{$received_port}}{{{self.data_port}}}{{}}{{*}}}}
smtputf8_advertise_hosts = *
accept_8bitmime = true
acl_smtp_rcpt = of_rcpt
acl_smtp_data = of_data

begin acl
of_rcpt:
  deny domains = +local_domains
       !verify = recipient
       message = no such person here
  accept hosts = +relay_from_hosts
of_data:
  accept

begin routers
away:
  driver = manualroute
  domains = !+local_domains
  route_list = * {HOST}
  self = send
  transport = next
here:
  driver = accept
  local_parts = {" : ".join(USERS)}
  transport = maildir

begin transports
next:
  driver = smtp
  port = {next_port}
  hosts_require_tls = *
  tls_verify_hosts = *
  tls_verify_certificates = /etc/tls/next.pem
  tls_verify_cert_hostnames =
maildir:
  driver = appendfile
  maildir_format
  directory = /var/mail/$local_part_data
  return_path_add
  envelope_to_add

begin retry
* * F,1h,1s
""",
        )
        (self.world.root / "etc/tls/key.pem").chmod(0o644)  # it reads it after it has dropped root

    def command(self) -> tuple[str, ...]:
        """Of Peer."""
        return "/usr/sbin/exim4", "-bdf", "-q1s"
