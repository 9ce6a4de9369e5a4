"""The launcher: which environment, when it is good, and what a person is told."""

import fcntl
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from ops import launch

PAGE = f"""<!DOCTYPE html><body>
<a href="https://files.example.test/a/pip-9.0.whl#sha256=00">pip-9.0.whl</a>
<a data-requires-python="&gt;=3.10" href="../../files/{launch.PIP_WHEEL}?a=1&amp;b=2#sha256=11">newer</a>
<a href="../../files/{launch.PIP_WHEEL}#sha256=11">newer</a>
</body>"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / launch.RUN_LOCK).write_text("click==8.5.1 \\\n    --hash=sha256:00\n")
    (root / launch.TEST_LOCK).write_text("click==8.5.1 \\\n    --hash=sha256:00\n")
    return root


@pytest.fixture
def venv(checkout: Path) -> Path:
    """What the launcher leaves behind after a good launch, without an installation."""
    made = checkout / ".venv"
    (made / "bin").mkdir(parents=True)
    (made / "bin/python").symlink_to(sys.executable)
    (made / "rookery-origin").write_text(launch._origin(made, checkout))
    (made / f"rookery-{launch.RUN_LOCK}").write_text(launch._digest(checkout / launch.RUN_LOCK))
    return made


def test_test_needs_the_larger_lock() -> None:
    assert launch.locks_for(["test", "-x"]) == (launch.TEST_LOCK, launch.CLUSTER_LOCK, launch.RUN_LOCK)
    assert launch.locks_for(["up"]) == (launch.CLUSTER_LOCK, launch.RUN_LOCK)
    assert launch.locks_for(["alone", "test"]) == (launch.RUN_LOCK,)
    assert launch.locks_for([]) == (launch.RUN_LOCK,)


def test_ready_until_something_changes(checkout: Path, venv: Path) -> None:
    assert launch.is_ready(venv, checkout, [launch.RUN_LOCK])
    assert not launch.is_ready(venv, checkout, [launch.TEST_LOCK, launch.RUN_LOCK])
    (checkout / launch.RUN_LOCK).write_text("click==8.5.2\n")
    assert not launch.is_ready(venv, checkout, [launch.RUN_LOCK])
    assert launch.is_sound(venv, checkout)


def test_not_sound_when_a_change_broke_off(checkout: Path, venv: Path) -> None:
    (venv / "rookery-unfinished").touch()
    assert not launch.is_sound(venv, checkout)


def test_not_sound_in_another_checkout_or_without_its_python(checkout: Path, venv: Path) -> None:
    assert not launch.is_sound(venv, checkout.parent)
    (venv / "bin/python").unlink()
    assert not launch.is_sound(venv, checkout)


def test_where_the_environment_goes(checkout: Path) -> None:
    home = {"HOME": "/home/ann"}
    assert launch.choose_venv(checkout, home, writable=True) == checkout / ".venv"
    assert launch.choose_venv(checkout, home | {"ROOKERY_VENV": "/srv/v"}, writable=True) == Path("/srv/v")
    kept = launch.choose_venv(checkout, home, writable=False)
    assert kept.parent == Path("/home/ann/.cache/rookery")
    assert launch.choose_venv(checkout.parent, home, writable=False) != kept
    assert launch.choose_venv(checkout, home | {"XDG_CACHE_HOME": "/c"}, writable=False).parent == Path("/c/rookery")


def test_a_ready_environment_of_somebody_else_serves(checkout: Path, venv: Path) -> None:
    assert launch.choose_venv(checkout, {"HOME": "/home/ann"}, writable=False) == venv


def test_never_removes_what_is_not_an_environment(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").touch()
    with pytest.raises(launch.Failure, match="move it, or set ROOKERY_VENV"):
        launch.make(tmp_path / "mine", checkout)
    assert (tmp_path / "mine/thesis.txt").exists()


def test_never_takes_an_environment_from_another_checkout(checkout: Path, venv: Path) -> None:
    (checkout / "ops").mkdir()
    (checkout / "ops/launch.py").touch()
    (venv / "pyvenv.cfg").touch()
    with pytest.raises(launch.Failure, match=f"belongs to the checkout {checkout}"):
        launch.make(venv, checkout / "elsewhere")
    assert (venv / "bin/python").exists()
    assert launch.other_checkout(venv, checkout) is None
    (checkout / "ops/launch.py").unlink()
    assert launch.other_checkout(venv, checkout / "elsewhere") is None, "a checkout that is gone"


def test_finds_the_wheel_on_an_index_page() -> None:
    url = launch.wheel_url(PAGE, "https://mirror.example.test/root/simple/pip/")
    assert url == f"https://mirror.example.test/root/files/{launch.PIP_WHEEL}"


@pytest.mark.parametrize("page", ["", f'<a href="file:///etc/{launch.PIP_WHEEL}">', '<a href="https://a/pip.whl">'])
def test_a_page_without_the_wheel_says_what_to_do(page: str) -> None:
    with pytest.raises(launch.Failure, match="apt install python3-venv"):
        launch.wheel_url(page, "https://mirror.example.test/simple/pip/")


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("ERROR: Could not find a version that satisfies x (from versions: none)", "no wheel for this Python"),
        ("NewConnectionError(...): Failed to establish\nERROR: No matching distribution found for x", "PIP_INDEX_URL"),
        ("URLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))", "ca-certificates"),
        ("OSError: [Errno 28] No space left on device", "ROOKERY_VENV"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "another index"),
    ],
)
def test_known_troubles_have_a_cure(said: str, cure: str) -> None:
    text = launch._explain("It failed:", said)
    assert text.startswith("It failed:\n  | ")
    assert cure in text.splitlines()[-1]


def test_an_unknown_trouble_shows_the_end_of_the_log() -> None:
    text = launch._explain("It failed:", "\n".join(f"line {number}" for number in range(100)))
    assert text.splitlines() == ["It failed:", *(f"  | line {number}" for number in range(94, 100))]


def test_output_is_logged_and_a_failure_shows_it(tmp_path: Path) -> None:
    lines = list(launch.output([sys.executable, "-c", "print('one'); print('two')"], tmp_path))
    assert lines == ["one\n", "two\n"]
    with pytest.raises(launch.Failure, match="three") as caught:
        launch.run([sys.executable, "-c", "print('three'); raise SystemExit(3)"], tmp_path)
    assert "| one" not in str(caught.value)
    assert (tmp_path / "install.log").read_text().count("$ ") == 2


def test_a_step_tells_its_seconds_also_when_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with launch.step("digging") as tell:
        tell("1 of 2")
    with pytest.raises(OSError, match="rock"), launch.step("digging"):
        raise OSError("rock")
    assert capsys.readouterr().err == "rookery: digging ... done, 0 s\nrookery: digging ... stopped, 0 s\n"


def test_the_lock_outlives_its_holder_with_what_it_started(tmp_path: Path) -> None:
    lock = tmp_path / "v.lock"
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    with launch.exclusive(lock):
        child = subprocess.Popen([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE, close_fds=False)
        assert child.stdout
        assert child.stdout.readline() == b"up\n"
    with lock.open() as probe:
        with pytest.raises(BlockingIOError):
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        child.communicate()
        fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
