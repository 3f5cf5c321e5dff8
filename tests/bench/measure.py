"""Figures: how they are taken on a test host, and how they become a table with its bars."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.host import LabHost

STOPWATCH = Path(__file__).with_name("stopwatch.py")
RUNS = 7


class BenchError(Exception):
    """What was to be measured did not happen; a figure of it would be worth nothing."""


@dataclass(frozen=True)
class Spread:
    """The same figure, taken several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        """What it takes when nothing else gets in the way: what an absolute bar is held against."""
        return min(self.values)

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(min(self.values))} to {number(max(self.values))})"


@dataclass(frozen=True)
class Timing:
    """What several runs of one command took, each as a whole process."""

    seconds: Spread
    cpu: Spread
    mib: Spread
    outputs: tuple[str, ...]

    @property
    def peak(self) -> float:
        """The most memory that any of the runs had, in MiB."""
        return max(self.mib.values)


@dataclass(frozen=True)
class Bar:
    """What must hold, and whether it does."""

    text: str
    holds: bool

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'DOES NOT HOLD'}: {self.text}"


@dataclass(frozen=True)
class Table:
    """Figures below headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        widths = [max(len(cell) for cell in column) for column in zip(self.headings, *self.rows, strict=True)]
        lines = [self.headings, tuple("-" * width for width in widths), *self.rows]
        return "\n".join(
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in lines
        )


@dataclass
class Section:
    """What one benchmark says."""

    title: str
    text: str
    tables: list[Table] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def __str__(self) -> str:
        bars = "\n".join(f"- {bar}" for bar in self.bars)
        return "\n\n".join([f"## {self.title}", self.text, *map(str, self.tables), bars])


def time_commands(
    host: LabHost, *commands: Sequence[str], runs: int = RUNS, statuses: Sequence[int] = (0,)
) -> list[Timing]:
    """Time *commands* in turn on *host*; none may end with another status than those of *statuses*."""
    asked = json.dumps({"runs": runs, "warmups": 1, "commands": commands})
    inside = "/var/tmp/stopwatch.py"  # noqa: S108 (on a host of our own)
    host.write(inside, STOPWATCH.read_text())
    said = host.run("/usr/bin/python3", "-I", inside, input=asked, timeout=600).stdout
    timings = []
    for command, results in zip(commands, json.loads(said), strict=True):
        for result in results:
            if result["status"] not in statuses:
                raise BenchError(f"{' '.join(command)}: status {result['status']}\n{result['output']}")
        timings.append(
            Timing(
                Spread(tuple(result["seconds"] for result in results)),
                Spread(tuple(result["cpu"] for result in results)),
                Spread(tuple(result["mib"] for result in results)),
                tuple(result["output"] for result in results),
            )
        )
    return timings


def number(value: float) -> str:
    """Return a figure with as many digits as it is worth."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
