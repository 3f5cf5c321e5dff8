"""Marks tell what Beacon wrote, and whether it is still so."""

from __future__ import annotations

from beacon.units.mark import Mark, read_mark, stamp

TEXT = "[Unit]\nDescription=é\n"


def test_a_stamped_text_is_ours_and_intact() -> None:
    stamped = stamp(TEXT, "service web")
    assert stamped.startswith("# Managed by Beacon: service web, checksum sha256:")
    assert stamped.endswith(TEXT)
    mark = read_mark(stamped)
    assert mark == Mark("service web", intact=True)
    assert mark.service == "web"


def test_an_edited_text_is_ours_and_not_intact() -> None:
    assert read_mark(stamp(TEXT, "service web") + "# mine\n") == Mark("service web", intact=False)


def test_a_shared_file_has_no_service() -> None:
    mark = read_mark(stamp(TEXT, "network backend"))
    assert mark is not None
    assert mark.service is None


def test_a_text_without_the_mark_is_foreign() -> None:
    assert read_mark(TEXT) is None
    assert read_mark("# Managed by Beacon: service web\n") is None
    assert read_mark("\n" + stamp(TEXT, "service web")) is None
