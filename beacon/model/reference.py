"""Image references, normalised as containers/image does it (docker/reference/normalize.go)."""

from __future__ import annotations

import re
from typing import NewType

from msgspec import Struct
from msgspec.structs import replace

Digest = NewType("Digest", str)
"""An algorithm and a hash, ``sha256:…``, as in the OCI image specification (descriptor.md, Digests)."""

DOCKER_HUB = "docker.io"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REGISTRY = re.compile(
    r"(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::[0-9]{1,5})?"
)
_MAX_NAME = 255


class ReferenceFaultError(ValueError):
    """A text that is no usable image reference; str() says what it must be."""


def parse_digest(text: str) -> Digest:
    """Return *text* as a digest, or raise ReferenceFaultError."""
    if not _DIGEST.fullmatch(text):
        raise ReferenceFaultError(f"must be a digest such as sha256:<64 hex digits>, not {text!r}")
    return Digest(text)


def short(digest: Digest) -> str:
    """Return the first twelve digits of a digest, for people."""
    return digest.partition(":")[2][:12]


class ImageReference(Struct, frozen=True, order=True):
    """A fully qualified image: registry, repository, and a tag, a digest or both.

    *registry* is the name in the reference (``docker.io``), never the host that serves it; the registry
    client knows that Docker Hub lives elsewhere.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Return the normalised reference; ``:latest`` is added where neither tag nor digest is given.

        Short names (``nginx``, ``me/web``) are refused with the qualified name suggested, because what
        they mean depends on the machine (containers-registries.conf(5), short-name aliasing).
        """
        rest, digest = text, None
        if "@" in text:
            rest, _, digest_text = text.partition("@")
            digest = parse_digest(digest_text)
        name, tag = _split_tag(rest)
        registry, slash, repository = name.partition("/")
        if not slash or not _is_registry(registry):
            raise ReferenceFaultError(_short_name_problem(text, name))
        if registry in {"index.docker.io", "registry-1.docker.io"}:
            registry = DOCKER_HUB
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        _check(text, registry, repository, tag)
        if tag is None and digest is None:
            tag = "latest"
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """The name without tag and digest: ``registry/repository``."""
        return f"{self.registry}/{self.repository}"

    def with_tag(self, tag: str) -> ImageReference:
        """Return this name at *tag*, without a digest."""
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: Digest) -> ImageReference:
        """Return this name at *digest*, without a tag: what a release pins."""
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"


def _split_tag(text: str) -> tuple[str, str | None]:
    head, colon, tail = text.rpartition(":")
    if not colon or "/" in tail:
        return text, None
    return head, tail


def _is_registry(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost" or first != first.lower()


def _short_name_problem(text: str, name: str) -> str:
    if not text or not _REPOSITORY.fullmatch(name):
        return f"must be an image reference such as registry.example/me/web:latest, not {text!r}"
    qualified = f"{DOCKER_HUB}/{text}" if "/" in name else f"{DOCKER_HUB}/library/{text}"
    return f"must name its registry; write {qualified!r} if Docker Hub is meant, not {text!r}"


def _check(text: str, registry: str, repository: str, tag: str | None) -> None:
    if not _REGISTRY.fullmatch(registry):
        raise ReferenceFaultError(f"has no valid registry name: {registry!r} in {text!r}")
    if repository != repository.lower():
        raise ReferenceFaultError(f"must have a repository in lower case: {repository!r} in {text!r}")
    if not _REPOSITORY.fullmatch(repository) or len(registry) + 1 + len(repository) > _MAX_NAME:
        raise ReferenceFaultError(f"has no valid repository name: {repository!r} in {text!r}")
    if tag is not None and not _TAG.fullmatch(tag):
        raise ReferenceFaultError(f"has no valid tag: {tag!r} in {text!r}")
