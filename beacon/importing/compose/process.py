"""The image and the process that runs in it: command, user, environment, labels, confinement."""

from __future__ import annotations

from beacon.definition.grammar import quantities, strings, values
from beacon.importing.compose.context import Context
from beacon.importing.compose.network import has_names
from beacon.importing.compose.reading.dotenv import parse_env, parse_plain_env
from beacon.importing.compose.reading.shellwords import split_words
from beacon.importing.draft import Draft
from beacon.importing.node import Item
from beacon.model.notice import plural
from beacon.model.reference import DOCKER_HUB, ImageReference


def image(item: Item, draft: Draft, context: Context) -> None:
    """Read ``image``; names without a registry are Docker Hub's, as docker has it."""
    del context
    text = item.text()
    if text is None:
        return
    try:
        draft.image = qualified(text)
    except ValueError as fault:
        item.fault(str(fault))


def qualified(text: str) -> ImageReference:
    """Return the image that docker would run by the name *text*."""
    try:
        return ImageReference.parse(text)
    except ValueError:
        if text.startswith("sha256:"):
            raise
    first = text.partition("/")[0]
    hub = DOCKER_HUB if "/" in text else f"{DOCKER_HUB}/library"
    if "/" in text and ("." in first or ":" in first):
        return ImageReference.parse(text)
    return ImageReference.parse(f"{hub}/{text}")


def platform(item: Item, draft: Draft, context: Context) -> None:
    """Read ``platform``."""
    del context
    draft.platform = item.read(lambda text: values.platform(_whole_platform(text)))


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def _whole_platform(value: object) -> str:
    """Return a platform as docker takes it: of Linux if it names an architecture alone, by either name."""
    text = strings.word(value)
    system, slash, rest = text.partition("/") if "/" in text or text == "linux" else ("linux", "/", text)
    architecture, variant, more = rest.partition("/")
    return f"{system}{slash}{_ARCHITECTURES.get(architecture, architecture)}{variant}{more}"


def build(item: Item, draft: Draft, context: Context) -> None:
    """Say that Beacon builds nothing."""
    del context
    instead = f" ({draft.image})" if draft.image is not None else ""
    item.drop(f"Beacon runs images{instead}; build it and push it")


def container_name(item: Item, draft: Draft, context: Context) -> None:
    """Read ``container_name``: a name on the service's networks."""
    del context
    name = item.text()
    if name is None:
        return
    if name not in {draft.name, f"beacon-{draft.name}"} and has_names(draft):
        draft.aliases.append(name)
        item.change(f"Beacon names containers beacon-{draft.name}; {name} stays its name on its networks")
    else:
        item.change(f"Beacon names containers beacon-{draft.name}")


def command(item: Item, draft: Draft, context: Context) -> None:
    """Read ``command``."""
    del context
    if not item.is_null:
        draft.command = _words(item) or None  # of nothing, engines make the command of the image


def entrypoint(item: Item, draft: Draft, context: Context) -> None:
    """Read ``entrypoint``."""
    del context
    if not item.is_null:
        draft.entrypoint = _words(item)


def _words(item: Item) -> tuple[str, ...] | None:
    """Return the words of a command; of a line, as compose splits it."""
    if isinstance(item.value, list):
        found = [entry.text() for entry in item.each()]
        return tuple(word for word in found if word is not None)
    text = item.text()
    if text is None:
        return None
    try:
        words, rest = split_words(text)
    except ValueError as fault:
        item.fault(str(fault))
        return None
    if rest:
        item.change(
            f"cut off before {strings.shown(rest)}, as docker compose does: no shell runs it. "
            "For one: [sh, -c, LINE]"
        )
    return words


def user(item: Item, draft: Draft, context: Context) -> None:
    """Read ``user``; of variables that are set nowhere, a colon is left."""
    del context
    text = item.text()
    if not text:
        return
    name, colon, group = text.partition(":")
    if colon and not (name and group):
        text = f"{name or '0'}:{group}" if group else name
        item.change(f"as engines have it, that is {text or 'the user of the image'}")
    if text:
        draft.user = item.read(lambda _: values.user(text))


def groups(item: Item, draft: Draft, context: Context) -> None:
    """Read ``group_add``."""
    del context
    draft.groups += [group for entry in item.each() if (group := entry.read(values.user)) is not None]


def userns(item: Item, draft: Draft, context: Context) -> None:
    """Read ``userns_mode``."""
    del context
    pattern = values.pattern(r"[a-z][A-Za-z0-9:=,@#+-]*", "a user namespace such as host")
    draft.userns = item.read(pattern)


def workdir(item: Item, draft: Draft, context: Context) -> None:
    """Read ``working_dir``."""
    del context
    draft.workdir = item.read(strings.absolute_path)


def hostname(item: Item, draft: Draft, context: Context) -> None:
    """Read ``hostname``."""
    del context
    text = item.text()
    if text is None:
        return
    try:
        draft.hostname = values.hostname(text)
    except ValueError:
        item.drop(f"{text!r} is no host name; the engine chooses one")


def init(item: Item, draft: Draft, context: Context) -> None:
    """Read ``init``."""
    del context
    draft.init = item.boolean()


def read_only(item: Item, draft: Draft, context: Context) -> None:
    """Read ``read_only``."""
    del context
    draft.read_only = item.boolean()


def env_file(item: Item, draft: Draft, context: Context) -> None:
    """Read ``env_file``: the engine reads files itself, unless only compose would understand one."""
    entries = [item] if isinstance(item.value, str | dict) else list(item.each())
    files: list[tuple[Item, str, dict[str, str], bool]] = []
    for entry in entries:
        found = _env_file(entry, context)
        if found is not None:
            files.append((entry, *found))
    if all(plain for _, _, _, plain in files):
        draft.env_files += [path for _, path, _, _ in files]
        return
    for entry, path, variables, plain in files:
        draft.env |= variables
        why = "another of its files has" if plain else "it has"
        entry.change(
            f"{why} quotes or variables, which Podman takes as they are: {path} is written into [env]"
        )


def _env_file(item: Item, context: Context) -> tuple[str, dict[str, str], bool] | None:
    """Return the path of a file, its variables, and whether Podman would read the same."""
    fields = item.fields() if isinstance(item.value, dict) else {}
    item.require(fields, "path", "required", "format")
    path = (fields["path"].text() if "path" in fields else None) if fields else item.text()
    if path is None:
        item.fault("must name a file: {path: FILE}")
        return None
    if "required" in fields and not fields["required"].boolean() and not context.source.exists(path):
        item.drop(f"there is no {path}, which is not required; Podman wants it to be there")
        return None
    text = context.source.text(path, item.node.place, item.key, item.log)
    if text is None:
        return None
    plain = parse_plain_env(text, {})
    if "format" in fields and fields["format"].text() == "raw":
        return path, plain, True
    try:
        variables = parse_env(text, context.project.variables)
    except ValueError as fault:
        item.fault(f"must name a file of variables: {path}: {fault}")
        return None
    return path, variables, variables == plain


def environment(item: Item, draft: Draft, context: Context) -> None:
    """Read ``environment``; a variable without a value is the environment's."""
    passed: list[str] = []
    missing: list[str] = []
    for name, entry in item.pairs().items():
        if name in context.project.variables and entry.is_null:
            passed.append(name)
            text: str | None = context.project.variables[name]
        elif entry.is_null:
            missing += [name] if name not in draft.env else []
            continue
        else:
            text = entry.text()
        if text is not None:
            _variable(entry, name, text, draft)
    if passed:
        item.change(f"{_counted(passed)} passed through, with what is set now written into [env]")
    if missing:
        item.drop(f"{_counted(missing)} passed through, and set nowhere")


def _counted(names: list[str]) -> str:
    """Return how many variables there are, and the first of them."""
    first = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return f"{plural(len(names), 'variable')} ({first}) {'is' if len(names) == 1 else 'are'}"


_SHOWN = 3


def _variable(item: Item, name: str, text: str, draft: Draft) -> None:
    try:
        draft.env[strings.env_name(name)] = text
    except ValueError as fault:
        if not name or any(sign in name for sign in " =\t\n"):
            item.fault(str(fault))
            return
        draft.args.append(f"--env={name}={text}")
        item.note_raw(f"--env={name}=…")


def labels(item: Item, draft: Draft, context: Context) -> None:
    """Read ``labels``."""
    del context
    for name, entry in item.pairs().items():
        if name.startswith(values.RESERVED_LABELS):
            entry.drop(f"{values.RESERVED_LABELS}* is Beacon's own")
            continue
        text = "" if entry.is_null else entry.text()
        try:
            draft.labels[values.label_name(name)] = text or ""
        except ValueError as fault:
            entry.fault(str(fault))
    _note_readers(item, draft)


def _note_readers(item: Item, draft: Draft) -> None:
    """Say what programs that read labels need now."""
    readers = {
        "traefik.": "Traefik",
        "caddy": "caddy-docker-proxy",
        "com.centurylinklabs.watchtower": "Watchtower",
    }
    for prefix, reader in readers.items():
        if any(name.startswith(prefix) for name in draft.labels):
            text = f"carried; {reader} sees them where it reads Podman's socket"
            item.change(
                text if reader != "Watchtower" else "carried, without effect: Beacon updates: [update]"
            )


def label_file(item: Item, draft: Draft, context: Context) -> None:
    """Read ``label_file``: its labels become the service's."""
    for entry in item.one_or_each():
        path = entry.text()
        text = None if path is None else context.source.text(path, entry.node.place, entry.key, entry.log)
        if text is None:
            continue
        try:
            found = parse_plain_env(text, {})
            draft.labels |= {values.label_name(name): value for name, value in found.items()}
        except ValueError as fault:
            entry.fault(f"{path}: {fault}")
        else:
            entry.change(f"the labels of {path} are written into [labels]")


def cap_add(item: Item, draft: Draft, context: Context) -> None:
    """Read ``cap_add``."""
    del context
    draft.cap_add += [name for entry in item.each() if (name := entry.read(strings.capability)) is not None]


def cap_drop(item: Item, draft: Draft, context: Context) -> None:
    """Read ``cap_drop``."""
    del context
    draft.cap_drop += [name for entry in item.each() if (name := entry.read(strings.capability)) is not None]


def devices(item: Item, draft: Draft, context: Context) -> None:
    """Read ``devices``."""
    del context
    for entry in item.each():
        if isinstance(entry.value, dict):
            fields = entry.fields()
            entry.require(fields, "source", "target", "permissions")
            parts = [fields[key].text() or "" for key in ("source", "target", "permissions") if key in fields]
            text = ":".join(parts)
        else:
            text = entry.text() or ""
        device = entry.read(lambda _, text=text: values.device(text))  # type: ignore[misc]
        if device is not None:
            draft.devices.append(device)


def dns(item: Item, draft: Draft, context: Context) -> None:
    """Read ``dns``."""
    del context
    draft.dns += [
        address for entry in item.one_or_each() if (address := entry.read(strings.address)) is not None
    ]


def sysctls(item: Item, draft: Draft, context: Context) -> None:
    """Read ``sysctls``."""
    del context
    for name, entry in item.pairs().items():
        value = entry.read(values.sysctl)
        if value is not None:
            draft.sysctls[name] = value


def ulimits(item: Item, draft: Draft, context: Context) -> None:
    """Read ``ulimits``: a number, or soft and hard."""
    del context
    for name, entry in item.fields().items():
        if entry.read(lambda _, name=name: values.ulimit_name(name)) is None:  # type: ignore[misc]
            continue
        if isinstance(entry.value, dict):
            fields = entry.fields()
            entry.require(fields, "soft", "hard")
            soft, hard = (fields[key].text() if key in fields else None for key in ("soft", "hard"))
            if soft is None or hard is None:
                entry.fault("must have soft and hard")
                continue
            text = "-1" if soft == hard == "-1" else f"{soft}:{hard}"
        else:
            text = entry.text() or ""
        limit = entry.read(lambda _, text=text: values.ulimit(text))  # type: ignore[misc]
        if limit is not None:
            draft.ulimits[name] = limit


def shm_size(item: Item, draft: Draft, context: Context) -> None:
    """Read ``shm_size``."""
    del context
    draft.shm_size = item.read(quantities.size)


def security_opt(item: Item, draft: Draft, context: Context) -> None:
    """Read ``security_opt``; what is not no-new-privileges is Podman's."""
    for entry in item.each():
        text = (entry.text() or "").replace(":", "=", 1)
        if text in {"no-new-privileges", "no-new-privileges=true"}:
            draft.no_new_privileges = True
        elif text == "no-new-privileges=false":
            draft.no_new_privileges = False
        elif text:
            sort, equals, value = text.partition("=")
            if sort == "seccomp" and equals and value not in {"unconfined", "builtin"}:
                text = f"seccomp={context.source.absolute(value, context.project.folder)}"
            draft.args.append(f"--security-opt={text}")
            entry.note_raw(f"--security-opt={text}")
