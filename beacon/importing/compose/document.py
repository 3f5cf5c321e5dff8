"""YAML 1.2 (core schema) with merge keys → nodes that know their lines."""

from __future__ import annotations

import re

import yaml

from beacon.definition.grammar import WrittenFloat, key_path
from beacon.importing.node import Log, Node, Place, Scalar, WrittenInt

_TAG = "tag:yaml.org,2002:"
_CORE_TAGS = {"str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge", "value"}
"""Those of the schema, and what PyYAML sees in plain scalars by the rules of 1.1."""
_KNOWN_TAGS = {"!reset", "!override"}
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MOST_NODES = 100_000
"""More than any file needs; what a few lines of nested anchors can become."""


def read_document(text: str, file: str, log: Log) -> Node | None:
    """Return the document that *text* holds; None, with a fault, where it is none."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it cannot be read"
        log.fault(Place(file, mark.line + 1 if mark else 0), "", f"is not YAML: {_plain_words(problem)}")
        return None
    except (yaml.YAMLError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        log.fault(Place(file), "", f"is not YAML: {why}")
        return None
    if root is None:
        log.fault(Place(file), "", "must not be empty")
        return None
    try:
        return _Reader(file, log).node(root, ())
    except RecursionError:
        log.fault(Place(file), "", "is nested too deeply")
    except _TooLargeError:
        log.fault(Place(file), "", f"must not have more than {_MOST_NODES} values; its anchors multiply")
    return None


def _plain_words(problem: str) -> str:
    if "'\\t'" in problem:
        return "a tab is no indentation; use spaces"
    return problem


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
                return Node(self._scalar(found), place, tag)

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
            key = str(key_node.value)
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

    def _scalar(self, found: yaml.Node) -> Scalar:
        text = str(found.value)
        if found.tag == f"{_TAG}str" or (isinstance(found, yaml.ScalarNode) and found.style is not None):
            return text
        if _NULL.fullmatch(text):
            return None
        if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
            return text.lower() == "true"
        if _INT.fullmatch(text):
            return WrittenInt(text)
        if _FLOAT.fullmatch(text):
            return WrittenFloat(text)
        return text
