"""An import reads compose files as docker compose does, which is asked: key by key the same, or told."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.golden.importing.cases import import_cases
from tests.lab.host import LabHost
from tests.lab.oracle import Files, ask, differences
from tests.lab.projects import projects

FOLDER = "/srv/oracle"
MANY = 120
REFUSED = {"keycloak", "registry", "uptime"}
"""Cases that docker compose does not take, and the import does."""


def test_the_golden_cases_are_read_as_docker_compose_reads_them(host: LabHost) -> None:
    cases = {case.name: case for case in import_cases()}
    made = {
        name: Files(
            f"{FOLDER}/{name}",
            {
                str(file.relative_to(case.folder)): file.read_text(encoding="utf-8")
                for file in case.folder.rglob("*")
                if file.is_file() and "expected" not in file.parts
            },
            tuple(case.files()),
        )
        for name, case in cases.items()
    }
    said = ask(host, made)
    assert {name for name, config in said.items() if config is None} == REFUSED
    found = {name: differences(made[name], config) for name, config in said.items() if config is not None}
    assert {name: lines for name, lines in found.items() if lines} == {}


@settings(max_examples=1, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.data())
def test_files_of_any_kind_are_read_as_docker_compose_reads_them(host: LabHost, data: st.DataObject) -> None:
    """All in one go, since a question to the host costs more than docker's answer."""
    made = {f"p{index}": data.draw(projects(f"{FOLDER}/p{index}")) for index in range(MANY)}
    said = ask(host, made)
    taken = {name: config for name, config in said.items() if config is not None}
    assert len(taken) > MANY * 0.8
    found = {name: differences(made[name], config) for name, config in taken.items()}
    wrong = {name: (lines, made[name].texts) for name, lines in found.items() if lines}
    assert wrong == {}
