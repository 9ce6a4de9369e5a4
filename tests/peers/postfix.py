"""Debian's Postfix, installed; its configuration, queue and mailboxes are its world's."""

from pathlib import Path
from typing import ClassVar, Final

from tests.peers.peer import HOST, NEXT_NAME, USERS, Peer

SERVICES: Final = """\
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 1     1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
smtp      unix  - - n -     - smtp
relay     unix  - - n -     - smtp
error     unix  - - n -     - error
retry     unix  - - n -     - error
virtual   unix  - n n -     - virtual
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix(Peer):
    """All its extensions; mailboxes by virtual(8)."""

    name = "postfix"
    part: ClassVar[str] = "smtp-source"
    unknown_words: ClassVar[str] = "Recipient address rejected: User unknown in virtual mailbox table"

    def furnish(self, next_port: int) -> None:
        """Of Peer."""
        mail = self.world.ids[USERS[0]]
        own = f"{HOST}:{self.data_port} inet n - n - - smtpd\n  -o smtpd_discard_ehlo_keywords=chunking,dsn\n"
        self.world.write("etc/postfix/master.cf", f"{HOST}:{self.port} inet n - n - - smtpd\n{own}{SERVICES}")
        both = [(user, self.address(user, by_data=by_data)) for user in USERS for by_data in (False, True)]
        boxes = "".join(f"{address} {user}/\n" for user, address in both)
        owners = "".join(f"{address} {self.world.ids[user]}\n" for user, address in both)
        self.world.write("etc/postfix/boxes", boxes)
        self.world.write("etc/postfix/owners", owners)
        self.world.write("etc/postfix/postfix-files", Path("/etc/postfix/postfix-files").read_text())
        self.world.folder("var/spool/postfix")
        self.world.folder("var/lib")
        self.world.write(
            "etc/postfix/main.cf",
            f"""\
compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
maillog_file = /dev/stdout
inet_interfaces = {HOST}
inet_protocols = ipv4
myhostname = mx.{self.domain}
mydestination =
alias_maps =
mynetworks = {HOST}
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/tls/key.pem, /etc/tls/chain.pem
smtpd_tls_received_header = yes
smtpd_discard_ehlo_keywords =
smtputf8_enable = yes
virtual_mailbox_domains = {self.domain}, {self.data_domain}
virtual_mailbox_base = /var/mail
virtual_mailbox_maps = texthash:/etc/postfix/boxes
virtual_minimum_uid = {mail}
virtual_uid_maps = texthash:/etc/postfix/owners
virtual_gid_maps = texthash:/etc/postfix/owners
relayhost = [{HOST}]:{next_port}
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtp_tls_security_level = verify
smtp_tls_CAfile = /etc/tls/next.pem
smtp_tls_verify_cert_match = {NEXT_NAME}
smtp_tls_loglevel = 1
smtpd_tls_loglevel = 1
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
""",
        )

    def command(self) -> tuple[str, ...]:
        """Of Peer."""
        return "/usr/sbin/postfix", "start-fg"
