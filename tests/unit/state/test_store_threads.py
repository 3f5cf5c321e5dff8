"""States are read by many threads at once, from the very first one on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, threading
from pathlib import Path
from beacon.state.store import StateStore
sys.setswitchinterval(1e-6)
store = StateStore(Path(sys.argv[1]), Path(sys.argv[1]))
together = threading.Barrier(8)
def read(number):
    together.wait()
    assert store.load(f"web{number}").name == f"web{number}"
threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_may_read_the_first_states_at_once(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    for number in range(8):
        (tmp_path / "services" / f"web{number}.json").write_text(f'{{"name": "web{number}"}}')
    for _ in range(5):  # msgspec learns a type at its first use, in each process anew
        command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
