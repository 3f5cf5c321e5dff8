"""YAML 1.2 (core schema) with merge keys → nodes that know their lines; and plain data as YAML.

Numbers are those of the reader that compose has, which takes some of YAML 1.1's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Protocol

import yaml

from beacon.definition.grammar.strings import WrittenFloat, key_path
from beacon.formats.node import Node, Place, Scalar, WrittenInt

_TAG = "tag:yaml.org,2002:"
_CORE_TAGS = {"str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge", "value"}
"""Those of the schema, and what PyYAML sees in plain scalars by the rules of 1.1."""
_KNOWN_TAGS = {"!reset", "!override"}
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(
    r"[-+]?(?:0[0-7_]*|[1-9][0-9_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0o_*[0-7][0-7_]*|0b_*[01][01_]*)"
)
"""As compose's reader has it: ``010`` is eight, and ``1_000`` a thousand."""
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 40
"""What is longer is an identifier, and stays as it is written."""
_MOST_NODES = 100_000
"""More than any file needs; what a few lines of nested anchors can become."""


class Log(Protocol):
    """Remembers what is wrong with a file."""

    def fault(self, place: Place, key: str, problem: str) -> None:
        """Remember a fault of the value at *key*."""


def write_document(values: Mapping[str, object]) -> str:
    """Return plain data as a YAML document."""
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def read_document(text: str, file: str, log: Log) -> Node | None:
    """Return the document that *text* holds; None, with a fault, where it is none, or several."""
    found = read_documents(text, file, log)
    if len(found) > 1:
        log.fault(found[1].place, "", "must hold one document, and a second one begins here")
    return found[0] if len(found) == 1 else None


def read_documents(text: str, file: str, log: Log) -> list[Node]:
    """Return the documents that *text* holds, without empty ones; none, with a fault, if that is all."""
    try:
        roots = [one for one in yaml.compose_all(text, Loader=_Loader) if not _is_empty(one)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it cannot be read"
        log.fault(Place(file, mark.line + 1 if mark else 0), "", f"is not YAML: {_plain_words(problem)}")
        return []
    except (yaml.YAMLError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        log.fault(Place(file), "", f"is not YAML: {why}")
        return []
    if not roots:
        log.fault(Place(file), "", "must not be empty")
    reader = _Reader(file, log)
    try:
        return [reader.node(one, ()) for one in roots]
    except RecursionError:
        log.fault(Place(file), "", "is nested too deeply")
    except _TooLargeError:
        log.fault(Place(file), "", f"must not have more than {_MOST_NODES} values; its anchors multiply")
    return []


def _is_empty(root: yaml.Node) -> bool:
    return isinstance(root, yaml.ScalarNode) and root.value == "" and root.style is None


def _plain_words(problem: str) -> str:
    if "'\\t'" in problem:
        return "a tab is no indentation; use spaces"
    return problem


class _Loader(yaml.SafeLoader):
    """PyYAML's, with tabs where YAML has them: between and within words, but never as indentation."""

    def scan_to_next_token(self) -> None:
        """Skip what is between two tokens."""
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()

    def scan_plain_spaces(self, indent: int, start_mark: yaml.Mark) -> list[str]:
        """Return what is between two words of a scalar without quotes."""
        length = 0
        while self.peek(length) in " \t":
            length += 1
        blanks = self.prefix(length)
        if "\t" not in blanks:
            return list(super().scan_plain_spaces(indent, start_mark) or ())
        self.forward(length)
        return list(super().scan_plain_spaces(indent, start_mark) or ()) or [blanks]


class _TooLargeError(Exception):
    """A document that a few anchors made enormous."""


class _Reader:
    """Turns what PyYAML composes into nodes; PyYAML's own idea of plain scalars is YAML 1.1's."""

    def __init__(self, file: str, log: Log) -> None:
        self._file = file
        self._log = log
        self._open: set[int] = set()
        self._count = 0

    def node(self, found: yaml.Node, path: tuple[str | int, ...]) -> Node:
        self._count += 1
        if self._count > _MOST_NODES:
            raise _TooLargeError
        place = self._place(found)
        if id(found) in self._open:
            self._log.fault(place, key_path(*path), "must not hold itself by an alias")
            return Node(None, place)
        self._open.add(id(found))
        try:
            return self._open_node(found, path, place)
        finally:
            self._open.discard(id(found))

    def _open_node(self, found: yaml.Node, path: tuple[str | int, ...], place: Place) -> Node:
        tag = self._own_tag(found, path)
        match found:
            case yaml.MappingNode():
                return Node(self._mapping(found, path), place, tag)
            case yaml.SequenceNode():
                return Node(
                    [self.node(item, (*path, index)) for index, item in enumerate(found.value)], place, tag
                )
            case _:
                return Node(self._scalar(found, path), place, tag)

    def _place(self, found: yaml.Node) -> Place:
        return Place(self._file, found.start_mark.line + 1)

    def _own_tag(self, found: yaml.Node, path: tuple[str | int, ...]) -> str:
        if found.tag.removeprefix(_TAG) in _CORE_TAGS or found.tag == "!":
            return ""
        if found.tag not in _KNOWN_TAGS:
            self._log.fault(
                self._place(found),
                key_path(*path),
                f"must not have the tag {found.tag}, which has no meaning",
            )
        return str(found.tag)

    def _mapping(self, found: yaml.MappingNode, path: tuple[str | int, ...]) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key_node, value_node in found.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._log.fault(self._place(key_node), key_path(*path), "must have simple words as keys")
                continue
            key = self._text(key_node, path)
            if key == "<<" and key_node.style is None:
                for fields in self._merged(value_node, path):
                    merged = {**fields, **merged}
                continue
            if key in own:
                self._log.fault(self._place(key_node), key_path(*path, key), "must not be given twice")
            own[key] = self.node(value_node, (*path, key))
        return {**merged, **own}

    def _merged(self, found: yaml.Node, path: tuple[str | int, ...]) -> list[dict[str, Node]]:
        nodes = found.value if isinstance(found, yaml.SequenceNode) else [found]
        result = []
        for node in nodes:
            read = self.node(node, (*path, "<<"))
            if isinstance(read.value, dict):
                result.append(read.value)
            elif id(node) not in self._open:
                self._log.fault(
                    self._place(node), key_path(*path, "<<"), "must be a mapping, or a list of them"
                )
        return result

    def _text(self, found: yaml.Node, path: tuple[str | int, ...]) -> str:
        text = str(found.value)
        if _HALF_PAIR.search(text) is None:
            return text
        self._log.fault(self._place(found), key_path(*path), r"must not have half a surrogate pair (\ud800)")
        return _HALF_PAIR.sub("\ufffd", text)

    def _scalar(self, found: yaml.Node, path: tuple[str | int, ...]) -> Scalar:
        text = self._text(found, path)
        if not isinstance(found, yaml.ScalarNode) or found.style is not None or _is_forced(found):
            return text
        if _NULL.fullmatch(text):
            return None
        if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
            return text.lower() == "true"
        if _INT.fullmatch(text) and len(text) <= _MOST_DIGITS:
            return WrittenInt(text)
        plain = text[:1] + text[1:].replace("_", "")
        if _FLOAT.fullmatch(plain) and math.isfinite(float(plain)):
            return WrittenFloat(plain)
        return text


def _is_forced(found: yaml.ScalarNode) -> bool:
    """Whether a scalar without quotes has ``!!str`` before it."""
    mark = found.start_mark
    return found.tag == f"{_TAG}str" and str(mark.buffer or "")[mark.pointer : mark.pointer + 1] == "!"
