"""What tests on virtual machines ask for: one that is booted, with Beacon on it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from tests.lab.ground import Ground, LabUnavailableError
from tests.lab.installation import install_beacon
from tests.vm.machine import VirtualHost, make_kernel


@pytest.fixture(scope="session")
def machine() -> Iterator[VirtualHost]:
    """Return a booted virtual machine, the same for all tests; where there can be none, they are skipped."""
    try:
        kernel = make_kernel()
        ground = Ground.open()
    except LabUnavailableError as reason:
        if os.environ.get("CI"):
            pytest.fail(f"no virtual machine: {reason}", pytrace=False)
        pytest.skip(f"no virtual machine: {reason}")
    try:
        made = VirtualHost(ground, "vm", kernel, layers=(ground.layer("beacon", install_beacon),))
        made.boot()
        yield made
        made.destroy()
    finally:
        ground.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the machine's console said last where a test has failed."""
    report = yield
    used = getattr(item, "funcargs", {}).get("machine")
    if report.failed and isinstance(used, VirtualHost):
        report.sections.append(("the end of the machine's console", used.last_words()))
        if not used.is_up:
            item.session.shouldfail = "the virtual machine is gone"
    return report
