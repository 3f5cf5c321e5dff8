"""What a process of another user gets of root's: no variables, no terminal, no open files."""

from __future__ import annotations

import json
import os
import pty
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from beacon.systemd.user import ACTING_FOR, own_environment

NOBODY = pwd.getpwnam("nobody")
APART = "import os, pwd, sys; from beacon.systemd.user import run_apart; "
ASK = """
import json, os, sys
print(json.dumps([os.getuid(), sorted(os.environ), os.isatty(0), os.getsid(0) == os.getpgrp()]))
print(os.ttyname(2) if os.isatty(2) else "none", "|", sys.stdin.readline().strip(), file=sys.stderr)
try:
    os.close(os.open("/dev/tty", os.O_RDWR))
except OSError:
    print("no terminal at all")
print("open", sorted(set(os.listdir("/proc/self/fd")) - {"0", "1", "2", "3"}))
sys.exit(7)
"""
CODE = f"{APART}run_apart(pwd.getpwnam('nobody'), ['/usr/bin/python3', '-c', sys.argv[1]], os.environ)"
ROOT = Path(__file__).parents[3]

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")


def test_variables_are_handed_on_by_name() -> None:
    root = {
        "LANG": "de_DE.UTF-8",
        "LC_TIME": "C",
        "TERM": "xterm",
        "NO_COLOR": "1",
        "PATH": "/root/bin",
        "AWS_SECRET_ACCESS_KEY": "sesame",
        "SSH_AUTH_SOCK": "/root/agent",
        "HOME": "/root",
        "LD_PRELOAD": "x",
        "XDG_CONFIG_HOME": "/root/.config",
        "SUDO_UID": "1000",
        "PYTHONPATH": "/root/lib",
        "MAIL": "/root",
        ACTING_FOR: NOBODY.pw_name,
    }
    given = own_environment(NOBODY, root)
    assert {name: value for name, value in root.items() if given.get(name) == value} == {
        "LANG": "de_DE.UTF-8",
        "LC_TIME": "C",
        "TERM": "xterm",
        "NO_COLOR": "1",
        ACTING_FOR: NOBODY.pw_name,
    }
    assert given["HOME"] == NOBODY.pw_dir
    assert given["PATH"].startswith("/usr/local/sbin:")
    assert set(given) - set(root) == {
        "USER",
        "LOGNAME",
        "SHELL",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
    }


@as_root
def test_pipes_stay_and_the_session_is_another() -> None:
    handle = os.open("/dev/null", os.O_RDONLY)
    done = subprocess.run(
        [sys.executable, "-c", CODE, ASK],
        input="in\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        pass_fds=[handle],
        env={**os.environ, "SECRET": "sesame"},
    )
    os.close(handle)
    first, *rest = done.stdout.splitlines()
    uid, names, is_terminal, leads = json.loads(first)
    assert (done.returncode, uid, is_terminal, leads) == (7, NOBODY.pw_uid, False, True)
    assert "SECRET" not in names
    assert rest == ["no terminal at all", "open []"]
    assert done.stderr == "none | in\n"


@as_root
def test_a_terminal_is_one_of_its_own_and_a_file_stays(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.dup2(os.open(answer, os.O_WRONLY | os.O_CREAT, 0o600), 1)
        os.write(2, f"{os.ttyname(2)}\n".encode())
        os.execv(sys.executable, [sys.executable, "-c", CODE, ASK])  # noqa: S606  # as root calls it
    os.write(terminal, b"typed\n")
    said = b""
    try:
        while chunk := os.read(terminal, 1000):
            said += chunk
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7
    uid, _, is_terminal, _ = json.loads(answer.read_text().splitlines()[0])
    assert (uid, is_terminal) == (NOBODY.pw_uid, True)
    last = said.decode().splitlines()[-1]
    assert last.startswith("/dev/pts/")
    assert last.endswith("| typed")
    assert said.decode().splitlines()[0].strip() != last.split()[0]
