"""The real programs: what is missing, how it is installed, and when that is a failure."""

from pathlib import Path

import pytest

from ops import parts


class Apt:
    """Remembers what it was told to run."""

    def __init__(self, refuses: str = "nothing") -> None:
        self.ran: list[tuple[list[str], str]] = []
        self.refuses = refuses

    def __call__(self, command: list[str], given: str) -> bool:
        self.ran.append((command, given))
        return self.refuses not in command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_missing_until_it_is_on_the_path(here: Path) -> None:
    name = "mbsync-test"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(parts.PARTS, name, parts.Part("isync", "rookery-no-such-program", "a test"))
        assert parts.missing([name, name]) == [name]
        assert parts.find(name) is None
        program = here / "rookery-no-such-program"
        program.touch(0o755)
        assert parts.missing([name]) == []
        assert parts.find(name) == program


def test_installs_each_package_once_after_its_answers() -> None:
    apt = Apt()
    assert parts.install(["mutt", "smtp-source", "mutt"], apt)
    (seed, answers), (update, _), (get, _) = apt.ran
    assert seed == ["debconf-set-selections"]
    assert answers == "postfix postfix/main_mailer_type select No configuration\n"
    assert update[-1] == "update"
    assert get[get.index("install") :] == ["install", "-y", "--no-install-recommends", "mutt", "postfix"]


def test_a_dead_package_source_is_not_the_end_but_a_failed_install_is() -> None:
    assert parts.install(["mutt"], Apt(refuses="update"))
    assert not parts.install(["mutt"], Apt(refuses="install"))


def test_only_root_with_apt_may_install() -> None:
    assert parts.can_install("mutt", uid=0, apt="/usr/bin/apt-get")
    assert not parts.can_install("mutt", uid=1000, apt="/usr/bin/apt-get")
    assert not parts.can_install("mutt", uid=0, apt=None)


def test_whoever_has_go_may_build() -> None:
    assert parts.can_install("minio", uid=1000, apt=None, go="/usr/local/go/bin/go")
    assert not parts.can_install("minio", uid=0, apt="/usr/bin/apt-get", go=None)


def test_go_builds_into_our_folder_where_it_is_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parts.CACHE, str(here / "cache"))
    monkeypatch.setattr(parts, "SYSTEM_FOLDERS", "/nowhere")
    ran = []

    def run(command: list[str], _given: str, _seconds: float, environ: dict[str, str]) -> bool:
        ran.append((command[1:], environ["GOBIN"]))
        program = Path(environ["GOBIN"]) / "minio"
        program.parent.mkdir(parents=True)
        program.touch(0o755)
        return True

    assert parts.missing(["minio"]) == ["minio"]
    assert parts.build("minio", run)
    assert ran == [(["install", "github.com/minio/minio@latest"], str(here / "cache/bin"))]
    assert parts.missing(["minio"]) == []
    assert parts.find("minio") == here / "cache/bin/minio"


class Debian:
    """Has packages with a program that would give its caller more rights."""

    def __init__(self, refuses: str = "nothing") -> None:
        self.ran: list[list[str]] = []
        self.refuses = refuses

    def __call__(self, command: list[str], _given: str, folder: str | None = None) -> bool:
        self.ran.append(command)
        if self.refuses in command:
            return False
        if "download" in command:
            assert folder is not None
            for name in command[command.index("download") + 1 :]:
                (Path(folder) / f"{name}_1_amd64.deb").touch()
        elif "-x" in command and "exim4" in command[2]:
            program = Path(command[3]) / "usr/sbin/exim4"
            program.parent.mkdir(parents=True)
            program.touch()
            program.chmod(0o4755)
        return True


def test_packages_that_exclude_one_another_are_unpacked_into_our_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(parts.CACHE, str(here / "cache"))
    debian = Debian()
    assert parts.missing(["exim"]) == ["exim"]
    assert parts.unpack("exim", debian)
    assert not [command for command in debian.ran if "install" in command]
    assert len([command for command in debian.ran if command[0] == "dpkg"]) == 1 + len(
        parts.PARTS["exim"].unpacked_with
    )
    found = parts.find("exim")
    assert found == here / "cache/unpacked/exim/usr/sbin/exim4"
    assert found.stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("refuses", ["download", "-x"])
def test_what_is_not_unpacked_whole_is_missing(here: Path, monkeypatch: pytest.MonkeyPatch, refuses: str) -> None:
    monkeypatch.setenv(parts.CACHE, str(here / "cache"))
    assert parts.unpack("exim", Debian())
    assert not parts.unpack("exim", Debian(refuses))
    assert parts.missing(["exim"]) == ["exim"]


def test_foundationdbs_package_comes_once_into_this_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    there: list[object] = []
    monkeypatch.setattr(parts, "find_spec", lambda _: there[0] if there else None)
    ran: list[list[str]] = []

    def run(command: list[str]) -> bool:
        ran.append(command)
        there.append(object())
        return True

    assert parts.install_foundationdb(run)
    assert parts.install_foundationdb(run)
    (command,) = ran
    assert command[1:4] == ["-m", "pip", "install"]
    assert command[-1] == "foundationdb>=7.3,<7.4"


def test_missing_fails_only_where_ci_could_have_installed_it() -> None:
    assert parts.must_fail({"CI": "true"}, installable=True)
    assert not parts.must_fail({"CI": "true"}, installable=False)
    assert not parts.must_fail({"CI": "false"}, installable=True)
    assert not parts.must_fail({}, installable=True)


@pytest.mark.parametrize("name", parts.PARTS)
def test_a_skip_names_program_and_package(name: str) -> None:
    part = parts.PARTS[name]
    assert part.program in parts.skip_reason(name)
    how = "go install " if part.is_go else "Debian's " if part.unpacked_with else "apt install "
    assert f"{how}{part.package}" in parts.skip_reason(name)


def test_services_stay_down_only_while_installing(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with parts.no_services(policy):
        assert policy.read_text().endswith("exit 101\n")
        assert policy.stat().st_mode & 0o111
    assert not policy.exists()


def test_a_policy_of_the_machine_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    with parts.no_services(policy):
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.exists()


def test_a_policy_left_by_a_killed_run_is_cleared(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(parts.POLICY_TEXT)
    with parts.no_services(policy):
        pass
    assert not policy.exists()
