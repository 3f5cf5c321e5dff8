"""Tables and labelled texts fit the terminal, and what is no terminal gets them whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon import streams
from beacon.cli.output import Output, in_bytes
from beacon.errors import BeaconError

HEADINGS = ("SERVICE", "STATE", "IMAGE", "NOTES")
NOTE = "definition changed, not applied, waits: beacon approve web@7c4a345722b4, quarantined: 2f05d4b689d2"
IMAGE = "registry.example.org:5000/the-people/of-the-application:latest"


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    streams.flush()
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("image", ["web:1", IMAGE])
def test_a_table_fits_the_terminal(capsys: pytest.CaptureFixture[str], width: int, image: str) -> None:
    Output(colour=False, width=width).table(HEADINGS, [("web", "green|active", image, NOTE)])
    shown = lines(capsys)
    assert max(map(len, shown)) <= width
    assert all(word in " ".join(shown) for word in NOTE.split())
    assert image[-20:] in shown[1]


def test_a_row_of_many_short_cells_fits_too(capsys: pytest.CaptureFixture[str]) -> None:
    row = (
        "1",
        "superseded",
        "2026-11-30 06:48 UTC",
        "update",
        "ghcr.io/me/photos:latest",
        "d69002bc01c6",
        "",
    )
    headings = ("RELEASE", "STATE", "CREATED", "BY", "IMAGE", "DIGEST", "NOTES")
    Output(colour=False, width=80).table(headings, [row])
    assert [len(line) <= 80 for line in lines(capsys)] == [True, True]


def test_no_word_of_a_warning_or_of_an_error_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(colour=False, width=40)
    output.warn("one two three four five six seven eight nine")
    output.error(BeaconError("one two three four five six seven eight nine"))
    said = capsys.readouterr().err.split("\n")
    assert said[0] == "warning: one two three four five six"
    assert said[2] == "error: one two three four five six seven"
    assert all(len(line) <= 40 for line in said)


def test_what_is_no_terminal_gets_a_row_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(colour=False).table(HEADINGS, [("web", "active", IMAGE, NOTE)])
    assert lines(capsys)[1] == f"web      active  {IMAGE}  {NOTE}"


def test_a_text_is_broken_behind_its_label(capsys: pytest.CaptureFixture[str]) -> None:
    Output(colour=False, width=40).labelled("Note", "one two three four five six seven eight nine")
    assert lines(capsys) == ["Note: one two three four five six seven", "      eight nine"]


@given(st.lists(st.tuples(*[st.text("abc de", max_size=90)] * 3), max_size=4), st.integers(40, 200))
def test_no_word_of_the_last_column_is_lost(rows: list[tuple[str, str, str]], width: int) -> None:
    said: list[str] = []

    class Heard(Output):
        def answer(self, text: str) -> None:
            said.append(text)

    Heard(colour=False, width=width).table(("A", "B", "C"), rows)
    for (_, _, last), text in zip(rows, said[1:], strict=True):
        assert "".join(last.split()) in "".join(text.split())


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0B"), (1023, "1023B"), (1536, "1.5K"), (320 << 20, "320M"), (3 << 30, "3.0G"), (5 << 40, "5.0T")],
)
def test_bytes_as_people_say_them(count: int, shown: str) -> None:
    assert in_bytes(count) == shown
