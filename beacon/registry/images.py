"""What to ask a repository, and what the answers mean: digests, images for a platform, tags.

Every function asks one host; which one, and who is next, is the client's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from beacon.errors import RegistryError
from beacon.formats.jsontext import read_json
from beacon.model.image import ImageConfig, Layer, Platform, ResolvedImage
from beacon.model.reference import Digest, ReferenceFaultError, parse_digest
from beacon.registry.headers import next_link, parse_budget
from beacon.registry.host import Query, RegistryHost
from beacon.registry.lanes import Ready
from beacon.registry.manifests import (
    ACCEPT,
    Descriptor,
    Index,
    Manifest,
    UnreadableError,
    choose,
    digest_of,
    is_body_of,
    nested,
    platforms,
    read_config,
    read_contents,
    read_manifest,
    suits,
)
from beacon.registry.results import (
    BudgetError,
    Failed,
    FailureKind,
    Found,
    PlatformError,
    Refusal,
    failed,
)
from beacon.registry.tokens import detail_of
from beacon.registry.transport import Deadline, Reply

MAX_DEPTH = 4
MAX_PAGES = 1000
_MAX_CONFIG = 32 << 20
_PAGE = 1000
_OK, _FORBIDDEN, _NOT_FOUND = 200, 403, 404
_SERVER_ERROR = 500
_WITHOUT_HEAD = frozenset({404, 405, 501})
"""What registries say to HEAD that answer GET (old Nexus, static file servers)."""
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_ARTIFACT_TAG = re.compile(r"(sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})(\..*)?|[0-9a-f]{64}|sha256:.*")


class Repository(NamedTuple):
    """A repository at the host that is asked."""

    host: RegistryHost
    repository: str
    deadline: Deadline

    @property
    def name(self) -> str:
        """The name as a reference would have it."""
        return f"{self.host.name}/{self.repository}"

    def ask(self, method: str, selector: str, ready: Ready = lambda: None) -> Reply:
        """Ask for a manifest by tag or digest."""
        query = Query(repository=self.repository, path=f"manifests/{selector}", method=method, accept=ACCEPT)
        return self.host.ask(query, self.deadline, ready)


def look_up(source: Repository, selector: str, ready: Ready) -> Found:
    """Return the digest that *selector*, a tag or a digest, has at *source*. Raises Refusal."""
    return _by_head(source, selector, ready) or _by_get(source, selector, ready)


def _by_head(source: Repository, selector: str, ready: Ready) -> Found | None:
    """Ask by HEAD, which no registry counts as a pull; None where that says nothing."""
    if source.host.answers_head is False:
        return None
    reply = source.ask("HEAD", selector, ready)
    stated = _header_digest(reply)
    if reply.status in _WITHOUT_HEAD or (reply.status == _OK and stated is None):
        return None
    if reply.status == _FORBIDDEN:
        reply = source.ask("GET", selector)  # an answer to HEAD has no room for the reason
        stated = stated or _header_digest(reply)
    if reply.status != _OK:
        raise Refusal(_problem(source, selector, reply))
    if stated is None:
        return None
    source.host.answers_head = True
    return _found(source, selector, stated, reply)


def _by_get(source: Repository, selector: str, ready: Ready) -> Found:
    reply = source.ask("GET", selector, ready)
    if reply.status != _OK:
        raise Refusal(_problem(source, selector, reply))
    source.host.answers_head = source.host.answers_head or False  # else the tag just appeared
    return _found(source, selector, verified(source, selector, reply), reply)


def _found(source: Repository, selector: str, digest: Digest, reply: Reply) -> Found:
    if ":" in selector and digest != selector:
        raise Refusal(_untrue(source, selector, f"names {digest} instead"))
    budget = parse_budget(reply.headers)
    return Found(digest, budget.remaining if budget else None, source.host.warnings(source.repository))


def _header_digest(reply: Reply) -> Digest | None:
    try:
        return parse_digest(reply.headers.get("docker-content-digest", "").strip())
    except ReferenceFaultError:
        return None


def verified(source: Repository, selector: str, reply: Reply) -> Digest:
    """Return the digest of the manifest in *reply*, checked against what was asked and what is stated."""
    stated = _header_digest(reply)
    asked = Digest(selector) if ":" in selector else None
    for digest in (asked, stated):
        if digest is not None and not is_body_of(reply.body, digest):
            raise Refusal(_untrue(source, selector, f"sent something else than {digest}"))
    return asked or digest_of(reply.body)


def _untrue(source: Repository, selector: str, what: str) -> Failed:
    problem = f"registry {source.host.name!r} {what} when asked for {selector!r} of {source.name!r}"
    return failed(
        FailureKind.UNTRUE, problem, "try again; if it stays so, the registry or a proxy is at fault"
    )


def _problem(source: Repository, selector: str, reply: Reply) -> Failed:
    detail = detail_of(reply.body)
    said = f": {detail}" if detail else ""
    if reply.status == _NOT_FOUND:
        what = "image" if ":" in selector else "tag"
        problem = f"{source.name!r} has no {what} {selector!r}{said}"
        return failed(
            FailureKind.NOT_FOUND, problem, "check the reference; names and tags are case-sensitive"
        )
    if reply.status == _FORBIDDEN:
        problem = f"registry {source.host.name!r} forbids to pull {source.name!r}{said}"
        hint = f"log in as somebody who may: beacon login {source.host.name}"
        return failed(FailureKind.LOGIN_NEEDED, problem, hint)
    kind = FailureKind.SERVER_ERROR if reply.status >= _SERVER_ERROR else FailureKind.ODD
    return failed(kind, f"registry {source.host.name!r} answered with status {reply.status}{said}")


class Selection(NamedTuple):
    """What to resolve: a tag or digest, for a platform; *reserve* pulls must stay within the limit."""

    selector: str
    platform: Platform
    reserve: int


def resolve(source: Repository, selection: Selection, ready: Ready) -> ResolvedImage:
    """Return the image that a tag or a digest means on a platform. Raises Refusal or RegistryError."""
    try:
        tag_digest, document = _manifest(source, selection.selector, selection.reserve, ready)
        digest, manifest = tag_digest, document
        if isinstance(document, Index):
            digest, manifest = _pick(source, document, selection)
        if not isinstance(manifest, Manifest):
            raise _unavailable(source, selection, ())
        config, unpacked = _config(source, manifest.config)
    except UnreadableError as error:
        raise RegistryError(f"{source.name!r} at {selection.selector!r} {error}") from error
    if digest == tag_digest and not suits(config.platform, selection.platform):
        raise _unavailable(source, selection, (config.platform,))
    size = sum(layer.size for layer in manifest.layers)
    return ResolvedImage(tag_digest, digest, config, size, tuple(_layers(manifest, unpacked)))


def _layers(manifest: Manifest, unpacked: Sequence[Digest]) -> Iterator[Layer]:
    """Yield the layers of an image, whose configuration names what they unpack to in the same order."""
    known = unpacked if len(unpacked) == len(manifest.layers) else ()
    for layer, contents in zip_longest(manifest.layers, known):
        yield Layer(layer.digest, layer.size, contents)


def _manifest(
    source: Repository, selector: str, reserve: int, ready: Ready = lambda: None
) -> tuple[Digest, Index | Manifest]:
    budget = source.host.budget
    if budget is not None and budget.remaining < reserve:
        raise BudgetError(source.host.name, budget)
    reply = source.ask("GET", selector, ready)
    if reply.status != _OK:
        raise Refusal(_problem(source, selector, reply))
    digest = verified(source, selector, reply)
    return digest, read_manifest(reply.body, reply.headers.get("content-type", ""))


def _pick(source: Repository, index: Index, selection: Selection) -> tuple[Digest, Manifest]:
    """Return the manifest for the platform, looking into indexes within the index."""
    seen: set[Platform] = set()
    for digest, document in _candidates(source, index, selection, MAX_DEPTH, seen):
        return digest, document
    raise _unavailable(source, selection, tuple(sorted(seen)))


def _candidates(
    source: Repository, index: Index, selection: Selection, depth: int, seen: set[Platform]
) -> Iterator[tuple[Digest, Manifest]]:
    seen.update(platforms(index))
    chosen = choose(index, selection.platform)
    entries = dict.fromkeys(([chosen] if chosen else []) + list(nested(index)))
    for entry in entries if depth else ():
        digest, document = _manifest(source, entry.digest, selection.reserve)
        if isinstance(document, Manifest):
            yield digest, document
        else:
            yield from _candidates(source, document, selection, depth - 1, seen)


def _config(source: Repository, descriptor: Descriptor) -> tuple[ImageConfig, tuple[Digest, ...]]:
    query = Query(repository=source.repository, path=f"blobs/{descriptor.digest}", limit=_MAX_CONFIG)
    reply = source.host.ask(query, source.deadline)
    if reply.status != _OK:
        raise Refusal(_problem(source, descriptor.digest, reply))
    if not is_body_of(reply.body, descriptor.digest):
        raise Refusal(_untrue(source, descriptor.digest, f"sent something else than {descriptor.digest}"))
    return read_config(reply.body, descriptor.digest), read_contents(reply.body)


def _unavailable(source: Repository, selection: Selection, offered: tuple[Platform, ...]) -> PlatformError:
    there = ", ".join(map(str, offered)) or "no platform at all"
    return PlatformError(
        f"{source.name!r} at {selection.selector!r} is not built for {selection.platform} but for {there}",
        hint=f"take an image or a tag that is built for {selection.platform}",
    )


def list_tags(source: Repository, ready: Ready) -> tuple[str, ...]:
    """Return the tags of the repository as the registry orders them; signatures and the like are left out."""
    tags: dict[str, None] = {}
    path: str | None = f"tags/list?n={_PAGE}"
    asked: set[str] = set()
    while path is not None and path not in asked and len(asked) < MAX_PAGES:
        asked.add(path)
        query = Query(repository=source.repository, path=path, accept="application/json")
        reply = source.host.ask(query, source.deadline, ready)
        if reply.status != _OK:
            raise Refusal(_tags_problem(source, reply))
        tags.update(dict.fromkeys(_tags(source, reply)))
        path = _next_page(source, reply)
    return tuple(tags)


def _next_page(source: Repository, reply: Reply) -> str | None:
    """Return where the list goes on: at the registry itself, whatever host is named (as containers/image)."""
    target = next_link(reply.headers.get("link", ""))
    if target is None:
        return None
    try:
        parts = urlsplit(urljoin(reply.url, target))
    except ValueError as error:
        problem = f"registry {source.host.name!r} has the tags of {source.name!r} go on at {target!r}"
        raise Refusal(failed(FailureKind.ODD, problem)) from error
    return f"{parts.path}?{parts.query}"


def _tags(source: Repository, reply: Reply) -> Iterator[str]:
    try:
        document = read_json(reply.body)
    except ValueError as error:
        problem = f"registry {source.host.name!r} sent an unreadable list of tags for {source.name!r}"
        raise Refusal(failed(FailureKind.ODD, problem)) from error
    tags = document.get("tags") if isinstance(document, dict) else None
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, str) and _TAG.fullmatch(tag) and not _ARTIFACT_TAG.fullmatch(tag):
            yield tag


def _tags_problem(source: Repository, reply: Reply) -> Failed:
    if reply.status == _NOT_FOUND:
        problem = f"registry {source.host.name!r} has no repository {source.repository!r}"
        return failed(FailureKind.NOT_FOUND, problem, "check the name")
    return _problem(source, "tags", reply)
