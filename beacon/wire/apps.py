"""Apps, as answers have them; of secrets there is a name, and a value only where the owner is to log in."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from beacon.wire.answer import Answer
from beacon.wire.outcome import OutcomeInfo


class AppInfo(Struct, frozen=True, kw_only=True):
    """An app of the catalog."""

    id: str
    name: str
    version: str
    revision: int
    summary: str
    categories: tuple[str, ...]
    is_own: bool
    """Whether its manifest is the owner's."""
    origin: str
    """Where its manifest comes from: own, built-in, or the name of a source."""
    before: tuple[str, ...]
    """Where others of its name come from, which this one goes before."""
    instances: tuple[str, ...]
    """What is installed of it."""


class AppList(Answer, frozen=True, kw_only=True):
    """Apps of the catalog."""

    apps: tuple[AppInfo, ...]


class OptionInfo(Struct, frozen=True, kw_only=True):
    """What can be answered."""

    name: str
    type: str
    label: str
    help: str
    default: str | None
    required: bool
    choices: tuple[str, ...]


class ActionInfo(Struct, frozen=True, kw_only=True):
    """What an app can be had to do."""

    id: str
    label: str
    takes: str
    """What is typed behind it; empty for nothing."""
    confirm: str
    """What the owner is asked first; empty for nothing."""


class Actions(Answer, frozen=True, kw_only=True):
    """What an installed app can be had to do."""

    name: str
    actions: tuple[ActionInfo, ...]


class AppDetails(Answer, frozen=True, kw_only=True):
    """All that an owner may want to know before an app is installed."""

    app: AppInfo
    description: str
    license: str
    links: dict[str, str]
    arch: tuple[str, ...]
    memory: int | None
    disk: int | None
    https: bool
    services: dict[str, str]
    """Each with its image."""
    options: tuple[OptionInfo, ...]
    actions: tuple[ActionInfo, ...]
    file: str
    icon: str
    """An SVG; empty without one."""


class Drafted(Answer, frozen=True, kw_only=True):
    """A manifest that was made of what others say of an app."""

    app: str
    file: str
    """Where it was written; empty if it was not."""
    text: str
    notes: tuple[str, ...]
    """What its owner should look at; the manifest begins with them."""


class Installation(Struct, frozen=True, kw_only=True):
    """An installed app."""

    name: str
    app: str
    version: str
    revision: int
    source: str
    """The source that its manifest comes from; empty for Beacon's and the owner's."""
    newest: int | None
    """The revision of the catalog; None if the app is there no more."""
    services: tuple[str, ...]
    url: str
    answers: dict[str, str]
    """What its owner said, and what was chosen."""
    changing: bool = False
    """Whether it is being changed, or its change was cut off."""


class Installations(Answer, frozen=True, kw_only=True):
    """Installed apps."""

    installed: tuple[Installation, ...]


class AppServices(Answer, frozen=True, kw_only=True):
    """The services of an installed app, each after those that it needs."""

    name: str
    services: tuple[str, ...]


class AppChanged(Answer, frozen=True, kw_only=True):
    """What became of an app that was installed, changed, updated or removed."""

    name: str
    outcomes: tuple[OutcomeInfo, ...]
    installation: Installation | None = None
    """None if it is gone, or did not come."""
    login: str = ""
    password: str = ""
    text: str = ""
    kept: tuple[str, ...] = ()
    """Volumes and secrets that stay."""


class SourceInfo(Struct, frozen=True, kw_only=True):
    """A source of apps."""

    name: str
    kind: str
    """directory, git or archive; empty if its file is faulty."""
    location: str
    revision: str
    """The commit, or the checksum of the archive."""
    fetched: datetime | None
    apps: tuple[str, ...]
    fault: str = ""


class SourceList(Answer, frozen=True, kw_only=True):
    """Sources of apps, in the order in which they are looked into."""

    sources: tuple[SourceInfo, ...]
