"""Acting for a user: this process is pointed at the user's own manager, or becomes the user's."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import NoReturn

from beacon.errors import AccessError, UsageError
from beacon.systemd.account import user_name

ACTING_FOR = "BEACON_ACTING_FOR"
"""The variable that says for which user root acts: what it is told to type next is typed as root."""


def enter_manager(environment: MutableMapping[str, str]) -> None:
    """Point the process with *environment* at its user's manager, also after su or in a cron job.

    Raises AccessError where no manager runs for the user.
    """
    uid = os.getuid()
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")
    if not _belongs_to(runtime, uid):  # what su(1) leaves of the user before
        runtime = Path(f"/run/user/{uid}")
        environment["XDG_RUNTIME_DIR"] = str(runtime)
        environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    if not os.access(runtime / "systemd", os.X_OK):
        name = user_name(uid)
        raise AccessError(
            f"no service manager runs for {name}: {runtime} is not there",
            hint=f"sudo loginctl enable-linger {name}",
        )
    environment["XDG_RUNTIME_DIR"] = str(runtime)
    environment.setdefault("DBUS_SESSION_BUS_ADDRESS", f"unix:path={runtime}/bus")


def _belongs_to(folder: Path, uid: int) -> bool:
    try:
        return folder.stat().st_uid == uid
    except OSError:
        return False


def become(name: str, words: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run ``beacon --user`` with *words* as the user *name*, in the place of this process.

    A process of the user's own is what works with every systemd: the user's bus does not let root in.
    Raises AccessError unless root asks, and UsageError where there is no such user.
    """
    if os.geteuid() != 0:
        raise AccessError(f"only root may act for the user {name}", hint=f"sudo beacon --user={name} …")
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"there is no user {name!r} on this machine") from None
    command = [sys.executable, "-m", "beacon", "--user", *words]
    os.chdir("/")
    run_apart(user, command, {**environment, ACTING_FOR: user.pw_name})


def own_environment(user: pwd.struct_passwd, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of *user* gets of *environment*: how to talk to a person, and no secret."""
    runtime = f"/run/user/{user.pw_uid}"
    said = {name: value for name, value in environment.items() if name in _HANDED_ON or name[:3] == "LC_"}
    return {
        **said,
        "PATH": _PATH,
        "HOME": user.pw_dir,
        "SHELL": user.pw_shell,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "XDG_RUNTIME_DIR": runtime,
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
    }


def run_apart(user: pwd.struct_passwd, command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run *command* as *user* in the place of this process, without its variables, terminal and open files.

    Whoever shares a terminal may type into it (ioctl_tty(2), TIOCSTI). So there is a new one in its place,
    between which and this one runuser(1) carries lines; streams that are no terminal stay as they are.
    """
    kept = {stream: 3 + stream for stream in _STREAMS if not os.isatty(stream)}
    os.closerange(max(_STREAMS) + 1, os.sysconf("SC_OPEN_MAX"))
    if len(kept) < len(_STREAMS):
        terminal = next(stream for stream in _STREAMS if stream not in kept)
        for stream, handle in kept.items():
            os.dup2(stream, handle)
            os.dup2(terminal, stream)
        back = "".join(f" {stream}<&{handle} {handle}<&-" for stream, handle in kept.items())
        shell = ["sh", "-c", f'exec "$@"{back}', "sh"]
        start = ["runuser", f"--user={user.pw_name}", "--pty", "--", *shell]
    else:
        identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
        start = ["setsid", "--wait", "setpriv", *identity, "--"]
    os.execvpe(start[0], [*start, *command], own_environment(user, environment))  # noqa: S606  # no shell


_STREAMS = (0, 1, 2)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HANDED_ON = {ACTING_FOR, "LANG", "LANGUAGE", "TERM", "COLORTERM", "NO_COLOR", "TZ", "EDITOR", "VISUAL"}
