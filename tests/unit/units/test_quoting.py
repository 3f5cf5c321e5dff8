"""Values are written by the rules of their key, or refused with the reason."""

from __future__ import annotations

import pytest

from beacon.model.machine import EngineVersion
from beacon.units.quoting import (
    InexpressibleError,
    Parser,
    encode,
    encode_directive,
    encode_pair,
    encode_path_setting,
    encode_raw,
    encode_setting,
    encode_word,
)

DEBIAN_13 = EngineVersion(5, 4, 2)


def test_words_are_quoted_only_where_they_must_be() -> None:
    assert encode_word("Exec", "--port=8080") == "--port=8080"
    assert encode_word("Exec", "100%") == "100%%"
    assert encode_word("Exec", "a b") == '"a b"'
    assert encode_pair("Environment", "A", 'say "$x"\n') == '"A=say \\"$$x\\"\\n"'


@pytest.mark.parametrize(
    ("word", "reason"),
    [("", "an empty argument"), (";", "an argument that is exactly ;"), ("a\0b", "a NUL character")],
)
def test_words_that_cannot_be_written_are_refused(word: str, reason: str) -> None:
    with pytest.raises(InexpressibleError) as raised:
        encode_word("Exec", word)
    assert (raised.value.key, raised.value.value, raised.value.reason) == ("Exec", word, reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "an empty value"),
        ("a\nb", "a newline"),
        ("a\tb", "a control character"),
        (" a", "white space at its beginning or end"),
        ("a\\", "a trailing backslash"),
        (";", "a value that is exactly ;"),
    ],
)
def test_raw_values_that_cannot_be_written_are_refused(value: str, reason: str) -> None:
    with pytest.raises(InexpressibleError) as raised:
        encode_raw("Volume", value)
    assert raised.value.reason == reason


def test_quotes_at_the_ends_of_a_single_value_depend_on_the_version() -> None:
    assert encode_directive(Parser.ONE, "HostName", '"a"', EngineVersion(4, 9)) == '"a"'
    with pytest.raises(InexpressibleError, match="beginning or end"):
        encode_directive(Parser.ONE, "HostName", '"a"', DEBIAN_13)
    assert encode_directive(Parser.ALL, "Volume", '/a:/"b"', DEBIAN_13) == '/a:/"b"'


def test_lists_without_escapes_take_no_double_quote() -> None:
    assert encode_directive(Parser.STRV, "Sysctl", "a=1 2", DEBIAN_13) == '"a=1 2"'
    with pytest.raises(InexpressibleError, match='a " character'):
        encode_directive(Parser.STRV, "Sysctl", 'a="', DEBIAN_13)


def test_settings_of_systemd_keep_the_dollar() -> None:
    assert encode_setting("Description", "100% $x") == "100%% $x"
    assert encode_path_setting("RequiresMountsFor", '/a "b" $x\\') == '"/a \\"b\\" $x\\\\"'
    with pytest.raises(InexpressibleError, match="a newline"):
        encode_setting("Description", "a\nb")
    with pytest.raises(InexpressibleError, match="a control character"):
        encode_path_setting("RequiresMountsFor", "/a\nb")


def test_control_characters_become_escapes() -> None:
    assert encode("Environment", "\x01\x7f\t") == "\\x01\\x7f\\t"
