"""A node's state directory: token, lock, what is left of old sessions."""

import select
import stat
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from cluster.errors import Locked, Misconfigured
from cluster.hosting.ray import node
from cluster.hosting.settings import ClusterSettings, RaySettings


@pytest.fixture
def settings(tmp_path: Path) -> ClusterSettings:
    made = RaySettings()
    return ClusterSettings(node="a", ray=structs.replace(made, state=str(tmp_path / "state")))


def test_a_head_makes_the_token_for_its_user_alone(settings: ClusterSettings) -> None:
    token = node.prepare(settings, head=True) / "ray-token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    first = token.read_text()
    assert len(first) == 64
    node.prepare(settings, head=True)
    assert token.read_text() == first


def test_a_member_makes_no_token(settings: ClusterSettings) -> None:
    assert not (node.prepare(settings, head=False) / "ray-token").exists()


def test_a_member_in_the_background_says_that_it_needs_the_heads_token(settings: ClusterSettings) -> None:
    with pytest.raises(Misconfigured, match="copy it from the head"):
        node.start_background(["false"], settings, head=False)
    assert not (Path(settings.ray.state) / "ray-token").exists()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = ClusterSettings(ray=structs.replace(RaySettings(), state=str(tmp_path / "file" / "state")))
    with pytest.raises(Misconfigured, match=r"cluster\.ray"):
        node.prepare(settings, head=True)


def test_one_keeper_for_each_directory(settings: ClusterSettings) -> None:
    state = node.prepare(settings, head=True)
    assert not node.is_running(settings)
    with node._locked(state):
        assert node.is_running(settings)
        with pytest.raises(Locked, match="already"), node._locked(state):
            pass
    assert not node.is_running(settings)


@pytest.mark.parametrize(
    ("address", "text"),
    [("10.0.0.1:6379", "others join it with --join 10.0.0.1:6379"), ("127.0.0.1:6379", "host is set")],
)
def test_a_head_says_how_others_join_it(settings: ClusterSettings, address: str, text: str) -> None:
    assert node.up_text(settings, head=True) == node.up_text(settings, head=False) == "Node a is up."
    session = Path(settings.ray.state) / "session"
    session.mkdir(parents=True)
    (session / "ray_current_cluster").write_text(address)
    assert text in node.up_text(settings, head=True)


def test_old_sessions_go(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"session_2026-01-0{number}_1").mkdir()
    (tmp_path / "ray_current_cluster").write_text("10.0.0.1:6379")
    node._tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"session_2026-01-0{number}_1" for number in (3, 4, 5)]


def test_what_ray_leaves_behind_ends_with_it() -> None:
    command = ["sh", "-c", "sleep 60 & echo started; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        node._end(child)
        assert select.select([child.stdout], [], [], 5) == ([child.stdout], [], []), "nobody holds the pipe any more"
        assert child.stdout.read() == b""
