"""What others write of apps is read or refused: manifests of theirs, archives, answers of who fetches."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import tomllib
import zipfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beacon.catalog.drafts.bcd import from_bcd
from beacon.catalog.drafts.compose import from_compose
from beacon.catalog.drafts.image import ImageFacts, from_image
from beacon.catalog.manifest import read_manifest
from beacon.catalog.sources import chosen, read_location, read_source
from beacon.catalog.summary import read_summary
from beacon.errors import BeaconError
from beacon.formats.yaml import write_document
from beacon.model.image import ImageConfig, ImageHealth, Platform
from beacon.sources.archive import unpack
from beacon.sources.confined import FetchReply, plain
from tests.fakes.stage import digest
from tests.property.fuzz.strange import TEXTS

LINES = st.sampled_from(
    [
        *("[app]", "[app.links]", "[web]", '["app"]', "[app", "", "# x", 'id = "a"', 'id = "b"', "id = 3"),
        *(
            'name = "a\\tb"',
            "name = 'a'",
            'name = """',
            '"""',
            'version = "1"',
            'version="2"',
            "revision = 2",
        ),
        *("revision = 0", "revision = true", 'summary = "x"', 'summary = "x" # y', 'categories = ["a", "b"]'),
        *("categories = []", 'links.website = "https://x"', 'links = { website = "x" }', 'x-id = "b"', "\r"),
        *(
            'app.id = "c"',
            'schema = "beacon-app/1"',
            "license = 'MIT'",
            'id = "\x07"',
            "[[option]]",
            "\ufeff",
        ),
    ]
)
FOR_IMAGES = TEXTS.filter(lambda text: text.isprintable())


@given(st.lists(LINES, max_size=14))
@settings(max_examples=150)
def test_a_list_says_what_toml_says(lines: list[str]) -> None:
    text = "\n".join(["[app]", 'id = "a"', 'name = "A"', 'version = "1"', 'summary = "S"', *lines])
    try:
        found = read_summary(text)
    except ValueError:
        return
    with contextlib.suppress(ValueError):  # what is wrong in the rest of a manifest is not looked for
        app = tomllib.loads(text)["app"]
        said = (found.id, found.name, found.version, found.summary, found.revision)
        assert said == (app["id"], app["name"], app["version"], app["summary"], app.get("revision", 1))
        assert found.categories == tuple(map(str, app.get("categories", ())))


SCALARS = st.none() | st.booleans() | st.integers() | TEXTS
KEYS = st.sampled_from(
    [
        *("name", "rpc_name", "version", "description", "web_url_format", "exposed_methods", "show_options"),
        *("method_options", "Install", "Reinstall", "Explode", "default_value", "type", "hint", "password"),
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@given(
    st.dictionaries(KEYS, TREES, max_size=8), st.lists(st.dictionaries(KEYS, SCALARS, max_size=5), max_size=5)
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_a_manifest_of_bytesized_connect_becomes_one_or_is_refused(
    document: dict[str, object], options: list[dict[str, object]]
) -> None:
    document = {"name": "Shop", "method_options": {"Install": options}, **document}
    try:
        draft = from_bcd(write_document(document), "manifest.yml")
    except BeaconError:
        return
    read_manifest(draft.text, file="draft.toml")


@given(
    st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=4),
    st.lists(FOR_IMAGES | st.sampled_from(["80/tcp", "53/udp", "0/tcp", "x"]), max_size=4),
    st.lists(FOR_IMAGES.map(lambda text: f"/{text}"), max_size=4),
    st.lists(TEXTS, max_size=3),
    TEXTS,
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_an_image_says_a_manifest_comes_of_it(
    labels: dict[str, str], ports: list[str], volumes: list[str], test: list[str], said: str
) -> None:
    prefix = "org.opencontainers.image."
    labels |= {f"{prefix}{key}": said for key in ("title", "description", "licenses", "url", "source")}
    config = ImageConfig(
        digest("x"),
        Platform("linux", "amd64"),
        env={**labels, "TOKEN": said},
        exposed_ports=tuple(ports),
        volumes=tuple(volumes),
        health=ImageHealth(("CMD-SHELL", *test)),
        labels=labels,
        user=said,
    )
    draft = from_image("shop", ImageFacts("r.example/shop:1", said or "1", config))
    read_manifest(draft.text, file="draft.toml")


@given(st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=5), TEXTS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_definition_says_a_manifest_comes_of_it(env: dict[str, str], said: str) -> None:
    tables = {
        "web": {"image": "r.example/web:1", "env": {**env, "PASSWORD": said}, "needs": ["db"]},
        "db": {"image": "r.example/db:1", "command": [said], "labels": {"x": said}},
    }
    read_manifest(from_compose("shop", tables).text, file="draft.toml")


@given(
    st.sampled_from(["x.zip", "x.tar.gz", "x.tar.xz"]),
    st.binary(max_size=300),
    st.integers(0, 2000),
    st.binary(max_size=4),
)
@settings(max_examples=100)
def test_an_archive_is_unpacked_or_refused(name: str, junk: bytes, at: int, change: bytes) -> None:
    stream = io.BytesIO()
    if name == "x.zip":
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("apps/shop.toml", junk)
        whole = stream.getvalue()
    else:
        with tarfile.open(fileobj=stream, mode="w") as archive_:
            member = tarfile.TarInfo("apps/shop.toml")
            member.size = len(junk)
            archive_.addfile(member, io.BytesIO(junk))
        whole = stream.getvalue()
        whole = whole[:at] + change + whole[at + len(change) :]
        whole = gzip.compress(whole, mtime=0)
    for data in (whole, whole[:at] + change + whole[at + len(change) :], junk):
        with contextlib.suppress(BeaconError):
            chosen(unpack(name, data))


@given(TEXTS, TEXTS, st.dictionaries(TEXTS, st.binary(max_size=10), max_size=3))
def test_names_and_places_are_taken_or_refused(word: str, other: str, files: dict[str, bytes]) -> None:
    with contextlib.suppress(ValueError):
        found = read_location(word, other)
        assert found.directory or found.location.startswith("https://")
    with contextlib.suppress(ValueError):
        read_source({"git": word, other: word})
    with contextlib.suppress(BeaconError):
        assert all("/" not in name for name in plain(FetchReply(files=files)).files)
