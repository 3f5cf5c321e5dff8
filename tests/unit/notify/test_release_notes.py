"""The page that tells what an image brings."""

from __future__ import annotations

import pytest

from beacon.notify.links import release_notes

OLD, NEW = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("source", "revisions", "page"),
    [
        ("https://github.com/me/web", True, f"https://github.com/me/web/compare/{OLD}...{NEW}"),
        ("https://github.com/me/web.git", False, "https://github.com/me/web/releases"),
        ("https://gitlab.com/a/b/web/", True, f"https://gitlab.com/a/b/web/-/compare/{OLD}...{NEW}"),
        ("https://codeberg.org/me/web", False, "https://codeberg.org/me/web/releases"),
        ("https://git.example/web", True, "https://git.example/web"),
        ("https://me:token@github.com/me/web", True, ""),
        ("git@github.com:me/web.git", True, ""),
        ("javascript:alert(1)", False, ""),
        ("https://github.com/me/web\nX: y", False, ""),
        ("https://[", False, ""),
    ],
)
def test_of_a_source(source: str, revisions: bool, page: str) -> None:  # noqa: FBT001
    old, new = ({"org.opencontainers.image.revision": one} if revisions else {} for one in (OLD, NEW))
    assert release_notes({"org.opencontainers.image.source": source, **new}, old) == page


def test_the_image_s_own_page_where_the_source_is_no_forge() -> None:
    labels = {"org.opencontainers.image.url": "https://web.example/news"}
    assert release_notes(labels, {}) == "https://web.example/news"
    labels["org.opencontainers.image.source"] = "https://git.example/web"
    assert release_notes(labels, {}) == "https://web.example/news"
