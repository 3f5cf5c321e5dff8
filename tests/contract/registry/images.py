"""Makes images and puts them into any registry through its own API."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field

from beacon.model.reference import Digest

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


@dataclass(frozen=True)
class Made:
    """A manifest or index that was pushed."""

    digest: Digest
    media_type: str
    size: int
    config: Digest | None = None


@dataclass(frozen=True)
class Pusher:
    """Puts images into the registry at *url*."""

    url: str
    password: str = ""

    def image(
        self,
        repository: str,
        tag: str,
        *,
        platform: str = "linux/amd64",
        settings: Mapping[str, object] | None = None,
        docker: bool = False,
    ) -> Made:
        """Push an image of one layer; what it holds follows from the arguments."""
        system, architecture, *variant = platform.split("/")
        layer = f"layer of {repository}:{tag} for {platform}".encode()
        document = {
            "os": system,
            "architecture": architecture,
            "config": dict(settings or {}),
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
        if variant:
            document["variant"] = variant[0]
        config = _encoded(document)
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
            "config": _descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, config),
            "layers": [_descriptor(OCI_LAYER, layer)],
        }
        self.blob(repository, layer)
        self.blob(repository, config)
        made = self.manifest(repository, tag, manifest)
        return Made(made.digest, made.media_type, made.size, _digest(config))

    def index(self, repository: str, tag: str, children: Mapping[str, Made], *, docker: bool = False) -> Made:
        """Push an index; *children* by platform, with anything behind a ``#`` to tell them apart."""
        entries = []
        for platform, made in children.items():
            entry: dict[str, object] = {
                "mediaType": made.media_type,
                "digest": made.digest,
                "size": made.size,
            }
            system, _, rest = platform.partition("#")[0].partition("/")
            architecture, _, variant = rest.partition("/")
            if architecture:
                entry["platform"] = {"os": system, "architecture": architecture, "variant": variant}
            entries.append(entry)
        media_type = DOCKER_LIST if docker else OCI_INDEX
        document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
        return self.manifest(repository, tag, document)

    def manifest(self, repository: str, tag: str, document: Mapping[str, object]) -> Made:
        """Push a manifest as it is."""
        body = _encoded(document)
        media_type = str(document["mediaType"])
        selector = tag or _digest(body)
        self._send("PUT", f"/v2/{repository}/manifests/{selector}", body, media_type)
        return Made(_digest(body), media_type, len(body))

    def blob(self, repository: str, data: bytes) -> None:
        """Push a blob."""
        location = self._send("POST", f"/v2/{repository}/blobs/uploads/", b"")
        joint = "&" if "?" in location else "?"
        target = f"{location}{joint}digest={urllib.parse.quote(_digest(data))}"
        self._send("PUT", target, data, "application/octet-stream")

    def _send(self, method: str, path: str, body: bytes, media_type: str = "") -> str:
        request = urllib.request.Request(  # noqa: S310
            urllib.parse.urljoin(self.url, path), data=body, method=method
        )
        request.add_header("Content-Type", media_type or "application/octet-stream")
        if self.password:
            encoded = base64.b64encode(self.password.encode()).decode()
            request.add_header("Authorization", f"Basic {encoded}")
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            location: str | None = response.headers.get("Location")
            return location or ""


@dataclass(frozen=True)
class Live:
    """A registry to test against: its name in references, how to push, and what it asks of clients."""

    host: str
    pusher: Pusher
    username: str = ""
    password: str = ""
    is_insecure: bool = True
    notes: Mapping[str, str] = field(default_factory=dict)


def _encoded(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode()


def _digest(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}
