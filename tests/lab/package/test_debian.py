"""Beacon passes its other tests with Debian's own Python and libraries, which it will run on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.lab.host import LabHost

REPOSITORY = Path(__file__).resolve().parents[3]
SUITES = ("tests/unit", "tests/golden", "tests/property", "tests/contract")
TREE = "/var/tmp/tree"  # noqa: S108 (on a host of our own)


def test_the_suites_pass_with_debian_s_libraries(host: LabHost) -> None:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    said = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    files = [name for name in said.split("\0") if name and (REPOSITORY / name).is_file()]
    suites = [suite for suite in SUITES if any(re.match(rf"{suite}/.*test_.*\.py", name) for name in files)]
    host.path(TREE).mkdir()
    pack = ["tar", "-c", "--null", "--no-recursion", "-T", "-", "-f", f"{host.path(TREE)}/tree.tar"]
    subprocess.run(pack, cwd=REPOSITORY, input="\0".join(files), text=True, check=True)
    run_all = (
        f"cd {TREE} && tar -xf tree.tar && exec env BEACON_CONTRACT_ON_THIS_MACHINE=1 "
        # The strings are tried in full elsewhere; here it is the libraries that are.
        f"python3 -m pytest -q -p no:cacheprovider --hypothesis-profile=few {' '.join(suites)}"
    )
    try:
        done = host.run("sh", "-c", run_all, timeout=900)
    finally:
        host.run("rm", "-rf", TREE)
    passed = re.search(r"^(\d+) passed", done.stdout, re.MULTILINE)
    assert passed
    assert int(passed[1]) > 0, done.stdout
