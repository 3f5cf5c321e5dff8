"""What tests on virtual machines ask for: one that is booted, with Beacon on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.ground import BOOKWORM, TRIXIE, Ground, LabUnavailableError
from tests.lab.host import LabHost
from tests.lab.installation import CHECKOUT, copy_tree, install_beacon, install_checked_out, offer_wheels
from tests.vm.machine import VirtualHost, make_kernel

Make = Callable[[Ground, Path], VirtualHost]


@pytest.fixture(scope="session")
def machine() -> Iterator[VirtualHost]:
    """Return a booted virtual machine, the same for all tests; where there can be none, they are skipped."""

    def make(ground: Ground, kernel: Path) -> VirtualHost:
        return VirtualHost(ground, "vm", kernel, layers=(ground.layer("beacon", install_beacon),))

    with booted(TRIXIE, make) as made:
        yield made


@pytest.fixture(scope="session")
def old_machine() -> Iterator[VirtualHost]:
    """Return one with Debian 12, on which install.sh has put Beacon."""

    def furnish(host: LabHost) -> None:
        offer_wheels(host)
        copy_tree(host, CHECKOUT)

    def make(ground: Ground, kernel: Path) -> VirtualHost:
        return VirtualHost(ground, "vm12", kernel, suite=BOOKWORM, furnish=furnish)

    with booted(BOOKWORM, make) as made:
        install_checked_out(made)
        yield made


@contextmanager
def booted(suite: str, make: Make) -> Iterator[VirtualHost]:
    """Boot what *make* makes, with the suite's kernel."""
    try:
        kernel = make_kernel(suite)
        ground = Ground.open()
    except LabUnavailableError as reason:
        if os.environ.get("CI"):
            pytest.fail(f"no virtual machine: {reason}", pytrace=False)
        pytest.skip(f"no virtual machine: {reason}")
    try:
        made = make(ground, kernel)
        made.boot()
        yield made
        made.destroy()
    finally:
        ground.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the machine's console said last where a test has failed."""
    report = yield
    for used in getattr(item, "funcargs", {}).values():
        if report.failed and isinstance(used, VirtualHost):
            report.sections.append(("the end of the machine's console", used.last_words()))
            if not used.is_up:
                item.session.shouldfail = "the virtual machine is gone"
    return report
