"""Where people read what a new image brings, by the labels that the OCI defines for images; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_OCI = "org.opencontainers.image."
_LONGEST_VERSION = 64
_REVISION = re.compile(r"[0-9a-f]{7,64}")
_GITLAB = re.compile(r"(^|\.)gitlab\.")
_FORGES = frozenset({"github.com", "codeberg.org", "gitea.com"})


def version(labels: Mapping[str, str]) -> str:
    """Return the version that the labels of an image name; empty if there is none."""
    return " ".join(labels.get(f"{_OCI}version", "").split())[:_LONGEST_VERSION]


def created(labels: Mapping[str, str]) -> str:
    """Return when an image was made, as its labels have it."""
    return labels.get(f"{_OCI}created", "").strip()


def release_notes(labels: Mapping[str, str], before: Mapping[str, str]) -> str:
    """Return the page that tells best what the image of *labels* brings after that of *before*.

    The changes between both revisions, where a forge shows them; its releases; else the image's own page.
    Empty if the labels name none.
    """
    source, page = (_page(labels.get(f"{_OCI}{name}", "")) for name in ("source", "url"))
    parts = urlsplit(source)
    host, path = parts.hostname or "", parts.path.strip("/")
    if path.count("/") < 1 or not (host in _FORGES or _GITLAB.search(host)):
        return page or source
    pages = f"{source}/-" if _GITLAB.search(host) else source
    old, new = (one.get(f"{_OCI}revision", "") for one in (before, labels))
    if old != new and _REVISION.fullmatch(old) and _REVISION.fullmatch(new):
        return f"{pages}/compare/{old}...{new}"
    return f"{pages}/releases"


def _page(text: str) -> str:
    """Return *text* if it is the address of a page that may be shown to anybody, without what git appends."""
    text = text.strip().removesuffix("/").removesuffix(".git")
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    is_page = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    return text if is_page and text.isprintable() and " " not in text else ""
