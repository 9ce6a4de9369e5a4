"""A real unbound for tests: a validating resolver over the zones of a `DnsServer`, gone with the test."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ops import parts
from tests.dns_server import HOST, DnsServer
from tests.etcd import free_ports

PART: Final = "unbound"
START_S: Final = 20.0
CONF: Final = """\
server:
    interface: {host}
    port: {port}
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    do-daemonize: no
    use-syslog: no
    log-servfail: yes
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    module-config: "validator iterator"
    qname-minimisation: no
    num-threads: 1
    {zones}
remote-control:
    control-enable: no
"""


@contextlib.contextmanager
def unbound(folder: Path, server: DnsServer, *, signed: list[str], plain: list[str]) -> Iterator[str]:
    """Run it; yields its address. The keys of the `signed` zones are its trust anchors."""
    port = free_ports(1)[0]
    lines = [f'trust-anchor: "{server.anchor(zone)}"' for zone in signed]
    lines += ['local-zone: "test." nodefault']  # RFC 6761 keeps it from servers otherwise
    stubs = "".join(f'stub-zone:\n    name: "{zone}"\n    stub-addr: {HOST}@{server.port}\n' for zone in signed + plain)
    conf = folder / "unbound.conf"
    conf.write_text(CONF.format(host=HOST, port=port, folder=folder, zones="\n    ".join(lines)) + stubs)
    program = parts.find(PART)
    assert program is not None
    log = folder / "unbound.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", str(program), "-d", "-c", str(conf)], stdout=errors, stderr=errors
        )
    try:
        _wait(process, log)
        yield f"{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends = time.monotonic() + START_S
    while "start of service" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.02)
