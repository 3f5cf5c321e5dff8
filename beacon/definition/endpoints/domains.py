"""Domain names, and the compact form of endpoints: ``example.org app.example.org:http=8080:https=8043``.

The compact form is beachhead-companion's. What that program misread in silence is a problem here, shown with
a caret below the place; ``compat`` reads as it did, slip by slip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import idna

from beacon.definition.grammar.portspec import MAX_PORT
from beacon.definition.grammar.strings import did_you_mean, line, shown
from beacon.model.service import Endpoint, Scheme

Reading = tuple[tuple[Endpoint, ...], tuple[str, ...]]
"""What a text says, and every problem that it has; with a problem, the endpoints are not to be used."""

_MAX_DOMAIN = 253
_MAX_SHOWN = 90
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_WORD = re.compile(r"\S+")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_OPTIONS = {"http": Scheme.HTTP, "https": Scheme.HTTPS}
_EXAMPLE = "example.org:http=8080"

_FOREIGN = (
    (re.compile(r"[\"'`]"), "must be without quotes"),
    (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://"), "must be a domain without a scheme in front"),
    (re.compile(r"[,;]"), "must be separated from the next by a space"),
    (re.compile(r"/.*"), "must be without a path, which only a table [[endpoint]] can have"),
)
"""What people write and domains do not have; the first that is found explains the whole word."""

_Slip = tuple[str, int, int]
"""A problem, and where in the text it begins and ends."""


def domain_name(value: object) -> str:
    """Return a domain as DNS has it: in lower case, international names as punycode, ``*.`` kept in front."""
    string = line(value)
    name = string.removesuffix(".")
    star, bare = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    if not bare.isascii():
        bare = _punycode(bare, string)
    bare = bare.lower()
    labels = bare.split(".")
    if len(star + bare) > _MAX_DOMAIN or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            "must be a domain such as 'example.org' or '*.example.org' "
            f"(letters, digits and '-' between dots), not {shown(string)}"
        )
    if labels[-1].isdigit():
        raise ValueError(f"must be a domain, not an address or a number, as {shown(string)} is")
    return star + bare


def redirect_target(value: object) -> str:
    """Return where requests are sent on to: a domain, or a URL of http or https."""
    string = line(value)
    scheme, separator, rest = string.partition("://")
    if not separator:
        return domain_name(string)
    host, slash, path = rest.partition("/")
    name, colon, port = host.partition(":")
    if (
        scheme not in _OPTIONS
        or " " in rest
        or (colon and not (_PORT.fullmatch(port) and int(port) <= MAX_PORT))
    ):
        raise ValueError(f"must be a domain or a URL such as 'https://example.org/', not {shown(string)}")
    return f"{scheme}://{domain_name(name)}{colon}{port}{slash}{path}"


def asked_url(value: object) -> str:
    """Return a URL of http or https that a proxy can ask: a host, mostly with a port, and a path."""
    string = line(value)
    match = _ASKED.fullmatch(string)
    if match is None or (match["port"] and not 0 < int(match["port"]) <= MAX_PORT):
        raise ValueError(f"must be a URL such as 'http://127.0.0.1:9091/verify', not {shown(string)}")
    return string


_ASKED = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{1,5}))?(?:/[A-Za-z0-9._~%/?=&-]*)?"
)


def read_compact(text: str, *, compat: bool) -> Reading:
    """Return the endpoints that *text* names in the compact form, and all that is wrong with it."""
    return _as_companion(text) if compat else _strictly(text)


def _punycode(bare: str, string: str) -> str:
    try:
        return idna.encode(bare, uts46=True).decode("ascii")
    except UnicodeError as fault:
        raise ValueError(f"must be a domain that DNS can have, not {shown(string)}: {fault}") from None


def _strictly(text: str) -> Reading:
    endpoints: list[Endpoint] = []
    slips: list[_Slip] = []
    for match in _WORD.finditer(text):
        found = _Word(match[0], match.start())
        endpoints += found.endpoints()
        slips += found.slips
    return tuple(endpoints), tuple(_with_caret(text, slip) for slip in slips)


class _Word:
    """``example.org:http=8080:https``: one domain with its options, at a place in the text."""

    def __init__(self, word: str, start: int) -> None:
        self._word = word
        self._start = start
        self.slips: list[_Slip] = []

    def endpoints(self) -> list[Endpoint]:
        """Return what the word says, as far as it makes sense; *slips* has what cannot."""
        for pattern, problem in _FOREIGN:
            if match := pattern.search(self._word):
                self._slip(problem, match.start(), match.end())
                return []
        domain, *options = self._word.split(":")
        name = self._domain(domain)
        ports = self._ports(len(domain), options)
        if name is None or self.slips:
            return []
        return [Endpoint(name, port, scheme=scheme) for scheme, port in ports.items()] or [Endpoint(name)]

    def _domain(self, domain: str) -> str | None:
        if not domain:
            self._slip(f"must have its domain right in front, as in {_EXAMPLE}", 0, len(self._word))
        elif domain.lower() in _OPTIONS:
            self._slip(f"must be right behind its domain, as in {_EXAMPLE}", 0, len(domain))
        else:
            try:
                return domain_name(domain)
            except ValueError as fault:
                self._slip(str(fault), 0, len(domain))
        return None

    def _ports(self, at: int, options: list[str]) -> dict[Scheme, int | None]:
        ports: dict[Scheme, int | None] = {}
        for option in options:
            begin, at = at + 1, at + 1 + len(option)
            key, equals, value = option.partition("=")
            scheme = _OPTIONS.get(key.lower())
            if not option:
                self._slip("must have no ':' without http or https behind it", begin - 1, begin)
            elif key.isdecimal() and not equals:
                self._slip(f"must say what the port is for: http={key} or https={key}", begin, at)
            elif scheme is None:
                near = did_you_mean(key.lower(), list(_OPTIONS))
                self._slip(f"must be http or https, not {shown(key)}{near}", begin, begin + len(key))
            elif scheme in ports:
                self._slip(f"must be said once: {scheme} is there already", begin, at)
            elif not equals:
                ports[scheme] = None
            elif _PORT.fullmatch(value) and int(value) <= MAX_PORT:
                ports[scheme] = int(value)
            else:
                self._slip(f"must be a port from 1 to {MAX_PORT}, not {shown(value)}", at - len(value), at)
        return ports

    def _slip(self, problem: str, begin: int, end: int) -> None:
        self.slips.append((problem, self._start + begin, self._start + end))


def _with_caret(text: str, slip: _Slip) -> str:
    """Return the problem, and below it the text with a mark under the place."""
    problem, begin, end = slip
    if not text.isprintable() or len(text) > _MAX_SHOWN:
        word = next(match for match in _WORD.finditer(text) if match.start() <= begin <= match.end())
        text, begin, end = _safe(word[0]), begin - word.start(), end - word.start()
    return f"{problem}\n    {text}\n    {' ' * begin}^{'~' * (end - begin - 1)}"


def _safe(word: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in word)


# What follows is what beachhead-companion did, where it differs from sense too.

_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's White_Space, which is less than Python's."""
_COMPANION = re.compile(rf"([a-zA-Z0-9][a-zA-Z0-9.-]+[a-zA-Z0-9]\.?)(?::([^{_SPACE}]+))?")
_DEFAULTS = {"http": 80, "https": 443}


def _as_companion(text: str) -> Reading:
    """Read what matches anywhere, skip the rest, and give everything up for one port that is wrong."""
    endpoints: list[Endpoint] = []
    for match in _COMPANION.finditer(text):
        domain = match[1].removesuffix(".")
        ports: dict[str, int] = {}
        for option in (match[2] or "").split(":"):
            key, equals, value = option.partition("=")
            name = key.strip().lower()
            if name not in _DEFAULTS:
                continue
            try:
                ports[name] = _companion_port(value.strip()) if equals else _DEFAULTS[name]
            except ValueError as cause:
                end = match.end(2)
                return (), (_with_caret(text, (f"must be a port: {cause}", match.start(1), end)),)
        chosen = ports or _DEFAULTS
        endpoints += _in_order(domain, chosen)
    return tuple(endpoints), ()


def _in_order(domain: str, ports: dict[str, int]) -> Iterator[Endpoint]:
    for name, scheme in _OPTIONS.items():
        if name in ports:
            yield Endpoint(domain, ports[name], scheme=scheme)


def _companion_port(value: str) -> int:
    """Read a number of 16 bits as Rust does; raises ValueError with Rust's words."""
    if not value:
        raise ValueError("cannot parse integer from empty string")
    digits = value.removeprefix("+")
    number = 0
    for digit in digits or "+":
        if not (digit.isascii() and digit.isdigit()):
            raise ValueError("invalid digit found in string")
        number = number * 10 + int(digit)
        if number > MAX_PORT:
            raise ValueError("number too large to fit in target type")
    return number
