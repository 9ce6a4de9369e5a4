"""Which folders are found, and which mailboxes they go to."""

from pathlib import Path

import pytest

from cluster.errors import Misconfigured
from ops.transfer.find import Format, folders

ROLES = {"inbox": "INBOX", "sent": "Sent", "trash": "Papierkorb", "junk": "Junk"}
FROM = b"From a@b Tue Nov  3 12:00:00 2020\nA: b\n\nx\n\n"


def tree(root: Path, *names: str) -> Path:
    """Maildirs for names that end in a slash, mbox files for the rest."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            for part in ("cur", "new", "tmp"):
                (path / part).mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(FROM)
    return root


def found(path: Path, into: str = "", format_: Format = "auto") -> set[str]:
    return {folder.mailbox for folder in folders(path, format_, into, ROLES)}


def test_maildir_with_folders(tmp_path: Path) -> None:
    tree(tmp_path, "./", ".Sent Items/", ".Trash/", ".A.B/", ".B&APw-cher/", ".v1&AC4-2/", ".broken&name/")
    assert found(tmp_path) == {"INBOX", "Sent", "Papierkorb", "A/B", "Bücher", "v1.2", "broken&name"}


def test_directories_in_directories(tmp_path: Path) -> None:
    tree(tmp_path, "INBOX/", "Work/", "Work/2019/", "Spam/")
    assert found(tmp_path) == {"INBOX", "Work", "Work/2019", "Junk"}


def test_mbox_files(tmp_path: Path) -> None:
    tree(tmp_path, "Inbox", "Sent", "Inbox.sbd/Friends", "Old.mbox", "Apple.mbox/mbox", "%2Ehidden.mbox")
    (tmp_path / "Inbox.msf").write_text("// index")
    assert found(tmp_path) == {"INBOX", "Sent", "Inbox/Friends", "Old", "Apple", ".hidden"}


def test_one_file(tmp_path: Path) -> None:
    tree(tmp_path, "Old.mbox", "mbox", "Holiday.mbox/mbox")
    assert found(tmp_path / "Old.mbox") == {"Old"}
    assert found(tmp_path / "mbox") == {"INBOX"}
    assert found(tmp_path / "Holiday.mbox" / "mbox") == {"Holiday"}


def test_into_a_mailbox(tmp_path: Path) -> None:
    tree(tmp_path, "./", ".Sent/", ".A.B/")
    assert found(tmp_path, "Old") == {"Old", "Old/Sent", "Old/A/B"}


def test_names_under_which_others_are_seen_are_not_one_s_own(tmp_path: Path) -> None:
    tree(tmp_path, "./", ".Shared/", ".Shared.x/", ".Other Users.y/", ".Shared things/")
    assert found(tmp_path) == {
        "INBOX",
        "Imported/Shared",
        "Imported/Shared/x",
        "Imported/Other Users/y",
        "Shared things",
    }


def test_one_file_into_a_mailbox(tmp_path: Path) -> None:
    assert found(tree(tmp_path, "Old.mbox") / "Old.mbox", "Archive/2019") == {"Archive/2019"}


def test_names_no_mailbox_can_have(tmp_path: Path) -> None:
    assert found(tree(tmp_path, "a*b%c", "tab\there")) == {"a_b_c", "tab_here"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    tree(tmp_path / "other", "Secret", "Box/")
    tree(tmp_path / "mail", "Mine")
    (tmp_path / "mail" / "Secret").symlink_to(tmp_path / "other" / "Secret")
    (tmp_path / "mail" / "Box").symlink_to(tmp_path / "other" / "Box")
    assert found(tmp_path / "mail") == {"Mine"}


@pytest.mark.parametrize("format_", ["auto", "maildir", "mbox"])
def test_nothing_there(tmp_path: Path, format_: Format) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(Misconfigured, match="neither"):
        found(tmp_path, format_=format_)


def test_not_an_mbox_file(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    with pytest.raises(Misconfigured, match="From "):
        found(tmp_path / "letter.txt")


def test_only_one_format(tmp_path: Path) -> None:
    tree(tmp_path, "Old", "Box/")
    assert found(tmp_path) == {"Old", "Box"}
    assert found(tmp_path, format_="mbox") == {"Old"}
    assert found(tmp_path, format_="maildir") == {"Box"}
