"""The words of a call before they are parsed: options that may stand anywhere, and verbs that are none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from itertools import takewhile

from beacon.errors import UsageError

_ANYWHERE = {"--user", "--system", "-q", "--quiet", "--no-color"}
"""Options of the whole command, which people put behind the verb as well, as with systemctl."""
OTHER_USER = "--user="
_ANSWER = "--json"
"""An option of verbs, which people put before them, too."""

_HANDS_ON = {"exec": 2, "app do": 4}
"""Verbs that hand all words on behind so many, of which the first are their own."""

_ELSEWHERE: Mapping[str, str] = {
    "delete": "rm",
    "help": "--help",
    "install": "add",
    "list": "status",
    "ls": "status",
    "ps": "status",
    "pull": "update",
    "remove": "rm",
    "run": "add",
    "uninstall": "rm",
    "upgrade": "update",
    "version": "--version",
}
"""What other programs call the verbs."""


def hoist(arguments: Sequence[str]) -> list[str]:
    """Return *arguments* with the options of the whole command before the verb, and those of verbs behind."""
    cut = min(arguments.index("--") if "--" in arguments else len(arguments), _end(arguments))
    head, tail = arguments[:cut], arguments[cut:]
    front = [word for word in head if _is_anywhere(word)]
    rest = [word for word in head if not _is_anywhere(word)]
    before = next((at for at, word in enumerate(rest) if not word.startswith("-")), len(rest))
    if before < len(rest) and _ANSWER in rest[:before] and rest[before] != "exec":
        rest = [*(word for word in rest[:before] if word != _ANSWER), *rest[before:], _ANSWER]
    return [*front, *rest, *tail]


def _end(arguments: Sequence[str]) -> int:
    """Return where the words end that are Beacon's; what is behind them is another command's."""
    words = [at for at, word in enumerate(arguments) if not word.startswith("-")]
    typed = [arguments[at] for at in words]
    count = next((many for verb, many in _HANDS_ON.items() if typed[: len(verb.split())] == verb.split()), 0)
    return words[count - 1] + 1 if 0 < count <= len(words) else len(arguments)


def other_user(arguments: Sequence[str]) -> str | None:
    """Return whose services *arguments* ask for, which have been hoisted; None if they do not say."""
    front = takewhile(lambda word: word.startswith("-"), arguments)
    return next((word.removeprefix(OTHER_USER) for word in front if word.startswith(OTHER_USER)), None)


def _is_anywhere(word: str) -> bool:
    return word in _ANYWHERE or word.startswith(OTHER_USER)


def require_verb(arguments: Sequence[str], verbs: Collection[str]) -> None:
    """Raise UsageError where *arguments* begin with a word that is none of *verbs* (``endpoint list``)."""
    called = [word for word in arguments if not word.startswith("-")]
    group = next(
        (f"{word} " for word in called[:1] if any(verb.startswith(f"{word} ") for verb in verbs)), ""
    )
    typed = " ".join(called[: 2 if group else 1])
    if typed in {"", group.strip(), *verbs}:
        return
    if "--user" in arguments[: arguments.index(called[0])][-1:]:
        hint = f"services of a user: beacon {OTHER_USER}{typed} …"
    elif meant := _meant(typed, verbs):
        hint = f"did you mean 'beacon {meant}'?"
    else:
        hint = f"beacon {group}--help shows them all"
    raise UsageError(f"there is no verb {typed!r}", hint=hint)


def _meant(typed: str, verbs: Collection[str]) -> str:
    """Return the verb that may have been meant; empty where none is near."""
    group, last = typed[: typed.find(" ") + 1], typed.rpartition(" ")[2]
    known = {verb.removeprefix(group): verb for verb in verbs if verb.startswith(group)}
    swapped = (word for word in known if sorted(word) == sorted(last))
    near = next(swapped, "") or next(iter(get_close_matches(last, known, n=1)), "")
    alone = next((verb for verb in verbs if verb.endswith(f" {last}")), "")  # typed without its group
    return _ELSEWHERE.get(typed, "") or known.get(near, "") or alone
