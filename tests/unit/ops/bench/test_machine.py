"""Which file system a directory is on."""

from pathlib import Path

from ops.bench.machine import fsync_ms, kind_in

MOUNTS = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\ntmpfs /tmp/deeper ramfs rw 0 0\n"


def test_the_nearest_mount_point_counts() -> None:
    assert kind_in(MOUNTS, Path("/var/tmp")) == "ext4"
    assert kind_in(MOUNTS, Path("/tmp/deep")) == "tmpfs"
    assert kind_in(MOUNTS, Path("/tmp/deeper/still")) == "ramfs"
    assert kind_in("", Path("/tmp")) == "unknown file system"


def test_a_durable_write_takes_time_and_leaves_nothing(tmp_path: Path) -> None:
    assert fsync_ms(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []
