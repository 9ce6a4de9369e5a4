"""A report that comes to a running server is delivered, read, and shown."""

import json
import smtplib
import subprocess
import sys
from pathlib import Path

from mail.reports import aggregate
from mail.reports.aggregate import Aggregate, Published, Record
from mail.reports.compose import Mailing, aggregate_message
from tests.running import DOMAIN, ROOT, Running, environment

HOST = "127.0.0.1"
REPORT = Aggregate("Y Inc", "noreply@y.test", "r1", 1000, 2000, Published(DOMAIN, p="none"), (
    Record("192.0.2.1", 3, "none", "pass", "fail", DOMAIN),
    Record("192.0.2.2", 5, "none", "fail", "fail", DOMAIN),
))  # fmt: skip


def rookery(data: Path, *arguments: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "ops.cli", *arguments, "--json", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_is_read_and_shown(tmp_path: Path) -> None:
    to = f"alice@{DOMAIN}"
    server = Running(tmp_path / "data", settings=f'[reports]\naddresses = ["{to}"]\n[trust]\nchecks = []\n')
    server.start()
    try:
        mailing = Mailing("noreply@y.test", (to,), "r1", "y.test", 1_700_000_000_000)
        xml = aggregate.render(REPORT)
        report = aggregate_message(mailing, domain=DOMAIN, submitter="y.test", begin_s=1000, end_s=2000, xml=xml)
        with smtplib.SMTP(HOST, server.ports["smtp"], "client.test", timeout=30) as smtp:
            for _ in range(2):
                smtp.sendmail("noreply@y.test", [to], report)
        (one,) = rookery(server.data, "report", "list")
        assert (one["kind"], one["domain"], one["passed"], one["failed"]) == ("dmarc", DOMAIN, 3, 5)
        assert one["worst"] == [{"what": "192.0.2.2", "count": 5}]
        (sum_of_it,) = rookery(server.data, "report", "summary")
        assert sum_of_it["reports"] == 1
        assert rookery(server.data, "report", "pending") == []
        assert rookery(server.data, "report", "send", "--now") == [{"sent": 0, "nobody": 0, "later": 0, "given_up": 0}]
    finally:
        server.kill()
