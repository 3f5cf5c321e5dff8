"""Lists read the beginning of a manifest, and no less than TOML says of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import beacon.catalog
from beacon.catalog.summary import read_summary

APP = 'id = "shop"\nname = "Shop"\nversion = "1"\nsummary = "A shop"\n'


@pytest.mark.parametrize(
    "file", sorted((Path(beacon.catalog.__file__).parent / "apps").glob("*.toml")), ids=lambda file: file.stem
)
def test_a_summary_says_what_the_manifest_says(file: Path) -> None:
    app, found = tomllib.loads(file.read_text())["app"], read_summary(file.read_text())
    assert (found.id, found.name, found.version) == (app["id"], app["name"], app["version"])
    assert (found.summary, found.revision) == (app["summary"], app.get("revision", 1))
    assert found.categories == tuple(app.get("categories", ()))


@pytest.mark.parametrize(
    "text",
    [
        f"[app]\n{APP}",
        f'# of ours\nschema = "beacon-app/1"\n\n[app]\n{APP}[app.links]\nid = "another"\n[web]\n',
        f"\ufeff[app]\r\n{APP}",
        f'x-note = """\n[app]\nid = "another"\n"""\n[app]\n{APP}',
        f'[app]\n{APP}description = """\nid = "another"\n"""\n',
        f"[app]\n{APP.replace(chr(34) + 'shop' + chr(34), chr(39) + 'shop' + chr(39))}",
        f"[web]\nport = 80\n\n[app]\n{APP}",
        "".join(f"app.{line}\n" for line in APP.splitlines()),
    ],
)
def test_whatever_toml_is_written_like_it_is_read(text: str) -> None:
    found = read_summary(text)
    assert (found.id, found.name, found.version, found.summary) == ("shop", "Shop", "1", "A shop")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f'[app]\n{APP}id = "twice"\n', "overwrite"),
        (f"[app]\n{APP}[app]\n", "twice"),
        (f'schema = "1"\nschema = "2"\n[app]\n{APP}', "overwrite"),
        (f'[app]\n{APP}summary = "a', "Unterminated|Illegal"),
        ("", "no table"),
        ("[app]\n", "must be given|no table"),
        ('[app]\nid = "shop"\nname = 5\n', "app.name"),
        (f"[app]\n{APP}revision = true\n", "revision"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_summary(text)
