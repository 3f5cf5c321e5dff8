"""Ctrl-C: what is begun is put back, and a second one ends the process. Real processes get real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beacon.errors import ExitStatus

UPDATE = """
import subprocess
import sys
import time
from pathlib import Path

from beacon.cli.ending import exiting_on_error
from beacon.cli.output import Output
from beacon.cli.services import following
from beacon.model.machine import Scope
from beacon.operations.update import UpdateRequest
from tests.fakes.here import OneImage, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out
from tests.fakes.terminal import StagedSession

folder, pause, where = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]


def wait(here):
    if here == where:
        (folder / "waits").touch()
        time.sleep(pause)


class Machine(FakeMachine):
    def sleep(self, seconds):
        super().sleep(seconds)
        wait("gate")


class Registry(OneImage):
    def check(self, references):
        wait("check")
        return super().check(references)


machine = FakeMachine()
roll_out(machine, push(machine, "1"))
machine.__class__ = Machine
image = push(machine, "2")
staged = StagedMachine(machine, folder, image)
staged.registry = Registry(image)
nothing = subprocess.DEVNULL
child = subprocess.Popen(["sleep", "60"], stdout=nothing, stderr=nothing, process_group=0)
(folder / "child").write_text(str(child.pid))
output = Output()
with exiting_on_error(output):
    here = StagedSession(Scope.SYSTEM, output, here=staged)
    here.interruption.catch(output.say)
    status = following.update(here, UpdateRequest(("web",)), exit_code=False, as_json=False)
    (folder / "ended").write_text(f"{machine.load('web').live} {machine.load('web').quarantine}")
    child.kill()
    sys.exit(status)
"""


@contextmanager
def updating(folder: Path, pause: float, where: str) -> Iterator[subprocess.Popen[str]]:
    """Yield an update that waits *pause* seconds at each look of the *gate*, or in its *check*."""
    command = [sys.executable, "-c", UPDATE, str(folder), str(pause), where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            while not (folder / "waits").exists() and run.poll() is None:
                pass
            yield run
        finally:
            run.kill()


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2]
    except FileNotFoundError:
        return False


def test_the_first_one_has_what_is_begun_be_put_back(tmp_path: Path) -> None:
    with updating(tmp_path, 0.2, "gate") as run:
        run.send_signal(signal.SIGINT)
        answered, said = run.communicate(timeout=30)
    assert (tmp_path / "ended").read_text() == "1 ()"
    assert run.returncode == ExitStatus.TEMPFAIL
    assert "web      deferred  it was canceled; release 1 runs on" in answered
    assert (
        "interrupted; what is begun is being put back: web (wait until it is healthy)\n"
        "Ctrl-C again ends at once, and leaves that to the next run\n"
    ) in said


def test_a_second_one_ends_the_process_and_what_it_has_started(tmp_path: Path) -> None:
    with updating(tmp_path, 60, "gate") as run:
        child = int((tmp_path / "child").read_text())
        assert is_alive(child)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        assert any(line.startswith("interrupted; what is begun") for line in run.stderr)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=40)
    assert run.returncode == 130
    assert "ended at once; the next run of the timer, or of beacon update, goes on from here" in said
    assert not (tmp_path / "ended").exists()
    while is_alive(child):  # for a moment
        time.sleep(0.01)


def test_while_nothing_is_begun_it_ends_the_command(tmp_path: Path) -> None:
    with updating(tmp_path, 60, "check") as run:
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=40)
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert run.returncode == 130
    assert said == "interrupted; what had begun is finished or undone by the next run\n"


EDIT = "import sys; from beacon.__main__ import main; sys.argv[0] = 'beacon'; main()"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with one definition and a manager that is not there."""
    (tmp_path / "systemd").mkdir()
    services = tmp_path / ".config/beacon/services"
    services.mkdir(parents=True)
    (services / "web.toml").write_text('image = "registry.example/me/web"\n')
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\ntouch {tmp_path}/waits\nexec sleep 60\n")
    editor.chmod(0o755)
    return tmp_path


def test_behind_the_parser_it_is_told_too(home: Path) -> None:
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "EDITOR": f"{home}/editor"}
    command = [sys.executable, "-c", EDIT, "--user", "edit", "web"]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        while not (home / "waits").exists() and run.poll() is None:
            pass
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does
        _, said = run.communicate(timeout=40)
    assert run.returncode == 130
    assert said.startswith("interrupted; ")


PULL = """
import sys
from beacon.cli.interruption import Interruption
from beacon.engine.podman import Podman
from beacon.errors import BeaconError, CanceledError
from beacon.model.reference import ImageReference
import os

interruption = Interruption()
interruption.catch(lambda text: None)
interruption.begin("web", "pull its image")


def hear(done):
    print("heard", flush=True)
    if interruption.is_canceled():
        raise CanceledError("it was canceled")


try:
    Podman(dict(os.environ)).pull(ImageReference.parse("registry.example/web:1"), hear)
except BeaconError as error:
    print(type(error).__name__, error.message)
"""


def test_a_pull_that_the_terminal_s_signal_would_reach_is_canceled_and_blames_nobody(tmp_path: Path) -> None:
    podman = tmp_path / "podman"
    podman.write_text(
        "#!/bin/sh\ntrap 'echo Error: context canceled >&2; exit 125' INT\n"
        "echo Copying blob >&2\nsleep 60 &\nwait\n"
    )
    podman.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-c", PULL],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "heard\n"
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does
        assert run.stdout.read().splitlines()[-1] == "CanceledError it was canceled"


def test_who_ignores_it_keeps_ignoring_it() -> None:
    code = (
        "import signal; from beacon.cli.interruption import Interruption;"
        "signal.signal(signal.SIGINT, signal.SIG_IGN); Interruption().catch(print);"
        "print(signal.getsignal(signal.SIGINT).name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "SIG_IGN\n"
