"""Make container images in memory and push them straight to a test host's registry, no engine involved.

The same arguments always make the same digests. A layer holds Debian's static busybox, so images need
nothing from the network.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.client
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from tests.lab.host import LabHost

Broken = Literal["exit", "unstartable", "unhealthy", "slow", "ignores-term"]
Json = Mapping[str, object]

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
PORT = 8080
SLOW_START = 3
"""Seconds until the image that is broken="slow" answers."""

_OCI = {
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "index": "application/vnd.oci.image.index.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
}
_DOCKER = {
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "index": "application/vnd.docker.distribution.manifest.list.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}

_SERVE = "httpd -f -p 8080 -h /www & child=$!"
_STOP_ON_TERM = "trap 'kill $child; exit 0' TERM INT"
_MAIN: dict[Broken | None, tuple[str, ...]] = {
    None: (_SERVE, _STOP_ON_TERM, "wait"),
    "exit": ("echo 'this image is broken' >&2", "exit 1"),
    "unstartable": (_SERVE, _STOP_ON_TERM, "wait"),
    "unhealthy": ("sleep infinity & child=$!", _STOP_ON_TERM, "wait"),
    "slow": (f"sleep {SLOW_START}", _SERVE, _STOP_ON_TERM, "wait"),
    "ignores-term": ("trap '' TERM", _SERVE, "while :; do wait; done"),
}
"""What /bin/web does; a shell that is process 1 must catch TERM to be stopped by it."""


def draining_web(*before: str) -> str:
    """Return a /bin/web that ends what it has begun to answer, for up to a second; *before* runs first."""
    lines = (
        "#!/bin/sh",
        *before,
        "httpd -f -p 8080 -h /www &",
        "listener=$!",
        "finish() {",
        "    kill $listener",
        "    wait $listener",
        "    for _ in $(seq 20); do",
        "        busybox pidof httpd > /dev/null || exit 0",
        "        sleep 0.05",
        "    done",
        "    exit 0",
        "}",
        "trap finish TERM",
        "wait",
    )
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Pushed:
    """An image in the registry."""

    reference: str
    tag: str
    digest: str
    """What the tag points to: the index, when there is one."""
    manifest_digest: str
    """The manifest for this machine's platform."""

    @property
    def tagged(self) -> str:
        """The reference with its tag."""
        return f"{self.reference}:{self.tag}"

    @property
    def pinned(self) -> str:
        """The reference with its digest."""
        return f"{self.reference}@{self.digest}"


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """What an image says about itself; Docker's HEALTHCHECK makes it an image of Docker's media types."""

    cmd: Sequence[str] = ("/bin/web",)
    entrypoint: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[str] = (f"{PORT}/tcp",)
    volumes: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    stop_signal: str = ""
    healthcheck: Json | None = None
    """As Docker has it: {"Test": ["CMD-SHELL", …], "Interval": nanoseconds, …}."""


def push(  # noqa: PLR0913 (each is a different thing about an image)
    host: LabHost,
    reference: str,
    *,
    tag: str = "latest",
    version: str = "1",
    config: ImageConfig | None = None,
    architecture: str = ARCHITECTURE,
    index: bool = False,
    docker: bool = False,
    broken: Broken | None = None,
    files: Mapping[str, str] | None = None,
    folders: Mapping[str, int] | None = None,
    ballast: Sequence[bytes] = (),
) -> Pushed:
    """Push an image that serves its version on port 8080 at / and /version.

    With *index*, the tag points to an index of several platforms and an attestation. *broken* says in which
    way the image does not do what it should. *files* are more files in it, by path, *folders* more folders
    with their owners, *ballast* contents of files that have a layer each.
    """
    config = config or ImageConfig()
    if broken == "unstartable":
        config = ImageConfig(**(vars(config) | {"cmd": ("/bin/missing",), "entrypoint": ()}))
    if config.healthcheck is not None:
        docker = True
    store = Registry(host.registry, reference.partition("/")[2])
    types = _DOCKER if docker else _OCI
    layers = [
        _base_layer(host.ground.root / "usr/bin/busybox"),
        _layer(_web_files(version, broken) | dict(files or {}), folders or {}),
        *(_layer({f"ballast/{number}": content}) for number, content in enumerate(ballast)),
    ]
    manifest = _push_platform(store, types, _config(config, architecture, version, layers), layers)
    if not index:
        digest = store.put_manifest(tag, manifest, types["manifest"])
        return Pushed(reference, tag, digest, digest)

    manifest_digest = store.put_manifest(_digest(manifest), manifest, types["manifest"])
    entries = [_entry(types, manifest, {"architecture": architecture, "os": "linux"})]
    other = "arm64" if architecture == "amd64" else "amd64"
    foreign = _push_platform(store, types, _config(config, other, version, layers), layers)
    store.put_manifest(_digest(foreign), foreign, types["manifest"])
    entries.insert(0, _entry(types, foreign, {"architecture": other, "os": "linux"}))
    entries.append(_push_attestation(store, types, manifest_digest))
    body = _json({"schemaVersion": 2, "mediaType": types["index"], "manifests": entries})
    return Pushed(reference, tag, store.put_manifest(tag, body, types["index"]), manifest_digest)


class Registry:
    """One repository of a registry, spoken to over one connection."""

    def __init__(self, address: str, repository: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=10)
        self._address = address
        self._repository = repository

    def __del__(self) -> None:
        self._connection.close()

    def put_blob(self, blob: bytes) -> str:
        """Upload a blob that is not there yet; return its digest."""
        digest = _digest(blob)
        if self._request("HEAD", f"blobs/{digest}").status == http.client.OK:
            return digest
        where = self._request("POST", "blobs/uploads/").getheader("Location", "")
        separator = "&" if "?" in where else "?"
        self._expect(http.client.CREATED, "PUT", f"{where}{separator}digest={digest}", blob)
        return digest

    def put_manifest(self, tag: str, manifest: bytes, media_type: str) -> str:
        """Upload a manifest or index under a tag or its digest; return its digest."""
        self._expect(http.client.CREATED, "PUT", f"manifests/{tag}", manifest, media_type)
        return _digest(manifest)

    def digest(self, tag: str) -> str:
        """Return what a tag points to, or nothing."""
        return self._request("HEAD", f"manifests/{tag}").getheader("Docker-Content-Digest", "")

    def delete(self, digest: str) -> None:
        """Remove a manifest and all tags that point to it."""
        self._expect(http.client.ACCEPTED, "DELETE", f"manifests/{digest}")

    def tags(self) -> list[str]:
        """Return the tags of the repository."""
        self._connection.request("GET", f"/v2/{self._repository}/tags/list")
        tags: list[str] | None = json.loads(self._connection.getresponse().read()).get("tags")
        return sorted(tags or [])

    def _expect(self, status: int, method: str, path: str, body: bytes = b"", media_type: str = "") -> None:
        answer = self._request(method, path, body, media_type)
        if answer.status != status:
            raise AssertionError(f"{method} {path}: the registry says {answer.status}, not {status}")

    def _request(
        self, method: str, path: str, body: bytes = b"", media_type: str = ""
    ) -> http.client.HTTPResponse:
        path = path if path.startswith("/") else f"/v2/{self._repository}/{path}"
        accept = ", ".join([_OCI["manifest"], _OCI["index"], _DOCKER["manifest"], _DOCKER["index"]])
        headers = {"Accept": accept, "Content-Type": media_type or "application/octet-stream"}
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError):
            self._connection.close()
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
        answer.read()
        return answer


def _push_platform(
    store: Registry, types: Mapping[str, str], config: bytes, layers: Sequence[_Layer]
) -> bytes:
    """Upload all that a manifest points to, and return the manifest."""
    for blob in (config, *(layer.packed for layer in layers)):
        store.put_blob(blob)
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": types["manifest"],
            "config": _descriptor(types["config"], config),
            "layers": [_descriptor(types["layer"], layer.packed) for layer in layers],
        }
    )


def _push_attestation(store: Registry, types: Mapping[str, str], subject: str) -> Json:
    """Upload what BuildKit attaches as provenance, and return its entry in the index."""
    statement = _json({"_type": "https://in-toto.io/Statement/v0.1", "subject": subject})
    config = _json({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"type": "layers"}})
    store.put_blob(statement)
    store.put_blob(config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": types["manifest"],
            "config": _descriptor(types["config"], config),
            "layers": [_descriptor("application/vnd.in-toto+json", statement)],
        }
    )
    store.put_manifest(_digest(manifest), manifest, types["manifest"])
    annotations = {
        "vnd.docker.reference.digest": subject,
        "vnd.docker.reference.type": "attestation-manifest",
    }
    entry = _entry(types, manifest, {"architecture": "unknown", "os": "unknown"})
    return {**entry, "annotations": annotations}


def _config(config: ImageConfig, architecture: str, version: str, layers: Sequence[_Layer]) -> bytes:
    parts = {
        "Cmd": list(config.cmd),
        "Entrypoint": list(config.entrypoint),
        "Env": [f"{key}={value}" for key, value in ({"PATH": "/bin"} | dict(config.env)).items()],
        "ExposedPorts": {port: {} for port in config.ports},
        "Volumes": {path: {} for path in config.volumes},
        "Labels": dict(config.labels),
        "User": config.user,
        "WorkingDir": config.workdir or "/",
        "StopSignal": config.stop_signal,
        "Healthcheck": config.healthcheck,
    }
    return _json(
        {
            "created": "2025-01-01T00:00:00Z",
            "architecture": architecture,
            "os": "linux",
            "config": {key: value for key, value in parts.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": "2025-01-01T00:00:00Z", "comment": version} for _ in layers],
        }
    )


@dataclass(frozen=True)
class _Layer:
    packed: bytes
    diff_id: str


@functools.cache
def _base_layer(busybox: Path) -> _Layer:
    """Return the layer with busybox under all of its names."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder, mode in (("bin", 0o755), ("tmp", 0o1777), ("www", 0o755), ("etc", 0o755)):
            _add(archive, folder, mode=mode, kind=tarfile.DIRTYPE)
        _add(archive, "bin/busybox", busybox.read_bytes(), mode=0o755)
        for name in _APPLETS:
            _add(archive, f"bin/{name}", kind=tarfile.SYMTYPE, link="busybox")
        _add(archive, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\nweb:x:1000:1000:web:/:/bin/sh\n")
        _add(archive, "etc/group", b"root:x:0:\nweb:x:1000:\n")
    return _pack(tar.getvalue())


def _layer(files: Mapping[str, str | bytes], folders: Mapping[str, int] = MappingProxyType({})) -> _Layer:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, owner in sorted(folders.items()):
            _add(archive, path.lstrip("/"), mode=0o755, kind=tarfile.DIRTYPE, owner=owner)
        for path, text in sorted(files.items()):
            content = text if isinstance(text, bytes) else text.encode()
            is_program = path.lstrip("/").startswith("bin/") or content.startswith(b"#!")
            mode = 0o755 if is_program else 0o644
            _add(archive, path.lstrip("/"), content, mode=mode)
    return _pack(tar.getvalue())


def _web_files(version: str, broken: Broken | None) -> dict[str, str]:
    return {
        "bin/web": "\n".join(["#!/bin/sh", f"# version {version}", *_MAIN[broken], ""]),
        "www/index.html": f"{version}\n",
        "www/version": f"{version}\n",
    }


def _add(  # noqa: PLR0913 (a tar header has as many fields)
    archive: tarfile.TarFile,
    name: str,
    content: bytes = b"",
    *,
    mode: int = 0o644,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
    owner: int = 0,
) -> None:
    entry = tarfile.TarInfo(name)
    entry.uid = entry.gid = owner
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(content)
    archive.addfile(entry, io.BytesIO(content))


def _pack(tar: bytes) -> _Layer:
    return _Layer(gzip.compress(tar, compresslevel=1, mtime=0), _digest(tar))


def _entry(types: Mapping[str, str], manifest: bytes, target: Json) -> Json:
    return {**_descriptor(types["manifest"], manifest), "platform": target}


def _descriptor(media_type: str, blob: bytes) -> Json:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


# fmt: off
_APPLETS = (
    "[", "ash", "awk", "basename", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "dirname",
    "du", "echo", "env", "expr", "false", "find", "grep", "head", "hostname", "httpd", "id", "ip",
    "kill", "killall", "ln", "ls", "mkdir", "mkfifo", "mktemp", "mount", "mv", "nc", "netstat",
    "nslookup", "pgrep", "pidof", "ping", "printf", "ps", "pwd", "readlink", "rm", "rmdir", "sed",
    "seq", "sh", "sha256sum", "sleep", "sort", "stat", "stty", "sync", "tail", "tee", "test", "time",
    "timeout", "touch", "tr", "true", "umount", "uname", "uniq", "usleep", "wc", "wget", "which",
    "whoami", "xargs", "yes",
)
# fmt: on
