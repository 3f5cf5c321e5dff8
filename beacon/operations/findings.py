"""Findings, as operations answer them."""

from __future__ import annotations

from typing import Any

from beacon.doctor.judge.finding import Finding


def fields_of(finding: Finding) -> dict[str, Any]:
    """Return the fields of FindingInfo."""
    mend = finding.mend or None
    return {
        "severity": finding.severity.word,
        "what": finding.what,
        "why": finding.why or None,
        "mend": mend,
        "fix": mend,
    }
