"""What was fetched of a source, judged as a whole: one faulty manifest keeps all of it away."""

from __future__ import annotations

from beacon.catalog.manifest import read_manifest
from beacon.catalog.sources import FOLDER, Fetched
from beacon.errors import DefinitionError, Fault


def judge(fetched: Fetched) -> None:
    """Raise DefinitionError with every fault of the manifests, or if there is none of them."""
    faults: list[Fault] = []
    manifests = {name: data for name, data in fetched.files.items() if name.endswith(".toml")}
    if not manifests:
        raise DefinitionError([Fault("", "", f"has no manifests, neither in it nor in its folder {FOLDER}")])
    for name, data in sorted(manifests.items()):
        app = name.removesuffix(".toml")
        try:
            manifest = read_manifest(data.decode(), file=name)
        except UnicodeDecodeError:
            faults.append(Fault(name, "", "is not UTF-8"))
        except DefinitionError as error:
            faults += error.faults
        else:
            if manifest.app.id != app:
                faults.append(Fault(name, "app.id", f"must be {app!r}, as the file is called"))
    if faults:
        raise DefinitionError(faults)
