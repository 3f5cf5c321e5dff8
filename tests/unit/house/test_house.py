"""The rules of the house, held on all of Beacon's code: nothing is excepted by name."""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict

import pytest

from tests.house import ROOT, Import, circles, functions, imports, modules, package_of, tree

LONGEST_FUNCTION = 40
LONGEST_MODULE = 400
LARGEST_PACKAGE = 16

ROOTS = {"beacon.__main__", "beacon.operations.machine", "beacon.operations.update"}
"""What loads parts when they are needed: the entry of the process, the machine that is made of them, and the
run of the timer, which mostly has nothing to do for apps."""

PACKAGES = sorted({package_of(module) for module in modules()})


def _part(module: str, package: str) -> str | None:
    """Return the module or package right below *package* that *module* is, or lies in."""
    inner = module.removeprefix(f"{package}.")
    return f"{package}.{inner.partition('.')[0]}" if inner != module else None


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_has_a_circle_inside(package: str) -> None:
    edges: defaultdict[str, set[str]] = defaultdict(set)
    for one in imports():
        here, there = _part(one.module, package), _part(one.imported, package)
        if not one.typing and here and there and here != there:
            edges[here].add(there)
    assert circles(edges) == []


def test_imports_stand_at_the_top_except_where_parts_are_put_together() -> None:
    assert [one for one in imports() if one.lazy and one.module not in ROOTS] == []


def _is_foreign(one: Import) -> bool:
    library = one.imported.partition(".")[0]
    return library != "beacon" and library not in sys.stdlib_module_names


def test_each_library_is_imported_in_one_package() -> None:
    users: defaultdict[str, set[str]] = defaultdict(set)
    for one in imports():
        library = one.imported.partition(".")[0]
        if _is_foreign(one) and library != "msgspec":  # which the nouns are made of
            users[library].add(".".join(one.module.split(".")[:2]))
    assert {library: found for library, found in users.items() if len(found) > 1} == {}


FACES_ONLY = {
    "print",
    "input",
    "sys.argv",
    "sys.stdin",
    "sys.stdout",
    "sys.stderr",
    "os.environ",
    "os.getenv",
}
BENEATH = [name for name in modules() if name.startswith(("beacon.operations.", "beacon.wire."))]


def _names(module: str) -> set[str]:
    nodes = list(ast.walk(tree(module)))
    plain = {node.id for node in nodes if isinstance(node, ast.Name)}
    dotted = {
        f"{node.value.id}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return plain | dotted


@pytest.mark.parametrize("module", BENEATH)
def test_operations_know_no_terminal_and_no_environment(module: str) -> None:
    taken = {one.imported.partition(".")[0] for one in imports() if one.module == module}
    assert not _names(module) & FACES_ONLY
    assert not taken & {"typer", "rich", "getpass"}


def test_functions_are_short() -> None:
    assert [one for one in functions() if one.lines > LONGEST_FUNCTION] == []


def test_modules_are_short() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert {name: found for name, found in lines.items() if found > LONGEST_MODULE} == {}


MOST_ABOVE = 10_500


def test_what_is_asked_answered_and_shown_is_small() -> None:
    """Whatever is no asking, no answer and no face belongs in the package that it is about."""
    above = {"operations", "wire", "cli"}
    lines = [
        len(path.read_text().splitlines())
        for name, path in modules().items()
        if name.split(".")[1:2] and name.split(".")[1] in above
    ]
    assert sum(lines) <= MOST_ABOVE


def test_no_two_files_of_tests_have_one_name() -> None:
    """Tests are in no packages: pytest takes two modules of one name for the same."""
    found = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, files in found.items() if files > 1] == []


def test_packages_are_small() -> None:
    held = Counter(package_of(name) for name in modules() if name not in PACKAGES)
    assert {package: found for package, found in held.items() if found > LARGEST_PACKAGE} == {}
