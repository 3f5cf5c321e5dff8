"""Quoting survives any string: what is written comes back through Quadlet and systemd."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from beacon.model.machine import EngineVersion
from beacon.units.directives import OPTIONS, Section, Sheet
from beacon.units.quoting import (
    InexpressibleError,
    Parser,
    encode_argument,
    encode_directive,
    encode_pair,
    encode_word,
)
from tests.property.units.simulation import exec_line, quadlet, split, systemd

HOSTILE = "\"'\\%$;#{}[]=:, \t\n\r\x01\x1b\x7fabnxs01é漢😀\u0085\u2028\u00a0"
TEXTS = st.one_of(
    st.text(st.sampled_from(HOSTILE), max_size=12),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
VERSIONS = st.sampled_from(
    [EngineVersion.parse(version) for version in ("4.4", "4.9.3", "5.0", "5.4.2", "5.8.2", "6.1")]
)


def through(parser: Parser, values: list[str], version: EngineVersion) -> list[str]:
    return systemd(exec_line(quadlet(parser, values, version)))


@given(st.sampled_from(Parser), TEXTS, VERSIONS)
@example(Parser.ONE, '"quoted"', EngineVersion(5, 8, 2))
@example(Parser.STRV, 'a"b', EngineVersion(5, 4))
@example(Parser.ALL, " x", EngineVersion(5, 4))
def test_a_value_comes_back_or_is_refused(parser: Parser, value: str, version: EngineVersion) -> None:
    try:
        written = encode_directive(parser, "Key", value, version)
    except InexpressibleError:
        return
    assert through(parser, [written], version) == [value]


@given(st.lists(TEXTS.filter(lambda text: text not in {"", ";"}), min_size=1), VERSIONS)
def test_words_come_back(words: list[str], version: EngineVersion) -> None:
    line = " ".join(encode_word("Exec", word) for word in words)
    assert through(Parser.ARGS, [line], version) == words


@given(TEXTS, VERSIONS)
def test_pairs_come_back(value: str, version: EngineVersion) -> None:
    written = encode_pair("Environment", "NAME", value)
    assert through(Parser.KEYVAL, [written], version) == [f"NAME={value}"]


@given(st.sampled_from(sorted(OPTIONS)), TEXTS, VERSIONS)
def test_an_option_holds_any_value_as_key_or_as_argument(
    key: str, value: str, version: EngineVersion
) -> None:
    sheet = Sheet(version, "web.toml")
    sheet.option(key, value, "path")
    assert sheet.faults == []
    written = sheet.sections[Section.CONTAINER]
    if written:
        assert sheet.arguments == []
        assert through(OPTIONS[key].parser, [directive.value for directive in written], version) == [value]
    else:
        arguments = [directive.value for directive in sheet.arguments]
        assert through(Parser.ARGS, arguments, version) == [f"{OPTIONS[key].flag}={value}"]


def test_the_simulation_splits_as_the_manual_says() -> None:
    assert split("a  \"b c\" 'd e'f \\x41\\n", unescape=True) == ["a", "b c", "d ef", "A\n"]
    assert split(r'a\tb "c\d"', unescape=False) == [r"a\tb", r"c\d"]


@given(st.lists(TEXTS.filter(bool), min_size=1))
@example([";"])
def test_arguments_of_plain_units_come_back(words: list[str]) -> None:
    line = " ".join(encode_argument("command", word) for word in words)
    assert not line.startswith("; ")
    assert " ; " not in f" {line} "
    assert [word.replace("%%", "%") for word in split(line, unescape=True)] == words
