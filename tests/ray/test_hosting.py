"""Real Ray: what is killed comes back, what is asked to go goes in order, and nothing runs twice at once."""

import os
import signal
import sys
from pathlib import Path

import pytest

from cluster.config import load
from cluster.hosting.ray import node
from cluster.hosting.ray.place import Name
from cluster.membership.members import Drain
from tests.ray.conftest import Cluster, Watched
from tests.ray.machines import HOST
from tests.ray.roles import Settings
from tests.running import ROOT

pytestmark = pytest.mark.timeout(110)


def test_a_killed_process_comes_back_under_its_name(cluster: Cluster) -> None:
    begin = cluster.create(Name("mailbox", "a", 7))
    os.kill(begin.pid, signal.SIGKILL)
    cluster.machines.wait(lambda: cluster.lines("mailbox-a-7")[-1].pid != begin.pid)
    again = cluster.serving("mailbox-a-7")
    assert (again.name, again.node) == (begin.name, "a")
    assert cluster.fleet.ping("mailbox-a-7") in ("starting", "serving")
    assert {each.id: each.name for each in cluster.fleet.nodes()}[cluster.fleet.home("mailbox-a-7")] == "a"
    cluster.fleet.remove("mailbox-a-7")


def test_the_next_begins_when_the_last_has_left(cluster: Cluster) -> None:
    begin = cluster.create(Name("mailbox", "b", 8))
    os.kill(begin.pid, signal.SIGTERM)
    cluster.machines.wait(lambda: cluster.lines("mailbox-b-8")[-1].pid != begin.pid)
    told = [(line.what, line.pid == begin.pid) for line in cluster.lines("mailbox-b-8")]
    assert told[:4] == [("begin", True), ("leave", True), ("left", True), ("begin", False)]
    cluster.fleet.remove("mailbox-b-8")


def test_a_role_that_fails_is_tried_again_ever_more_slowly(cluster: Cluster) -> None:
    name, fails = Name("queue", "a", 9), cluster.machines.folder / "queue-a-9.fail"
    fails.touch()
    home = next(each for each in cluster.fleet.nodes() if each.name == "a")
    cluster.fleet.create(cluster.boot(name), home.id)
    cluster.machines.wait(lambda: len(cluster.lines(str(name))) == 3)
    first, second, third = (line.at for line in cluster.lines(str(name)))
    assert second - first > 0.5
    assert third - second > 1.0
    fails.unlink()
    assert cluster.serving(str(name)).what == "begin"
    cluster.fleet.remove(str(name))


def test_a_role_that_is_over_is_left_and_begun_anew(cluster: Cluster) -> None:
    begin = cluster.create(Name("queue", "b", 3))
    (cluster.machines.folder / "queue-b-3.end").touch()
    cluster.machines.wait(lambda: cluster.lines("queue-b-3")[-1].pid != begin.pid)
    assert [line.what for line in cluster.lines("queue-b-3")[:4]] == ["begin", "leave", "left", "begin"]
    cluster.fleet.remove("queue-b-3")


def test_one_that_was_told_to_leave_by_somebody_who_is_gone_serves_again(cluster: Cluster) -> None:
    begin = cluster.create(Name("mailbox", "b", 10))
    cluster.fleet.retire("mailbox-b-10")
    cluster.machines.wait(lambda: cluster.lines("mailbox-b-10")[-1].pid != begin.pid)
    told = [(line.what, line.pid == begin.pid) for line in cluster.lines("mailbox-b-10")]
    assert told[:4] == [("begin", True), ("leave", True), ("left", True), ("begin", False)]
    cluster.fleet.remove("mailbox-b-10")


async def test_nodes_are_filled_drained_and_filled_again(cluster: Cluster, watched: Watched) -> None:
    fleet = cluster.fleet
    everyone = {"controller-1", "controller-2", "gateway-a-1", "gateway-b-1", "mailbox-a-1", "mailbox-b-1"}
    await watched.until(lambda: everyone == fleet.actors())
    for name in sorted(everyone):
        cluster.serving(name)

    await watched.write(f"{watched.layout.drains}b", Drain("test", 1))
    await watched.until(lambda: everyone - {"gateway-b-1", "mailbox-b-1"} == fleet.actors())
    assert [line.what for line in cluster.lines("mailbox-b-1")] == ["begin", "leave", "left"]

    cluster.machines.start("c")  # a node that joins gets its processes
    await watched.until(lambda: {"gateway-c-1", "mailbox-c-1"} <= fleet.actors())
    assert cluster.serving("mailbox-c-1").node == "c"


def test_a_stopped_node_leaves_in_order(cluster: Cluster) -> None:
    begun = {name: cluster.serving(name) for name in ("gateway-c-1", "mailbox-c-1")}
    assert cluster.machines.stop("c") == 0, cluster.machines.told("c")
    gateway, mailbox = cluster.lines("gateway-c-1"), cluster.lines("mailbox-c-1")
    assert [line.what for line in (*gateway, *mailbox)] == ["begin", "leave", "left"] * 2
    assert gateway[-1].at <= mailbox[1].at
    assert not any(Path(f"/proc/{line.pid}").exists() for line in begun.values())


def test_a_node_in_the_background_comes_and_goes(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'proto'}:{ROOT}")
    config = cluster.machines.config("d")
    settings = load(Settings, config, {}).cluster
    command = [sys.executable, "-m", "tests.ray.keep", str(config), "--join", f"{HOST}:{cluster.machines.port}"]
    try:
        node.start_background(command, settings, head=False)
        cluster.machines.wait(lambda: "d" in {each.name for each in cluster.fleet.nodes()})
        assert node.is_running(settings)
    finally:
        assert node.stop_background(settings, 5)
    assert not node.is_running(settings)
    assert node.stop_background(settings, 5)  # harmless again


def test_the_head_may_go_and_come_back(cluster: Cluster) -> None:
    before = {name: cluster.serving(name).pid for name in cluster.fleet.actors() if "-b-" in name}
    begin = cluster.create(Name("reputation", "b", 1))
    keeper = cluster.machines.nodes["a"]
    keeper.kill()
    keeper.wait(10)
    cluster.machines.wait(lambda: not _control_services(cluster))
    cluster.machines.restart_head("a")
    cluster.machines.wait(lambda: {"a", "b"} <= {each.name for each in cluster.fleet.nodes()})
    assert "reputation-b-1" in cluster.fleet.actors()
    assert cluster.fleet.ping("reputation-b-1") == "serving"
    assert [line.pid for line in cluster.lines("reputation-b-1")] == [begin.pid]
    assert all(cluster.serving(name).pid == pid for name, pid in before.items())


def _control_services(cluster: Cluster) -> list[str]:
    """The processes of the head's Ray that are left."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{cluster.machines.folder}/a/session" in text and "gcs_server" in text:
            found.append(text)
    return found
