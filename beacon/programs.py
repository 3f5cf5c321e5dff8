"""Programs of the owner's that the command starts: an editor, and a browser."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import IO

from beacon.errors import MachineError
from beacon.state.scopes import before_sudo
from beacon.systemd.user import own_environment

_SCREEN = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY")
_SET_EDITOR = "choose another by the variable EDITOR"


def choose_editor(environment: Mapping[str, str]) -> str:
    """Return the command of the editor that is set, or else of the first one that there is.

    Raises MachineError if there is none. sensible-editor(1) is Debian's: it need not be installed, and where
    it is, there need not be any editor for it to start.
    """
    chosen = environment.get("VISUAL") or environment.get("EDITOR")
    if chosen:
        return chosen
    found = next(filter(shutil.which, _EDITORS), None)
    if found is None:
        raise MachineError("there is no editor on this machine", hint="apt install nano")
    return _SENSIBLE if shutil.which(_SENSIBLE) else found


_SENSIBLE = "sensible-editor"
_EDITORS = ("editor", "nano", "vim", "vi")


def run_editor(command: str, draft: Path) -> None:
    """Have the owner edit a file, and wait for that. Raises MachineError if the editor cannot, or fails."""
    try:
        status = subprocess.run([*shlex.split(command), str(draft)], check=False).returncode
    except (OSError, ValueError) as error:
        problem = f"cannot run the editor {command!r}: {getattr(error, 'strerror', None) or error}"
        raise MachineError(problem, hint=_SET_EDITOR) from error
    if status:
        problem = f"the editor {command!r} ended with status {status}; nothing was saved"
        raise MachineError(problem, hint=_SET_EDITOR)


def relay(argv: Sequence[str], out: Callable[[str], None], err: Callable[[str], None]) -> int:
    """Run a command, and hand on what it prints, line by line; return its exit status.

    Raises MachineError if it cannot be run.
    """
    try:
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise MachineError(f"cannot run {argv[0]}: {error.strerror}") from error
    with child:
        asides = Thread(target=_hand_on, args=(child.stderr, err))
        asides.start()
        _hand_on(child.stdout, out)
        asides.join()
        status = child.wait()
    return status if status >= 0 else _SIGNALLED - status


_SIGNALLED = 128
"""What a shell adds to the number of the signal that ended a command."""


def _hand_on(pipe: IO[bytes] | None, write: Callable[[str], None]) -> None:
    for line in pipe or ():
        write(line.decode(errors="replace"))


def browsers(environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the commands that may show a URL, ``%s`` in its place; none where nobody could see it."""
    for command in filter(None, environment.get("BROWSER", "").split(":")):
        try:
            words = shlex.split(command)
        except ValueError:
            continue
        if words:
            yield words if any("%s" in word for word in words) else [*words, "%s"]
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        yield ["xdg-open", "%s"]


def browse(url: str, environment: Mapping[str, str]) -> None:
    """Show a URL with the first browser that can; having none is no fault: it was printed.

    With sudo the browser is that of the person who called it, and never root's.
    """
    person, environment = _caller(environment), dict(environment)
    if person is not None:
        screen = {name: environment[name] for name in _SCREEN if name in environment}
        environment = own_environment(person, environment) | screen
    for words in browsers(environment):
        if shutil.which(words[0]) is None:
            continue
        try:
            done = subprocess.run(
                [word.replace("%s", url) for word in words],
                env=environment,
                check=False,
                user=None if person is None else person.pw_uid,
                group=None if person is None else person.pw_gid,
                extra_groups=None if person is None else [],
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if done.returncode == 0:
            return


def _caller(environment: Mapping[str, str]) -> pwd.struct_passwd | None:
    """Return the person that calls root's command by sudo."""
    person = before_sudo(environment)
    return person if person is not None and person.pw_uid != 0 and os.geteuid() == 0 else None
