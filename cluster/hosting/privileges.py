"""Giving up root, once the ports are bound and before any data is opened."""

import os
import pwd

from cluster.errors import Misconfigured


def drop(user: str) -> None:
    """Become `user` for good. Raises Misconfigured when that cannot be done."""
    if os.geteuid() != 0:
        raise Misconfigured(f"Cannot become {user}: only root can; start as root, or leave `run_as` empty.")
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise Misconfigured(f"There is no user {user}: make it (`useradd --system {user}`).") from None
    if entry.pw_uid == 0:
        raise Misconfigured("`run_as` must name a user other than root.")
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir
