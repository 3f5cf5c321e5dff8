"""What it costs to talk about what a registry said."""

from __future__ import annotations

import subprocess
import sys


def test_talking_about_results_loads_no_http() -> None:
    program = (
        "import sys, beacon.registry.results;"
        "sys.exit(' '.join({'requests', 'ssl', 'tomllib'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert done.returncode == 0
