"""What importing the package costs."""

from __future__ import annotations

import subprocess
import sys


def test_talking_about_results_loads_no_http() -> None:
    program = (
        "import sys, beacon.registry; sys.exit(' '.join({'requests', 'ssl', 'tomllib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    program = "from beacon.registry import CredentialStore, RegistriesConfig, RegistryClient"
    subprocess.run([sys.executable, "-c", program], check=True)
