"""Which login is used for a repository, and where it is from."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from beacon.errors import ConfigError
from beacon.model.sensitive import Sensitive
from beacon.registry.settings.credentials import Credential, CredentialStore


def auth(login: str) -> dict[str, str]:
    return {"auth": base64.b64encode(login.encode()).decode()}


def write(root: Path, path: str, document: object) -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(json.dumps(document))
    return root / path


def load(root: Path, **env: str) -> CredentialStore:
    return CredentialStore.load(env, root / "home", 1000, root=root)


def user(store: CredentialStore, registry: str, repository: str = "me/web") -> str | None:
    credential = store.lookup(registry, repository)
    return credential.username if credential else None


RUNTIME = "run/containers/1000/auth.json"
CONFIG = "home/.config/containers/auth.json"
DOCKER = "home/.docker/config.json"
LEGACY = "home/.dockercfg"


def test_files_are_asked_in_the_order_of_podman(tmp_path: Path) -> None:
    write(tmp_path, LEGACY, {"r.example": auth("legacy:x")})
    assert user(load(tmp_path), "r.example") == "legacy"
    for path, name in ((DOCKER, "docker"), (CONFIG, "config"), (RUNTIME, "runtime")):
        write(tmp_path, path, {"auths": {"r.example": auth(f"{name}:x")}})
        credential = load(tmp_path).lookup("r.example", "web")
        assert credential is not None
        assert credential.username == name
        assert credential.source == str(tmp_path / path)


def test_variables_move_the_files(tmp_path: Path) -> None:
    write(tmp_path, "x/auth.json", {"auths": {"r.example": auth("alone:x")}})
    write(tmp_path, "runtime/containers/auth.json", {"auths": {"r.example": auth("runtime:x")}})
    write(tmp_path, "xdg/containers/auth.json", {"auths": {"r.example": auth("xdg:x")}})
    write(tmp_path, "docker/config.json", {"auths": {"r.example": auth("docker:x")}})
    write(tmp_path, RUNTIME, {"auths": {"r.example": auth("not this one:x")}})
    runtime, xdg = str(tmp_path / "runtime"), str(tmp_path / "xdg")
    docker, alone = str(tmp_path / "docker"), str(tmp_path / "x/auth.json")
    gone = str(tmp_path / "gone")
    assert user(load(tmp_path, REGISTRY_AUTH_FILE=alone, XDG_RUNTIME_DIR=runtime), "r.example") == "alone"
    assert user(load(tmp_path, REGISTRY_AUTH_FILE=gone, XDG_RUNTIME_DIR=runtime), "r.example") is None
    assert user(load(tmp_path, XDG_RUNTIME_DIR=runtime), "r.example") == "runtime"
    assert user(load(tmp_path, XDG_RUNTIME_DIR=gone, XDG_CONFIG_HOME=xdg), "r.example") == "xdg"
    assert user(load(tmp_path, XDG_RUNTIME_DIR=gone, DOCKER_CONFIG=docker), "r.example") == "docker"


HUB = {"https://index.docker.io/v1/": auth("hub:x")}
LOOKUPS: dict[str, tuple[Mapping[str, object], str, str, str | None]] = {
    "the host": ({"r.example": auth("a:x")}, "r.example", "me/web", "a"),
    "another host": ({"r.example": auth("a:x")}, "other.example", "me/web", None),
    "the port counts": ({"r.example": auth("a:x")}, "r.example:5000", "me/web", None),
    "the repository before its namespace": (
        {
            "r.example": auth("a:x"),
            "r.example/me": auth("b:x"),
            "r.example/me/web": auth("c:x"),
        },
        "r.example",
        "me/web",
        "c",
    ),
    "the namespace before the host": (
        {"r.example": auth("a:x"), "r.example/me": auth("b:x")},
        "r.example",
        "me/other",
        "b",
    ),
    "a namespace of others": ({"r.example/you": auth("a:x")}, "r.example", "me/web", None),
    "docker's key for its hub": (HUB, "docker.io", "library/nginx", "hub"),
    "podman's key for the hub": ({"docker.io": auth("a:x"), **HUB}, "docker.io", "library/nginx", "a"),
    "a namespace of the hub": (
        {"docker.io": auth("a:x"), "docker.io/me": auth("b:x")},
        "docker.io",
        "me/web",
        "b",
    ),
    "a URL as docker once wrote it": ({"https://r.example/v1/": auth("a:x")}, "r.example", "web", "a"),
    "a URL with http": ({"http://r.example": auth("a:x")}, "r.example", "web", "a"),
    "an entry that holds nothing is none": ({"r.example": {}}, "r.example", "web", None),
    "user and password in the clear": (
        {"r.example": {"username": "a", "password": "x"}},
        "r.example",
        "web",
        "a",
    ),
    "a login without a password is none": ({"r.example": auth("me")}, "r.example", "web", None),
    "a colon in the password": ({"r.example": auth("a:b:c")}, "r.example", "web", "a"),
}


@pytest.mark.parametrize(("auths", "registry", "repository", "expected"), LOOKUPS.values(), ids=LOOKUPS)
def test_the_login_of_a_repository_is_found(
    tmp_path: Path, auths: Mapping[str, object], registry: str, repository: str, expected: str | None
) -> None:
    write(tmp_path, CONFIG, {"auths": auths})
    assert user(load(tmp_path), registry, repository) == expected


def test_passwords_are_what_was_written_without_the_zeros_of_docker(tmp_path: Path) -> None:
    write(tmp_path, CONFIG, {"auths": {"r.example": auth("a:b:c\0\0")}})
    credential = load(tmp_path).lookup("r.example", "web")
    assert credential is not None
    assert credential.password.reveal() == "b:c"


def test_an_identity_token_is_known_as_one(tmp_path: Path) -> None:
    write(tmp_path, DOCKER, {"auths": {"r.example": {**auth("a:"), "identitytoken": "t0ken"}}})
    credential = load(tmp_path).lookup("r.example", "web")
    assert credential is not None
    assert credential.identity_token == Sensitive("t0ken")


def test_secrets_do_not_show(tmp_path: Path) -> None:
    credential = Credential("me", Sensitive("hunter2"), Sensitive("t0ken"), "x")
    for shown in (repr(credential), str(credential), f"{credential.password}", repr(load(tmp_path))):
        assert "hunter2" not in shown
        assert "t0ken" not in shown


FAULTS = {
    "no JSON": ("{", "Expecting property name"),
    "no object": ("[]", "must hold a table"),
    "logins as a list": ('{"auths": []}', "auths: must be a table"),
    "helpers as a string": ('{"credHelpers": "pass"}', "credHelpers: must be a table"),
}


@pytest.mark.parametrize(("text", "problem"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, CONFIG, {})
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(ConfigError, match=rf"auth\.json: .*{problem}"):
        load(tmp_path)


ENTRIES = {
    "no base64": ({"auth": "%%%"}, r'auths\["r\.example"\]\.auth: must be user:password in base64'),
    "a number": ({"auth": 5}, "auth: must be a string"),
    "no table": ("me", r'auths\["r\.example"\]: must be a table'),
}


@pytest.mark.parametrize(("entry", "problem"), ENTRIES.values(), ids=ENTRIES)
def test_a_faulty_entry_concerns_its_own_registry_alone(tmp_path: Path, entry: object, problem: str) -> None:
    write(tmp_path, CONFIG, {"auths": {"r.example": entry, "other.example": auth("a:x")}})
    store = load(tmp_path)
    assert user(store, "other.example") == "a"
    with pytest.raises(ConfigError, match=problem):
        store.lookup("r.example", "web")


def helper(tmp_path: Path, name: str, script: str) -> str:
    """Write a credential helper that counts its calls, and return the PATH that has it."""
    program = tmp_path / "bin" / f"docker-credential-{name}"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nread server\necho "$1 $server" >> "{tmp_path}/calls"\n{script}\n')
    program.chmod(0o755)
    return f"{program.parent}:/usr/bin:/bin"


def answer(username: str, secret: str) -> str:
    return f"""echo '{{"ServerURL": "x", "Username": "{username}", "Secret": "{secret}"}}'"""


def test_a_helper_of_the_host_comes_before_the_logins_of_the_file(tmp_path: Path) -> None:
    path = helper(tmp_path, "pass", answer("helped", "s"))
    document = {"credHelpers": {"r.example": "pass"}, "auths": {"r.example/me/web": auth("a:x")}}
    write(tmp_path, CONFIG, document)
    store = load(tmp_path, PATH=path)
    for repository in ("me/web", "me/other"):
        assert user(store, "r.example", repository) == "helped"
    assert (tmp_path / "calls").read_text() == "get r.example\n"


def test_a_helper_may_give_an_identity_token(tmp_path: Path) -> None:
    path = helper(tmp_path, "pass", answer("<token>", "t0ken"))
    write(tmp_path, CONFIG, {"credHelpers": {"r.example": "pass"}})
    credential = load(tmp_path, PATH=path).lookup("r.example", "web")
    assert credential is not None
    assert credential.identity_token == Sensitive("t0ken")


def test_a_helper_that_has_nothing_leads_to_the_next_file(tmp_path: Path) -> None:
    path = helper(tmp_path, "pass", "echo credentials not found in native keychain; exit 1")
    write(tmp_path, CONFIG, {"credHelpers": {"r.example": "pass"}})
    write(tmp_path, DOCKER, {"auths": {"r.example": auth("docker:x")}})
    assert user(load(tmp_path, PATH=path), "r.example") == "docker"


def test_the_store_of_docker_counts_in_its_own_file_alone(tmp_path: Path) -> None:
    path = helper(tmp_path, "desktop", answer("stored", "s"))
    write(tmp_path, CONFIG, {"credsStore": "desktop"})
    assert user(load(tmp_path, PATH=path), "docker.io") is None
    write(tmp_path, DOCKER, {"credsStore": "desktop", "auths": {"https://index.docker.io/v1/": {}}})
    assert user(load(tmp_path, PATH=path), "docker.io") == "stored"
    assert (tmp_path / "calls").read_text() == "get https://index.docker.io/v1/\n"


def test_a_store_of_docker_that_is_gone_has_no_logins(tmp_path: Path) -> None:
    write(tmp_path, DOCKER, {"credsStore": "desktop", "auths": {"r.example": auth("docker:x")}})
    write(tmp_path, LEGACY, {"other.example": auth("legacy:x")})
    store = load(tmp_path, PATH="/nowhere")
    assert user(store, "r.example") == "docker"
    assert user(store, "other.example") == "legacy"
    assert user(store, "docker.io") is None


def test_a_helper_of_registries_conf_that_fails_leads_to_the_next(tmp_path: Path) -> None:
    path = helper(tmp_path, "first", "echo no keyring >&2; exit 3")
    write(tmp_path, CONFIG, {"auths": {"r.example": auth("file:x")}})
    helpers = ("first", "gone", "containers-auth.json")
    store = CredentialStore.load({"PATH": path}, tmp_path / "home", 1000, helpers=helpers, root=tmp_path)
    assert user(store, "r.example") == "file"
    with pytest.raises(ConfigError, match=r"docker-credential-first.*no keyring"):
        store.lookup("other.example", "web")


def test_helpers_of_registries_conf_are_asked_in_order(tmp_path: Path) -> None:
    path = helper(tmp_path, "first", "echo credentials not found in native keychain; exit 1")
    helper(tmp_path, "last", answer("last", "s"))
    write(tmp_path, CONFIG, {"auths": {"r.example": auth("file:x")}})
    for helpers, expected in (
        (("first", "containers-auth.json", "last"), "file"),
        (("first", "last", "containers-auth.json"), "last"),
        (("first",), None),
    ):
        env = {"PATH": path}
        store = CredentialStore.load(env, tmp_path / "home", 1000, helpers=helpers, root=tmp_path)
        assert user(store, "r.example") == expected


BROKEN_HELPERS = {
    "fails": ("echo no keyring >&2; exit 3", "gave no login for 'r.example': no keyring"),
    "fails in silence": ("exit 3", "gave no login for 'r.example': exit status 3"),
    "says nonsense": ("echo hello", "something unreadable"),
    "says too little": ("echo '{}'", "something unreadable"),
}


@pytest.mark.parametrize(("script", "problem"), BROKEN_HELPERS.values(), ids=BROKEN_HELPERS)
def test_a_broken_helper_is_named(tmp_path: Path, script: str, problem: str) -> None:
    path = helper(tmp_path, "pass", script)
    write(tmp_path, CONFIG, {"credHelpers": {"r.example": "pass"}})
    with pytest.raises(ConfigError, match=f"docker-credential-pass.*{problem}"):
        load(tmp_path, PATH=path).lookup("r.example", "web")


def test_a_helper_that_is_not_installed_is_named(tmp_path: Path) -> None:
    write(tmp_path, CONFIG, {"credHelpers": {"r.example": "gone"}})
    with pytest.raises(ConfigError, match=r"docker-credential-gone' for 'r\.example' is not installed"):
        load(tmp_path, PATH="/nowhere").lookup("r.example", "web")


def test_a_helper_that_hangs_is_cut_off_and_not_asked_again(tmp_path: Path) -> None:
    path = helper(tmp_path, "pass", "exec sleep 60")
    store = CredentialStore(helpers=["pass"], path=path, helper_seconds=0.5)
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(ConfigError, match=r"gave no login for 'r\.example' within 0\.5 s"):
            store.lookup("r.example", "web")
    assert time.monotonic() - started < 2
