"""Each app of the catalog has an icon: small, drawn for it alone, and nothing but a drawing."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import beacon.catalog
from beacon.state.apps import Catalog, Shelf

FOLDER = Path(beacon.catalog.__file__).parent
APPS = sorted(path.stem for path in (FOLDER / "apps").glob("*.toml"))
ICONS = sorted((FOLDER / "icons").iterdir())
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {"svg", "rect", "g", "path", "circle", "ellipse"}
LARGEST = 1024


def test_each_app_has_an_icon_and_each_icon_an_app() -> None:
    assert [path.name for path in ICONS] == [f"{app}.svg" for app in APPS]
    catalog = Catalog([Shelf("built-in", FOLDER / "apps", FOLDER / "icons")])
    icons = [entry.icon for app in APPS if (entry := catalog.find(app)) is not None]
    assert icons == ICONS


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.stem)
def test_an_icon_is_a_small_drawing_that_asks_for_nothing(path: Path) -> None:
    text = path.read_text(encoding="ascii")
    assert len(text) <= LARGEST
    assert not re.search("<[!?]|&|href|url|style|script|data:", text)
    root = ET.fromstring(text)  # noqa: S314  # our own
    assert (root.tag, root.get("viewBox")) == (f"{SVG}svg", "0 0 64 64")
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in DRAWN
        assert not [name for name in element.keys() if name.startswith("on") or "}" in name]  # noqa: SIM118
    square, drawing = root
    assert (square.get("width"), square.get("height")) == ("64", "64")
    assert re.fullmatch("#[0-9a-f]{6}", square.get("fill", ""))
    assert len(drawing) >= 1


def test_no_two_apps_look_alike() -> None:
    assert [text for text, count in Counter(path.read_text() for path in ICONS).items() if count > 1] == []
