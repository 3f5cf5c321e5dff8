"""Services of an ordinary user: whose manager, and what it needs to run without a login."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from beacon.errors import AccessError, UsageError
from beacon.systemd.account import SUBORDINATE, lingers, subordinate_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beacon.cli.output import Output


def enter_manager() -> None:
    """Point this process at the calling user's own manager, also after su or in a cron job.

    Raises AccessError where no manager runs for the user.
    """
    uid = os.getuid()
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")
    if not (runtime / "systemd").is_dir():
        name = pwd.getpwuid(uid).pw_name
        raise AccessError(
            f"no service manager runs for {name}: {runtime} is not there",
            hint=f"sudo loginctl enable-linger {name}",
        )
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    os.environ.setdefault("DBUS_SESSION_BUS_ADDRESS", f"unix:path={runtime}/bus")


def warn_without_linger(output: Output) -> None:
    """Say so where the user's services will stop with the last session."""
    name = pwd.getpwuid(os.getuid()).pw_name
    if not lingers(name):
        output.warn(
            f"services of {name} stop at logout and do not start at boot; loginctl enable-linger {name}"
        )


def subordinate_faults() -> list[str]:
    """Return what the calling user lacks to map more than one id in a container (subuid(5))."""
    uid = os.getuid()
    name = pwd.getpwuid(uid).pw_name
    return [f"{name} has no range in {path}" for path in SUBORDINATE if not subordinate_ids(path, name, uid)]


def become(name: str, arguments: Sequence[str]) -> NoReturn:
    """Run this command again as the user *name*; does not return.

    A process of the user's own is what works with every systemd: the user's bus does not let root in.
    """
    if os.geteuid() != 0:
        raise AccessError(f"only root may act for the user {name}", hint=f"sudo beacon --user={name} …")
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"there is no user {name!r} on this machine") from None
    runtime = f"/run/user/{user.pw_uid}"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "DBUS_", "SUDO_"))},
        "HOME": user.pw_dir,
        "USER": name,
        "LOGNAME": name,
        "XDG_RUNTIME_DIR": runtime,
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
    }
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
    command = ["setpriv", *identity, "--", sys.executable, "-m", "beacon", "--user", *arguments]
    os.chdir("/")
    os.execvpe(command[0], command, environment)  # noqa: S606  # no shell in between is the point
