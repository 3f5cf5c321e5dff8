"""What generator and systemd say is explained."""

from __future__ import annotations

from beacon.model.machine import EngineVersion
from beacon.units.check import (
    Complaint,
    Judge,
    check_generated,
    check_verified,
    generated_units,
    unit_of_file,
)

VERSION = EngineVersion(5, 4, 2)
STDOUT = "---beacon-web.service---\n[Unit]\nA=b\n\n---beacon-web-data-volume.service---\n[Unit]\nC=d\n\n"
STDERR = """quadlet-generator[7]: Loading source unit file /q/beacon-web.container
converting "beacon-a.volume": unsupported key 'Foo' in group 'Volume' in /q/beacon-a.volume
converting "beacon-b.container": unsupported key 'Memory' in group 'Container' in /q/beacon-b.container
converting "beacon-c.container": requested Quadlet unit beacon-x.network was not found
converting "beacon-d.container": no Image or Rootfs key specified
error loading "/q/beacon-e.container", file contains line 8: “junk” which is not a key-value
quadlet-generator[7]: something else
"""


def test_units_are_taken_from_the_output() -> None:
    assert generated_units(STDOUT) == {
        "beacon-web.service": "[Unit]\nA=b\n",
        "beacon-web-data-volume.service": "[Unit]\nC=d\n",
    }
    assert generated_units("") == {}


def test_units_are_named_as_quadlet_names_them() -> None:
    assert unit_of_file("beacon-web.container") == "beacon-web.service"
    assert unit_of_file("beacon-web-data.volume") == "beacon-web-data-volume.service"
    assert unit_of_file("beacon-back.network") == "beacon-back-network.service"
    assert unit_of_file("10-own.conf") is None


def test_a_clean_run_has_no_findings() -> None:
    quiet = STDERR.splitlines()[0]
    assert check_generated(["beacon-web.container", "beacon-web-data.volume"], STDOUT, quiet, VERSION) == ()


def test_each_refusal_is_explained() -> None:
    problems = {
        finding.file: finding.problem
        for finding in check_generated(["beacon-b.container"], STDOUT, STDERR, VERSION)
    }
    assert problems == {
        "": "Podman 5.4.2 says: something else",
        "beacon-a.volume": "Podman 5.4.2 does not know the key Foo in [Volume] of beacon-a.volume",
        "beacon-b.container": "Podman 5.4.2 does not know the key Memory in [Container] "
        "of beacon-b.container; it needs Podman 5.5",
        "beacon-c.container": "beacon-c.container refers to beacon-x.network, which is not there",
        "beacon-d.container": "Podman 5.4.2 refuses it: no Image or Rootfs key specified",
        "beacon-e.container": "Podman 5.4.2 cannot read it: "
        "file contains line 8: “junk” which is not a key-value",
    }


def test_a_unit_that_is_silently_dropped_is_found() -> None:
    (finding,) = check_generated(
        ["beacon-web.container", "beacon-db.container"], STDOUT, "", EngineVersion(4, 4)
    )
    assert str(finding) == "beacon-db.container: Podman 4.4.0 makes no unit of it and does not say why"


def test_systemd_s_complaints_quote_the_line() -> None:
    units = {"beacon-web.service": "[Unit]\nFoo=bar\n", "beacon-db.service": "[Unit]\n"}
    output = (
        "/v/beacon-web.service:2: Unknown key 'Foo' in section [Unit], ignoring.\n"
        "Unit beacon-db.service has a bad unit file setting.\n"
        "/lib/systemd/system/other.service:1: Not ours\n"
    )
    assert check_verified(output, 1, units) == (
        Complaint(
            "beacon-db.service", "systemd does not accept it: has a bad unit file setting.", Judge.SYSTEMD
        ),
        Complaint(
            "beacon-web.service",
            "systemd does not accept it: Unknown key 'Foo' in section [Unit], ignoring. (in 'Foo=bar')",
            Judge.SYSTEMD,
        ),
    )


def test_a_failure_that_names_no_unit_is_not_lost() -> None:
    (finding,) = check_verified("Failed to initialize manager\n", 1, {})
    assert str(finding) == "systemd does not accept the units: Failed to initialize manager"
    assert check_verified("", 0, {}) == ()
