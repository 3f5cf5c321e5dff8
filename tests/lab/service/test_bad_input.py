"""What Beacon says when something is wrong, and that services and files then are as they were."""

from __future__ import annotations

import pytest

from tests.lab import images
from tests.lab.conftest import FreshHost, Push
from tests.lab.faulty_registry import Answer, FaultyRegistry, Hang, Login, ReplaceBody
from tests.lab.host import LabHost
from tests.lab.images import ImageConfig

WEB = "registry.example:5000/me/web"
QUICK = ImageConfig(labels={"io.beacon.update.settle": "1s"})


@pytest.fixture
def web(host: LabHost, push: Push) -> str:
    """Return the reference of a service web that runs."""
    image = push(WEB, version="1", config=QUICK)
    host.run("beacon", "add", "web", image.tagged, "--port", "127.0.0.1:8080:8080")
    return image.tagged


def answer(host: LabHost) -> str:
    """Return the version that web answers with."""
    return host.run(
        "curl", "-s", "--max-time", "5", "http://127.0.0.1:8080/version", check=False
    ).stdout.strip()


def files(host: LabHost) -> dict[str, str]:
    """Return every definition and unit file, but for what a killed write left, which the next one clears."""
    where = ("/etc/beacon", "/etc/containers/systemd")
    listed = host.run("find", *where, "-type", "f", "-not", "-name", ".*").stdout
    return {path: host.read(path) for path in listed.split()}


FAULTY = {
    "broken TOML": ("image = ", ["line 1 is not TOML"]),
    "a wrong type": (f'image = "{WEB}"\nread_only = "yes"', ["read_only: must be true or false"]),
    "an unknown key": (
        f'image = "{WEB}"\n[health]\nintervall = "3s"',
        ["health.intervall: unknown key; did you mean 'interval'?"],
    ),
    "a short name": ('image = "nginx"', ["docker.io/library/nginx"]),
    "a host port that another service has": (
        f'image = "{WEB}"\n[[port]]\nhost = "127.0.0.1:8080"\ncontainer = 80',
        ["port[0].host", "web.toml"],
    ),
    "several faults": ('image = "nginx"\nread_only = 3\nbogus = 1', ["image:", "read_only:", "bogus:"]),
    "a need that nothing defines": (f'image = "{WEB}"\nneeds = ["nobody"]', ["needs"]),
}


def test_faulty_definitions_change_nothing(host: LabHost, web: str) -> None:
    del web
    for fault, (text, said) in FAULTY.items():
        host.write("/etc/beacon/services/other.toml", text)
        before = files(host)
        for verb in ("plan", "apply"):
            done = host.run("beacon", verb, check=False)
            assert done.returncode == 65, (fault, done.stderr)
            assert "Traceback" not in done.stderr
            for words in ["/etc/beacon/services/other.toml", *said]:
                assert words in done.stderr, fault
        assert files(host) == before, fault
    assert answer(host) == "1"


def test_a_faulty_definition_does_not_hinder_the_others(host: LabHost, web: str) -> None:
    del web
    host.write("/etc/beacon/services/other.toml", "image = ")
    done = host.run("beacon", "apply", "web")
    assert "other is faulty" in done.stderr
    assert host.run("beacon", "update").returncode == 0
    assert answer(host) == "1"


def test_names_that_cannot_be_services_are_refused(host: LabHost) -> None:
    for name in ("Web", "web_1", "-web", "update", "web-volume", "a" * 49):
        done = host.run("beacon", "add", "--", name, WEB, check=False)
        assert done.returncode == 2, name
        assert "Traceback" not in done.stderr
    assert not host.exists("/etc/beacon/services")


def test_an_image_that_does_not_exist_leaves_nothing_behind(host: LabHost) -> None:
    done = host.run("beacon", "add", "web", f"{WEB}:nowhere", check=False)
    assert done.returncode == 69
    assert "has no tag 'nowhere'" in done.stderr
    assert host.run("beacon", "status").stdout == ""
    assert not host.exists("/etc/beacon/services/web.toml")


def test_an_image_for_another_architecture_is_refused(host: LabHost, push: Push) -> None:
    image = push(WEB, architecture="riscv64")
    done = host.run("beacon", "add", "web", image.tagged, check=False)
    assert done.returncode == 69
    assert "linux/riscv64" in done.stderr
    assert not host.exists("/etc/beacon/services/web.toml")


def test_an_update_for_another_architecture_is_left_alone(host: LabHost, push: Push, web: str) -> None:
    del web
    push(WEB, version="2", architecture="riscv64")
    done = host.run("beacon", "update", check=False)
    assert done.returncode == 69
    assert "linux/riscv64" in done.stdout
    assert answer(host) == "1"


def test_a_host_port_that_is_taken_is_named(host: LabHost, push: Push) -> None:
    image = push(WEB, config=QUICK)
    done = host.run("beacon", "add", "web", image.tagged, "--port", "127.0.0.1:5000:8080", check=False)
    assert done.returncode == 1
    assert "port 127.0.0.1:5000/tcp is taken" in done.stdout


def test_a_registry_that_needs_a_login_says_which(
    host: LabHost, push: Push, faulty_registry: FaultyRegistry
) -> None:
    push(WEB)
    faulty_registry.login = Login(accounts={"me": "secret"}, anonymous=False)
    there = f"{faulty_registry.address}/me/web"
    done = host.run("beacon", "add", "web", there, check=False)
    assert done.returncode == 69
    assert f"beacon login {faulty_registry.address}" in done.stderr
    host.run("podman", "login", "--username=me", "--password=secret", faulty_registry.address)
    assert host.run("beacon", "add", "web", there, "--no-start").returncode == 0
    host.run("podman", "logout", "--all")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param(Answer(500), "500", id="answers 500"),
        pytest.param(Answer(429, {"Retry-After": "3600"}), "", id="wants to be left alone"),
        pytest.param(ReplaceBody(b'{"schemaVersion": 2}'), "", id="lies about the digest"),
    ],
)
def test_a_registry_that_is_unwell_leaves_the_service_running(
    host: LabHost, push: Push, faulty_registry: FaultyRegistry, fault: Answer | ReplaceBody, words: str
) -> None:
    push(WEB, version="1", config=QUICK)
    there = f"{faulty_registry.address}/me/web"
    host.run("beacon", "add", "web", there, "--port", "127.0.0.1:8080:8080")
    push(WEB, version="2", config=QUICK)
    if isinstance(fault, ReplaceBody):
        faulty_registry.when("/manifests/", fault, method="GET")
    else:
        faulty_registry.when("/manifests/", fault)
    before = files(host)
    done = host.run("beacon", "update", check=False)
    assert done.returncode in {69, 75}
    assert words in done.stdout
    assert files(host) == before
    assert answer(host) == "1"
    faulty_registry.reset()
    host.run("rm", "-f", "/var/lib/beacon/limits.json")  # as if the hour were over
    assert host.run("beacon", "update").returncode == 0
    assert answer(host) == "2"


def test_a_registry_that_hangs_costs_its_deadline_and_others_nothing(
    host: LabHost, push: Push, faulty_registry: FaultyRegistry
) -> None:
    push(WEB, version="1", config=QUICK)
    other = push("registry.example:5000/me/other", version="1", config=QUICK)
    host.run("beacon", "add", "web", f"{faulty_registry.address}/me/web", "--port", "127.0.0.1:8080:8080")
    host.run("beacon", "add", "other", other.tagged, "--port", "127.0.0.1:8081:8080")
    push("registry.example:5000/me/other", version="2", config=QUICK)
    host.write("/etc/beacon/beacon.toml", '[registry]\ndeadline = "2s"\n')
    faulty_registry.when("/manifests/", Hang())
    done = host.run("beacon", "update", check=False, timeout=30)
    faulty_registry.release()
    assert done.returncode == 69
    assert "could not check" in done.stdout
    assert host.run("curl", "-s", "http://127.0.0.1:8081/version").stdout.strip() == "2"
    assert answer(host) == "1"


def test_a_full_disk_while_pulling_leaves_the_service_running(fresh_host: FreshHost) -> None:
    host = fresh_host()
    host.run("mount", "-t", "tmpfs", "-o", "size=24M", "tmpfs", "/var/lib/containers")
    images.push(host, WEB, version="1", config=QUICK)
    host.run("beacon", "add", "web", WEB, "--port", "127.0.0.1:8080:8080")
    images.push(host, WEB, version="2", config=QUICK, files={"large": "x" * 40_000_000})
    before = files(host)
    done = host.run("beacon", "update", check=False)
    assert done.returncode == 1
    assert "the disk is full" in done.stdout
    assert files(host) == before
    assert answer(host) == "1"


@pytest.mark.parametrize("folder", ["/etc/containers/systemd", "/var/lib/beacon/services"])
def test_a_full_disk_while_writing_leaves_the_service_running(fresh_host: FreshHost, folder: str) -> None:
    host = fresh_host()
    host.run("mkdir", "-p", folder)
    host.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
    images.push(host, WEB, version="1", config=QUICK)
    host.run("beacon", "add", "web", WEB, "--port", "127.0.0.1:8080:8080")
    images.push(host, WEB, version="2", config=QUICK)
    running = host.run("podman", "ps", "--no-trunc", "--quiet").stdout
    host.run("dd", "if=/dev/zero", f"of={folder}/filler", "bs=4k", check=False)
    done = host.run("beacon", "update", check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stdout
    assert host.run("podman", "ps", "--no-trunc", "--quiet").stdout == running
    host.run("rm", f"{folder}/filler")
    host.run("beacon", "update")
    assert answer(host) == "2"


def test_a_definition_removed_by_hand_is_removed_by_apply_and_not_by_update(host: LabHost, web: str) -> None:
    del web
    host.run("rm", "/etc/beacon/services/web.toml")
    assert host.run("beacon", "update").returncode == 0
    assert answer(host) == "1"
    assert "its definition is gone" in host.run("beacon", "status").stdout
    plan = host.run("beacon", "plan").stdout
    assert "stop beacon-web.service" in plan
    assert "remove beacon-web.container" in plan
    host.run("beacon", "apply")
    assert answer(host) == ""
    assert not host.exists("/etc/containers/systemd/beacon-web.container")


def test_settings_with_a_fault_are_named(host: LabHost, web: str) -> None:
    del web
    host.write("/etc/beacon/beacon.toml", 'auth_fil = "/x"\n[registry]\ndeadline = "soon"\n')
    done = host.run("beacon", "update", check=False)
    assert done.returncode == 78
    assert "auth_fil: unknown key; did you mean 'auth_file'?" in done.stderr
    assert "registry.deadline" in done.stderr


def test_a_damaged_state_is_named_and_left_alone(host: LabHost, web: str) -> None:
    del web
    host.write("/var/lib/beacon/services/web.json", "{")
    done = host.run("beacon", "status", check=False)
    assert done.returncode == 71
    assert "/var/lib/beacon/services/web.json" in done.stderr
    assert host.read("/var/lib/beacon/services/web.json") == "{"
    assert answer(host) == "1"


def test_without_root_it_says_what_is_missing_and_how(host: LabHost, web: str) -> None:
    del web
    for words in (["update"], ["apply"], ["stop", "web"], ["rm", "web"], ["add", "x", WEB]):
        done = host.run(
            "setpriv", "--reuid=65534", "--clear-groups", "beacon", "--system", *words, check=False
        )
        assert done.returncode == 77, done.stderr
        assert f"sudo beacon --system {' '.join(words)}" in done.stderr
        assert "Traceback" not in done.stderr
