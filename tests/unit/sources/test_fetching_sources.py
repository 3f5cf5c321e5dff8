"""What is fetched is bounded, checked, and of manifests and icons alone."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from beacon.catalog.sources import MOST_BYTES, Source, chosen, read_location, read_source
from beacon.errors import BeaconError
from beacon.sources.archive import unpack
from beacon.sources.confined import Fetcher, FetchReply, plain
from beacon.sources.fetching import fetch
from beacon.sources.git import clone
from beacon.sources.tally import SourceError

SUM = "a" * 64


@pytest.mark.parametrize(
    ("word", "sha256", "kind"),
    [
        ("/srv/apps", "", "directory"),
        ("https://git.example/me/apps.git", "", "git"),
        ("https://git.example/me/apps", "", "git"),
        ("https://example.org/apps.tar.gz?x=1", SUM, "archive"),
        ("https://example.org/apps.zip", SUM, "archive"),
    ],
)
def test_a_location_says_what_it_is(word: str, sha256: str, kind: str) -> None:
    found = read_location(word, sha256)
    assert getattr(found, kind) == word


@pytest.mark.parametrize(
    "word",
    [
        *("--upload-pack=evil", "-c", "ext::sh -c evil", "http://example.org/apps", "file:///srv/apps"),
        *("git@example.org:me/apps", "ssh://example.org/apps", "https://", "https:///apps", "apps", ""),
        *("https://me:word@example.org/apps", "https://example.org/a b", "https://example.org/x\n-y"),
        *("https://example.org/apps.zip", "https://[::1/apps", "https://example.org:99999/apps"),
    ],
)
def test_what_is_not_fetched_over_https_or_has_no_checksum_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="must"):
        read_location(word)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"git": "https://a.example/x", "directory": "/x"},
        {"git": 3},
        {"url": "https://a.example"},
        {"directory": "apps"},
        {"git": "https://a.example/x", "sha256": SUM},
        {"archive": "https://a.example/x.zip", "sha256": "abc"},
    ],
)
def test_a_file_that_is_no_source_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|unknown|alone"):
        read_source(document)


def tarred(add: Callable[[tarfile.TarFile], None]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        add(archive)
    return stream.getvalue()


def put(archive: tarfile.TarFile, name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/shadow" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
    member.size = len(data) if kind == tarfile.REGTYPE else 0
    archive.addfile(member, io.BytesIO(data))


def several(archive: tarfile.TarFile, count: int, data: bytes) -> None:
    for number in range(count):
        put(archive, f"{number}.bin", data)


def whole(archive: tarfile.TarFile) -> None:
    put(archive, "repo-1/", kind=tarfile.DIRTYPE)
    put(archive, "repo-1/pyproject.toml")
    put(archive, "repo-1/README.md")
    put(archive, "repo-1/apps/shop.toml", b"shop")
    put(archive, "repo-1/icons/shop.svg", b"icon")
    put(archive, "repo-1/apps/deep/er.toml")


def test_archives_of_each_kind_give_the_manifests_and_icons_of_their_folder() -> None:
    data = tarred(whole)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("repo-1/apps/shop.toml", "shop")
        archive.writestr("repo-1/icons/shop.svg", "icon")
    for name, packed in (
        ("/x.tar.gz", gzip.compress(data)),
        ("/x.tar.xz", lzma.compress(data)),
        ("/x.zip", zipped.getvalue()),
    ):
        assert chosen(unpack(name, packed)) == {"shop.toml": b"shop", "shop.svg": b"icon"}
    flat = tarred(lambda archive: put(archive, "shop.toml", b"shop"))
    assert chosen(unpack("x.tgz", gzip.compress(flat))) == {"shop.toml": b"shop"}


@pytest.mark.parametrize(
    ("add", "why"),
    [
        (lambda archive: put(archive, "/etc/cron.d/x.toml"), "leads out"),
        (lambda archive: put(archive, "a/../../x.toml"), "leads out"),
        (lambda archive: put(archive, "x.toml", kind=tarfile.SYMTYPE), "link"),
        (lambda archive: put(archive, "x.toml", kind=tarfile.LNKTYPE), "link"),
        (lambda archive: put(archive, "x.toml", kind=tarfile.FIFOTYPE), "no file"),
        (lambda archive: several(archive, 10_001, b"x"), "10000 files"),
        (lambda archive: put(archive, "x.toml", bytes((1 << 20) + 1)), "1 MiB"),
        (lambda archive: several(archive, 9, bytes(8 << 20)), "64 MiB"),
    ],
)
def test_an_archive_with_what_must_not_be_in_one_is_refused(
    add: Callable[[tarfile.TarFile], None], why: str
) -> None:
    with pytest.raises(SourceError, match=why):
        unpack("x.tar.gz", gzip.compress(tarred(add), 1))


def test_an_archive_that_unpacks_to_more_than_it_says_is_refused() -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 3 * MOST_BYTES
    packed = gzip.compress(member.tobuf(tarfile.USTAR_FORMAT) + bytes(3 * MOST_BYTES), 1)
    with pytest.raises(SourceError, match="64 MiB"):
        unpack("x.tar.gz", packed)


def zip_of(name: str, mode: int = 0o100644) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        archive.writestr(member, b"x" * 100)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [zip_of("../x.toml"), zip_of("/x.toml"), zip_of("x.toml", 0o120777), b"PK", b"", zip_of("x.toml")[:60]],
    ids=("up", "absolute", "link", "short", "empty", "cut off"),
)
def test_a_zip_that_is_broken_or_leads_out_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError):
        unpack("x.zip", data)


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"no archive", gzip.compress(b"x" * 600, mtime=0)])
def test_a_tar_that_is_broken_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError, match="broken"):
        unpack("x.tar.gz", data)


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if not any((Path(place) / "git").exists() for place in os.environ["PATH"].split(":")):
        pytest.skip("git is not there")
    folder = tmp_path / "apps"
    (folder / "apps").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "apps" / "shop.toml").write_text("shop\n")
    (folder / "apps" / "empty.toml").touch()
    (folder / "README").symlink_to("/etc/passwd")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")
    return folder


def test_of_a_repository_one_commit_is_read_and_nothing_checked_out(repository: Path) -> None:
    commit, files = clone(repository.as_uri(), os.environ, protocol="file")
    assert len(commit) == 40
    assert files == {"apps/shop.toml": b"shop\n", "apps/empty.toml": b""}


def test_a_repository_with_a_manifest_that_is_a_link_is_refused(repository: Path) -> None:
    (repository / "apps" / "shadow.toml").symlink_to("/etc/shadow")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "x")
    with pytest.raises(SourceError, match="link"):
        clone(repository.as_uri(), os.environ, protocol="file")


@pytest.mark.parametrize(
    "url", ["--upload-pack=touch /tmp/x", "ext::sh -c 'touch /tmp/x'", "file:///nowhere"]
)
def test_git_itself_fetches_by_https_alone(repository: Path, url: str) -> None:
    del repository
    with pytest.raises(SourceError, match="git"):
        clone(url, os.environ)


def test_without_git_it_is_said_how_to_get_it() -> None:
    with pytest.raises(SourceError, match="not installed") as caught:
        clone("https://git.example/apps", {"PATH": "/nonexistent"})
    assert "apt install git" in str(caught.value.hint)


def test_a_process_of_its_own_fetches_and_its_errors_arrive(tmp_path: Path) -> None:
    fetcher = Fetcher(os.environ, confined=False)
    (tmp_path / "shop.toml").write_text("shop")
    assert fetcher.fetch(Source(directory=str(tmp_path))).files == {"shop.toml": b"shop"}
    with pytest.raises(SourceError, match="no folder"):
        fetcher.fetch(Source(directory="/nonexistent"))


def test_root_has_a_unit_without_rights_fetch_and_hands_on_nothing_but_proxies(tmp_path: Path) -> None:
    unit = tmp_path / "systemd-run"
    unit.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\n'
        'while [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    )
    unit.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "https_proxy": "http://p:1",
        "TOKEN": "x",
    }
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "shop.toml").write_text("shop")
    found = Fetcher(environment, confined=True).fetch(Source(directory=str(tmp_path / "mine")))
    assert found.files == {"shop.toml": b"shop"}
    words = (tmp_path / "words").read_text().splitlines()
    assert {"--property=DynamicUser=yes", "--property=CapabilityBoundingSet=", "--pipe", "--wait"} <= set(
        words
    )
    assert {one for one in words if one.startswith("--setenv=")} >= {
        "--setenv=HOME=/tmp",
        "--setenv=https_proxy=http://p:1",
    }
    assert not [one for one in words if "TOKEN" in one or str(tmp_path / "mine") in one]


def test_a_name_that_could_lead_anywhere_is_not_taken_from_that_process() -> None:
    for name in ("../x.toml", "/x.toml", "x.sh", ".toml", "a/b.toml", "X.toml"):
        with pytest.raises(SourceError):
            plain(FetchReply(files={name: b""}))
    with pytest.raises(SourceError, match="larger"):
        plain(FetchReply(files={"x.toml": bytes((1 << 20) + 1)}))


def test_what_cannot_be_downloaded_says_why() -> None:
    with pytest.raises(BeaconError, match="cannot be fetched"):
        fetch(Source(archive="https://127.0.0.1:9/x.zip", sha256=SUM), {})
