"""install.sh, killed at any of its steps: the next run finishes or undoes what it had begun."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.lab.conftest import FreshHost
from tests.lab.host import LabHost
from tests.lab.installation import CHECKOUT, copy_tree

INSTALL = f"{CHECKOUT}/install.sh"
COUNT = "/run/steps"
KILLER = f"""
# bash reads this before a script ($BASH_ENV): what install.sh runs itself is counted, command by command.
if [ "${{0##*/}}" = install.sh ]; then
    step=0
    set -o functrace
    count() {{
        [ $BASHPID = $$ ] || return 0
        echo $((step += 1)) >{COUNT}
        [ $step != "$KILL_AT" ] || kill -KILL $$
    }}
    trap count DEBUG
fi
"""
POINTS = 5
"""Steps at which it is killed, of each way to install and to uninstall."""
PLACES = ("/etc", "/opt", "/usr", "/var/lib", "/var/spool")
NOT_OURS = ("/var/lib/apt/", "/var/lib/dpkg/", "/var/lib/systemd/", "__pycache__")


@pytest.fixture
def ready(fresh_host: FreshHost, beacon_deb: Path) -> LabHost:
    """Return a host without Beacon, and with a checkout, a package, and what kills a script."""
    host = fresh_host("killed", beacon=False)
    copy_tree(host, CHECKOUT)
    shutil.copy(beacon_deb, host.path("/root/beacon.deb"))
    host.write("/root/killer.sh", KILLER)
    return host


@pytest.mark.other_kind
@pytest.mark.parametrize("words", [["--venv", "--offline"], ["/root/beacon.deb"]], ids=["venv", "package"])
def test_killed_at_any_step_the_next_run_ends_clean(ready: LabHost, words: list[str]) -> None:
    before = paths_on(ready)
    steps = count_steps(ready, *words)
    check_works(ready)
    last = count_steps(ready, "--uninstall", "--purge")
    assert paths_on(ready) ^ before == set()

    for number, step in enumerate(spread(steps)):
        run_killed(ready, step, *words)
        if number % 2:
            ready.run(INSTALL, *words, timeout=180)
            check_works(ready)
        ready.run(INSTALL, "--uninstall", "--purge", timeout=120)
        assert paths_on(ready) ^ before == set(), f"installation killed at step {step}"

    for number, step in enumerate(spread(last)):
        ready.run(INSTALL, *words, timeout=180)
        run_killed(ready, step, "--uninstall", "--purge")
        if number % 2:
            ready.run(INSTALL, *words, timeout=180)
            check_works(ready)
        ready.run(INSTALL, "--uninstall", "--purge", timeout=120)
        assert paths_on(ready) ^ before == set(), f"uninstallation killed at step {step}"


@pytest.mark.other_kind
def test_what_apt_had_begun_is_finished(ready: LabHost) -> None:
    before = paths_on(ready)
    for words in (["/root/beacon.deb"], ["--uninstall", "--purge"]):
        ready.run("dpkg", "--unpack", "/root/beacon.deb")
        # What dpkg writes package by package, and puts together when it ends.
        ready.write("/var/lib/dpkg/updates/0000", ready.run("dpkg", "--status", "bash").stdout)
        said = ready.run(INSTALL, *words, timeout=180)
        assert "what it had begun is finished first" in said.stdout
        if "--uninstall" not in words:
            check_works(ready)
            ready.run(INSTALL, "--uninstall", "--purge", timeout=120)
        assert paths_on(ready) ^ before == set()


def spread(steps: int) -> list[int]:
    """Return steps from the first to the last."""
    return [1 + number * (steps - 1) // (POINTS - 1) for number in range(POINTS)]


def count_steps(host: LabHost, *words: str) -> int:
    """Run install.sh to its end; return how many commands that took."""
    host.run(INSTALL, *words, env={"BASH_ENV": "/root/killer.sh", "KILL_AT": "0"}, timeout=180)
    return int(host.read(COUNT))


def run_killed(host: LabHost, step: int, *words: str) -> None:
    """Have install.sh killed before one of its steps, and what it had started end by itself."""
    env = {"BASH_ENV": "/root/killer.sh", "KILL_AT": str(step)}
    assert host.run(INSTALL, *words, check=False, env=env, timeout=180).returncode != 0
    assert int(host.read(COUNT)) == step


def check_works(host: LabHost) -> None:
    """Fail where Beacon is not there as a whole."""
    assert host.run("beacon", "--version").stdout.startswith("beacon ")
    assert host.run("systemctl", "is-enabled", "beacon-update.timer").stdout == "enabled\n"
    assert host.run("systemctl", "is-active", "beacon-update.timer").stdout == "active\n"
    assert host.run("man", "--where", "beacon").stdout


def paths_on(host: LabHost) -> set[str]:
    """Return what is on the disk, files with their sizes, less what is written by others on the way."""
    listed = host.run(
        "find", *PLACES, "-xdev", "(", "-type", "d", "-printf", "%p/\\n", ")", "-o", "-printf", "%p %s\\n"
    )
    return {line for line in listed.stdout.splitlines() if not any(part in line for part in NOT_OURS)}
