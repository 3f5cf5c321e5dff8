"""Where further catalogs may be, and what is taken of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

MOST_FILES = 10_000
MOST_BYTES = 64 << 20
"""Of all files of a source, unpacked."""
LARGEST = 1 << 20
"""Of a single manifest or icon."""
OWN, BUILT_IN = "own", "built-in"
"""What is said of manifests that come from no source."""
ARCHIVES = (".tar.gz", ".tgz", ".tar.xz", ".zip")
FOLDER = "apps"
_NAME = re.compile("[a-z][a-z0-9-]{0,39}")
_SHA256 = re.compile("[0-9a-f]{64}")
_KEYS = {"directory", "git", "archive", "sha256"}


class Source(Struct, frozen=True):
    """A further catalog: one of a *directory*, a *git* repository and an *archive* with its checksum."""

    directory: str = ""
    git: str = ""
    archive: str = ""
    sha256: str = ""

    @property
    def location(self) -> str:
        """Where it is."""
        return self.directory or self.git or self.archive


class Fetched(Struct, frozen=True):
    """What was fetched of a source: manifests and icons by their names, and which state of it they are."""

    revision: str
    files: dict[str, bytes]


def source_name(word: str) -> str:
    """Return *word*. Raises ValueError if a source cannot be called that."""
    if not _NAME.fullmatch(word) or word in {OWN, BUILT_IN}:
        raise ValueError(f"must be called by small letters, digits and '-', and not {word!r}")
    return word


def read_location(word: str, sha256: str = "") -> Source:
    """Return the source that is at *word*. Raises ValueError saying what it must be."""
    try:
        path = urlsplit(word).path
    except ValueError:
        path = ""
    if word.startswith("/"):
        source = Source(directory=word, sha256=sha256)
    elif path.endswith(ARCHIVES):
        source = Source(archive=word, sha256=sha256)
    else:
        source = Source(git=word, sha256=sha256)
    return checked(source)


def checked(source: Source) -> Source:
    """Return *source*. Raises ValueError if it is not one that may be fetched."""
    given = [one for one in (source.directory, source.git, source.archive) if one]
    if len(given) != 1:
        raise ValueError("must have one of directory, git and archive")
    if source.directory:
        if not source.directory.startswith("/"):
            raise ValueError(f"directory must be an absolute path, not {source.directory!r}")
    else:
        _require_https(given[0])
    if source.archive and not _SHA256.fullmatch(source.sha256):
        raise ValueError("an archive must have a checksum: sha256 of 64 hexadecimal digits")
    if source.sha256 and not source.archive:
        raise ValueError("sha256 is for archives alone")
    return source


def _require_https(url: str) -> None:
    """Refuse what is not fetched over https, and what git would take for an option or a helper."""
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        secret = parts.password
    except ValueError:
        good, secret = False, None
    if not good or not re.fullmatch(r"https://[!-~]+", url):
        raise ValueError(f"must be a folder or begin with https://, and {url!r} does not")
    if secret is not None:
        raise ValueError("must have no password in its address: whoever lists processes would see it")


def read_source(document: Mapping[str, object]) -> Source:
    """Return what a file of the owner's says. Raises ValueError if that is no source."""
    unknown = document.keys() - _KEYS
    if unknown:
        raise ValueError(f"{min(unknown)}: unknown key")
    wrong = next((key for key, value in document.items() if not isinstance(value, str)), None)
    if wrong is not None:
        raise ValueError(f"{wrong} must be a string")
    return checked(Source(**{key: str(value) for key, value in document.items()}))


def chosen(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the manifests and icons among *files*, by names without folders.

    Manifests are in the folder apps, or else at the top; icons are beside them, or in a folder icons.
    """
    inside = {name: data for name, data in files.items() if name.startswith(f"{FOLDER}/")}
    has_folder = any(name.endswith(".toml") and name.count("/") == 1 for name in inside)
    places = (f"{FOLDER}/",) if has_folder else ("",)
    found = {}
    for place, ending in (
        ("icons/", ".svg"),
        *((one, ending) for one in places for ending in (".svg", ".toml")),
    ):
        for name, data in files.items():
            rest = name.removeprefix(place)
            if name.startswith(place) and "/" not in rest and rest.endswith(ending):
                found[rest] = data
    return found


def without_top(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return *files* of an archive without the one folder that all of them are in, if there is one."""
    tops = {name.partition("/")[0] for name in files}
    if len(tops) == 1 and all("/" in name for name in files) and tops != {FOLDER}:
        return {name.partition("/")[2]: data for name, data in files.items()}
    return dict(files)
