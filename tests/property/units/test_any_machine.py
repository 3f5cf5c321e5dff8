"""A plan brings the machine to where the next plan is empty, whatever was there before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from beacon.model.plan import DaemonReload, Plan, RemoveFile, RestartUnit, StartUnit, StopUnit, WriteFile
from beacon.model.runtime import UnitState
from beacon.model.unit import UnitFile
from beacon.reconcile.plan import Desired, Observed, make_plan
from beacon.units.mark import stamp

SERVICES = ("a", "b", "c")
NETWORKS = ("n", "m")


@st.composite
def file_sets(draw: st.DrawFn, service: str) -> tuple[UnitFile, ...]:
    networks = draw(st.lists(st.sampled_from(NETWORKS), unique=True))
    volumes = draw(st.lists(st.sampled_from(("data", "cache")), unique=True))
    lines = [f"Image={draw(st.sampled_from('12'))}", *(f"Network=beacon-{name}.network" for name in networks)]
    lines += [f"Volume=beacon-{service}-{name}.volume:/{name}" for name in volumes]
    return (
        UnitFile(f"beacon-{service}.container", stamp("\n".join(lines) + "\n", f"service {service}")),
        *(
            UnitFile(f"beacon-{service}-{name}.volume", stamp("V\n", f"service {service}"))
            for name in volumes
        ),
        *(UnitFile(f"beacon-{name}.network", stamp("N\n", f"network {name}")) for name in networks),
    )


def _touched(draw: st.DrawFn, text: str) -> str:
    return draw(
        st.sampled_from((text, text, text, text + "# edited\n", "foreign\n", stamp("older\n", "network n")))
    )


STATES = st.sampled_from(
    [
        UnitState("", "loaded", "active", "running"),
        UnitState("", "loaded", "inactive", "dead"),
        UnitState("", "loaded", "failed", "failed"),
        UnitState("", "loaded", "activating", "auto-restart"),
        UnitState("", "not-found", "inactive", "dead"),
    ]
)


@st.composite
def machines(draw: st.DrawFn) -> tuple[Desired, Observed, bool]:
    services = draw(st.lists(st.sampled_from(SERVICES), unique=True))
    desired = Desired(
        files={service: draw(file_sets(service)) for service in services},
        stopped=frozenset(draw(st.lists(st.sampled_from(SERVICES)))),
        faulty=frozenset(SERVICES) - frozenset(services) if draw(st.booleans()) else frozenset(),
    )
    before = [
        file
        for service in draw(st.lists(st.sampled_from(SERVICES), unique=True))
        for file in draw(file_sets(service))
    ]
    observed = Observed(
        files={file.name: _touched(draw, file.text) for file in before},
        units={f"beacon-{service}.service": draw(STATES) for service in SERVICES if draw(st.booleans())},
        unfinished=frozenset(draw(st.lists(st.sampled_from(SERVICES), max_size=1))),
    )
    return desired, observed, draw(st.booleans())


def after(plan: Plan, observed: Observed) -> Observed:
    """Do the plan on a machine that does what it is told."""
    files, units = dict(observed.files), dict(observed.units)
    for step in plan.steps:
        match step:
            case WriteFile():
                files[step.name] = step.text
            case RemoveFile():
                del files[step.name]
            case DaemonReload():
                units = _reloaded(files, units)
            case StartUnit() | RestartUnit():
                units[step.unit] = UnitState(step.unit, "loaded", "active", "running")
            case StopUnit():
                units[step.unit] = UnitState(step.unit, "loaded", "inactive", "dead")
            case _:
                pass
    return Observed(files=files, units=units)


def _reloaded(files: dict[str, str], units: dict[str, UnitState]) -> dict[str, UnitState]:
    loaded = {f"{name.removesuffix('.container')}.service" for name in files if name.endswith(".container")}
    return {
        unit: replace(units.get(unit, UnitState(unit)), load="loaded" if unit in loaded else "not-found")
        for unit in loaded | set(units)
    }


@given(machines())
def test_after_a_plan_there_is_nothing_to_do(machine: tuple[Desired, Observed, bool]) -> None:
    desired, observed, overwrite = machine
    plan = make_plan(desired, observed, overwrite=overwrite)
    again = make_plan(desired, after(plan, observed), overwrite=overwrite)
    assert again.steps == ()
    assert again.conflicts == plan.conflicts


@given(machines())
def test_a_plan_reloads_once_and_only_then_starts(machine: tuple[Desired, Observed, bool]) -> None:
    desired, observed, overwrite = machine
    steps = make_plan(desired, observed, overwrite=overwrite).steps
    reloads = [index for index, step in enumerate(steps) if isinstance(step, DaemonReload)]
    changes = [index for index, step in enumerate(steps) if isinstance(step, WriteFile | RemoveFile)]
    starts = [index for index, step in enumerate(steps) if isinstance(step, StartUnit | RestartUnit)]
    assert len(reloads) <= 1
    assert bool(reloads) or not changes
    assert all(change < reload < start for change in changes for reload in reloads for start in starts)
    assert all(steps[index].reason.sentence for index in range(len(steps)))


@given(machines())
def test_a_plan_never_touches_what_is_foreign_or_edited(machine: tuple[Desired, Observed, bool]) -> None:
    desired, observed, _ = machine
    plan = make_plan(desired, observed)
    touched = {step.name for step in plan.steps if isinstance(step, WriteFile | RemoveFile)}
    assert not any(observed.files.get(name, "").endswith(("# edited\n", "foreign\n")) for name in touched)
