"""Finds the login for a repository: containers-auth.json(5), docker's config.json, credential helpers.

The order is that of containers/image (pkg/docker/config), so that a check logs in as the pull does.
"""

from __future__ import annotations

import base64
import binascii
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from beacon.errors import ConfigError
from beacon.formats.jsontext import read_json
from beacon.model.reference import DOCKER_HUB
from beacon.model.sensitive import Sensitive
from beacon.registry.settings.files import SettingsTable, read_document
from beacon.registry.settings.registries_conf import DEFAULT_HELPERS

HELPER_SECONDS = 10.0
_HUB_KEY = "https://index.docker.io/v1/"
_HUB_HOSTS = frozenset({DOCKER_HUB, "registry-1.docker.io", "index.docker.io"})
_TOKEN_USER = "<token>"  # noqa: S105  # what helpers say instead of a user name
_NOT_FOUND = "credentials not found"


RunHelper = Callable[[str, bytes, float], "subprocess.CompletedProcess[bytes]"]
"""Runs ``PROGRAM get`` with a question on stdin, within so many seconds."""


class Credential(Struct, frozen=True):
    """A login: a user with a password, or an identity token. *source* says where it is from."""

    username: str
    password: Sensitive
    identity_token: Sensitive | None = None
    source: str = ""


class AuthFile(NamedTuple):
    """One file of logins, in the order of looking."""

    settings: SettingsTable
    is_docker: bool = False
    """docker's own file, where credsStore counts."""
    is_legacy: bool = False
    """~/.dockercfg, which has no *auths* around its entries and no logins below hosts."""


class CredentialStore:
    """The logins of one user. Asking twice for one repository asks files and helpers once."""

    def __init__(
        self,
        files: Iterable[AuthFile] = (),
        *,
        helpers: Iterable[str] = DEFAULT_HELPERS,
        path: str | None = None,
        helper_seconds: float = HELPER_SECONDS,
        run: RunHelper | None = None,
    ) -> None:
        self._files = tuple(files)
        self._helpers = tuple(helpers)
        self._path = path
        self._helper_seconds = helper_seconds
        self._run = run or helper_runner(None)
        self._asked: dict[tuple[str, str], _Asked] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(  # noqa: PLR0913  # each is another part of the surroundings
        cls,
        env: Mapping[str, str],
        home: Path,
        uid: int,
        *,
        helpers: Iterable[str] = DEFAULT_HELPERS,
        root: Path = Path("/"),
        run: RunHelper | None = None,
    ) -> CredentialStore:
        """Read the files of the user; raises ConfigError for one that cannot be used.

        *helpers* is ``credential-helpers`` of registries.conf; *run* runs one in other surroundings than
        those of this process. They get a HOME, which a unit of systemd's does not have.
        """
        run = run or helper_runner({"HOME": str(home), **env})
        return cls(_auth_files(env, home, uid, root), helpers=helpers, path=env.get("PATH"), run=run)

    def lookup(self, registry: str, repository: str) -> Credential | None:
        """Return the login for a repository, by the most specific entry of the first file that has one.

        Raises ConfigError for an entry or a helper that cannot be used, unless another has the login.
        """
        trouble: ConfigError | None = None
        for helper in self._helpers:
            try:
                if helper != DEFAULT_HELPERS[0]:
                    credential = self._ask(helper, registry)
                else:
                    credential = self._in_files(registry, repository)
            except ConfigError as error:
                trouble = trouble or error
                continue
            if credential is not None:
                return credential
        if trouble is not None:
            raise trouble
        return None

    def _in_files(self, registry: str, repository: str) -> Credential | None:
        found = (self._in_file(file, registry, repository) for file in self._files)
        return next((credential for credential in found if credential is not None), None)

    def _in_file(self, file: AuthFile, registry: str, repository: str) -> Credential | None:
        if file.is_legacy:
            return _entry(file.settings, _same_host(file.settings, registry, legacy=True))
        helpers = file.settings.table("credHelpers")
        names = _HUB_HOSTS | {_HUB_KEY} if registry in _HUB_HOSTS else {registry}
        for key in helpers:
            if key in names and (helper := helpers.text(key)):
                return self._ask(helper, key)
        auths = file.settings.table("auths")
        keys = [key for key in _namespaces(registry, repository) if key in auths]
        keys += _same_host(auths, registry, legacy=False)
        credential = _entry(auths, keys)
        helper = file.settings.text("credsStore") if file.is_docker else ""
        # What was removed with docker's desktop has no logins any more; its name is left behind.
        if credential is None and helper and _program(helper, self._path):
            return self._ask(helper, _HUB_KEY if registry in _HUB_HOSTS else registry)
        return credential

    def _ask(self, helper: str, server: str) -> Credential | None:
        with self._lock:
            asked = self._asked.setdefault((helper, server), _Asked())
        return asked.answer(lambda: self._answer(helper, server))

    def _answer(self, helper: str, server: str) -> Credential | None:
        return _ask_helper(_Helper(helper, self._path, self._helper_seconds, self._run), server)


class _Asked:
    """One question to a helper: asked once, and whoever comes meanwhile waits for that answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: list[Credential | ConfigError | None] = []

    def answer(self, ask: Callable[[], Credential | None]) -> Credential | None:
        with self._lock:
            if not self._answers:
                try:
                    self._answers.append(ask())
                except ConfigError as error:
                    self._answers.append(error)
        answer = self._answers[0]
        if isinstance(answer, ConfigError):
            raise answer
        return answer


def _auth_files(env: Mapping[str, str], home: Path, uid: int, root: Path) -> Iterator[AuthFile]:
    """Yield the files that exist; REGISTRY_AUTH_FILE is used alone."""
    if chosen := env.get("REGISTRY_AUTH_FILE"):
        yield from _auth_file(Path(chosen))
        return
    runtime = env.get("XDG_RUNTIME_DIR")
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    docker = Path(env.get("DOCKER_CONFIG") or home / ".docker")
    folder = Path(runtime) / "containers" if runtime else root / "run/containers" / str(uid)
    if _is_reachable(folder):
        yield from _auth_file(folder / "auth.json")
    yield from _auth_file(config / "containers/auth.json")
    yield from _auth_file(docker / "config.json", is_docker=True)
    yield from _auth_file(home / ".dockercfg", is_legacy=True)


def _is_reachable(folder: Path) -> bool:
    """Say whether the folder can be looked into: /run/containers is root's alone."""
    try:
        folder.stat()
    except OSError:
        return False
    return True


def _auth_file(path: Path, *, is_docker: bool = False, is_legacy: bool = False) -> Iterator[AuthFile]:
    document = read_document(path, read_json)
    if document is not None:
        settings = SettingsTable(path, document)
        if not is_legacy:
            settings.table("auths")
            settings.table("credHelpers")
        yield AuthFile(settings, is_docker, is_legacy)


def _namespaces(registry: str, repository: str) -> Iterator[str]:
    """Yield the keys to look for, the most specific first: host/ns/repo, host/ns, host."""
    parts = [registry, *repository.split("/")]
    for length in range(len(parts), 0, -1):
        yield "/".join(parts[:length])


def _same_host(keys: Iterable[str], registry: str, *, legacy: bool) -> list[str]:
    """Return the keys that mean *registry* in other words, as old versions of docker wrote them."""
    return [key for key in keys if _canonical(_host_of(key, legacy=legacy)) == _canonical(registry)]


def _host_of(key: str, *, legacy: bool) -> str:
    stripped = key.removeprefix("http://").removeprefix("https://")
    # Only what was a URL is cut down to its host: me.example/ns is a namespace (normalizeAuthFileKey).
    return stripped.partition("/")[0] if legacy or stripped != key else stripped


def _canonical(host: str) -> str:
    return DOCKER_HUB if host in _HUB_HOSTS else host


def _entry(auths: SettingsTable, keys: Iterable[str]) -> Credential | None:
    decoded = (_decode(auths, key) for key in keys)
    return next((credential for credential in decoded if credential is not None), None)


def _decode(auths: SettingsTable, key: str) -> Credential | None:
    entry = auths.table(key)
    username, password = entry.text("username"), entry.text("password")
    if encoded := entry.text("auth"):
        try:
            text = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError):
            entry.refuse("auth", "must be user:password in base64")
        username, colon, password = text.partition(":")
        if not colon:  # skipped as docker does
            return None
        password = password.strip("\0")
    token = entry.text("identitytoken")
    if not token and not username:
        return None
    source = str(auths.path)
    return Credential(username, Sensitive(password), Sensitive(token) if token else None, source)


def _program(helper: str, path: str | None) -> str | None:
    """Return where the helper is installed."""
    return shutil.which(f"docker-credential-{helper}", path=path)


class _Helper(NamedTuple):
    """A credential helper, and how it is run."""

    name: str
    path: str | None
    seconds: float
    run: RunHelper


def helper_runner(environment: Mapping[str, str] | None, before: Sequence[str] = ()) -> RunHelper:
    """Return what runs helpers with *environment* (None: this process's), *before* in front of each."""

    def run(program: str, question: bytes, seconds: float) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*before, program, "get"],
            input=question,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=dict(environment) if environment is not None else None,
        )

    return run


def _ask_helper(helper: _Helper, server: str) -> Credential | None:
    """Run ``docker-credential-HELPER get``; one that hangs is killed."""
    program = f"docker-credential-{helper.name}"
    found = _program(helper.name, helper.path)
    if found is None:
        raise ConfigError(f"the credential helper {program!r} for {server!r} is not installed")
    try:
        done = helper.run(found, server.encode(), helper.seconds)
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{program!r} gave no login for {server!r} within {helper.seconds:g} s") from error
    except OSError as error:
        raise ConfigError(f"cannot run {program!r} for {server!r}: {error.strerror or error}") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        if _NOT_FOUND in said.lower():
            return None
        last = said.splitlines()[-1] if said else f"exit status {done.returncode}"
        raise ConfigError(f"{program!r} gave no login for {server!r}: {last}")
    return _answer(program, server, done.stdout)


def _answer(program: str, server: str, output: bytes) -> Credential | None:
    try:
        answer = read_json(output)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{program!r} gave no login for {server!r} but something unreadable") from error
    if username == _TOKEN_USER:
        return Credential("", Sensitive(""), Sensitive(secret), program)
    return Credential(username, Sensitive(secret), None, program) if username else None
