"""Measure Beacon on a test host and say whether its bars hold: `python -m tests.bench [name...]`.

Without names everything is measured, and docs/benchmarks.md is written anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import apps, check, golive, handover, listing, owners, publishing, scale, startup, together
from tests.bench.measure import Section
from tests.bench.report import write_report
from tests.lab.host import LabHost
from tests.lab.installation import booted

BENCHES: dict[str, Callable[[LabHost], Section]] = {
    "start": startup.measure,
    "check": check.measure,
    "scale": scale.measure,
    "live": golive.measure,
    "back": golive.measure_way_back,
    "apps": apps.measure,
    "together": together.measure,
    "rootless": owners.measure,
    "handover": handover.measure,
    "publish": publishing.measure,
    "catalog": listing.measure,
}


def main(names: list[str]) -> int:
    """Run the benchmarks *names*, or all."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        sys.stderr.write(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}\n")
        return 2
    sections = []
    for name in names or BENCHES:
        with booted() as host:
            sections.append(BENCHES[name](host))
            sys.stdout.write(f"{sections[-1]}\n\n")
            sys.stdout.flush()
            if not names and len(sections) == len(BENCHES):
                write_report(host, sections)
    failed = [bar for section in sections for bar in section.bars if not bar.holds]
    for bar in failed:
        sys.stdout.write(f"{bar}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
