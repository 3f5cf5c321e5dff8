# ruff: noqa: INP001 (a script of the build, not a module)
"""Write completions for bash, zsh and fish into a folder, from the command line's own description of itself.

They are static: a TAB starts no Python. Names of services and of installed apps are those of files.
Run at package build and by install.sh: ``python3 packaging/completions.py build/completions``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer.main
from typer.core import TyperArgument, TyperGroup, TyperOption

from beacon.cli.app import command_line

FOLDERS = ("/etc/beacon", "~/.config/beacon")
"""Where there is a folder of files for the names of each kind: services, and apps."""


@dataclass(frozen=True)
class Option:
    """An option: all of its names, what it says of itself, and what its value is."""

    names: tuple[str, ...]
    help: str
    takes_value: bool
    takes_folder: bool


@dataclass(frozen=True)
class Verb:
    """A verb: what names it wants, and its options; of one in a group the name has two words."""

    name: str
    help: str
    kind: str
    """services or apps; empty if it wants no such names."""
    options: tuple[Option, ...]


def read_verbs() -> tuple[tuple[Option, ...], tuple[Verb, ...]]:
    """Return the options of the whole command line, and its verbs."""
    group = typer.main.get_command(command_line())
    if not isinstance(group, TyperGroup):
        raise TypeError("the command line has no verbs")
    return _options(group.params), tuple(_verbs(group))


def _verbs(group: TyperGroup, prefix: str = "") -> Iterator[Verb]:
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        yield Verb(
            name=f"{prefix}{name}",
            help=_sentence(command.get_short_help_str(limit=200)),
            kind=_kind(f"{prefix}{name}", command.params),
            options=_options(command.params),
        )
        if isinstance(command, TyperGroup):
            yield from _verbs(command, f"{name} ")


def _first(verbs: Iterable[Verb]) -> tuple[Verb, ...]:
    """Return the verbs and groups that stand right behind the command."""
    return tuple(verb for verb in verbs if " " not in verb.name)


def _inner(verbs: Iterable[Verb], group: str) -> tuple[Verb, ...]:
    """Return the verbs of a group; none where *group* is a verb itself."""
    return tuple(verb for verb in verbs if verb.name.startswith(f"{group} "))


def _last_word(verb: Verb) -> str:
    return verb.name.rpartition(" ")[2]


def _options(parameters: Iterable[object]) -> tuple[Option, ...]:
    help_option = Option(("--help", "-h"), "Show help and exit", takes_value=False, takes_folder=False)
    found = [
        Option(
            names=(*parameter.opts, *parameter.secondary_opts),
            help=_sentence(parameter.help or ""),
            takes_value=not parameter.is_flag,
            takes_folder=parameter.metavar == "DIR",
        )
        for parameter in parameters
        if isinstance(parameter, TyperOption) and not parameter.hidden
    ]
    return (*found, help_option)


def _kind(verb: str, parameters: Iterable[object]) -> str:
    arguments = {parameter.name for parameter in parameters if isinstance(parameter, TyperArgument)}
    if verb == "add" or not arguments & {"name", "names", "domain", "domains"}:
        return ""
    return "apps" if verb.startswith("app ") else "services"


def _sentence(text: str) -> str:
    """Return the first sentence, without what a shell could misread."""
    first = text.partition(". ")[0].rstrip(".").replace("\n", " ")
    return "".join(character for character in first if character not in "'\"`$\\[]")


def bash(common: tuple[Option, ...], verbs: tuple[Verb, ...]) -> str:
    """Return the script for bash."""
    cases = "".join(_bash_case(verb, common, _inner(verbs, verb.name)) for verb in verbs)
    groups = " ".join(verb.name for verb in verbs if _inner(verbs, verb.name))
    everywhere = " ".join(name for option in common for name in option.names)
    return f"""\
# bash completion for beacon(1); made by packaging/completions.py
_beacon() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous= verb= word named= options= valued= folders= inner=
    [ "$COMP_CWORD" -gt 0 ] && previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    COMPREPLY=()
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in
            -*) ;;
            *) verb=${{verb:+$verb }}$word
               case " {groups} " in *" $verb "*) ;; *) break ;; esac ;;
        esac
    done
    case $verb in
{cases}        "")
            case $current in
                -*) options="{everywhere}" ;;
                *) options="{" ".join(verb.name for verb in _first(verbs))}" ;;
            esac ;;
    esac
    case " $folders " in *" $previous "*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        return ;;
    esac
    case " $valued " in *" $previous "*) return ;; esac
    case $current in
        -*) ;;
        *) [ -n "$verb" ] && options=$inner
           if [ -n "$named" ]; then
               for word in {" ".join(f"{folder}/$named/*.toml" for folder in FOLDERS)}; do
                   [ -e "$word" ] && word=${{word##*/}} && options+=" ${{word%.toml}}"
               done
           fi ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}}
complete -F _beacon beacon
"""


def _bash_case(verb: Verb, common: tuple[Option, ...], inner: tuple[Verb, ...]) -> str:
    shared = [name for option in common for name in option.names if name not in {"--version", "--help", "-h"}]
    names = [name for option in verb.options for name in option.names] + shared
    valued = [name for option in verb.options if option.takes_value for name in option.names]
    folders = [name for option in verb.options if option.takes_folder for name in option.names]
    return (
        f'        "{verb.name}")\n'
        f'            options="{" ".join(names)}" valued="{" ".join(valued)}" folders="{" ".join(folders)}"\n'
        f'            inner="{" ".join(map(_last_word, inner))}"\n'
        f"            named={verb.kind} ;;\n"
    )


def zsh(common: tuple[Option, ...], verbs: tuple[Verb, ...]) -> str:
    """Return the script for zsh."""
    described = "\n".join(_zsh_described(verb) for verb in _first(verbs))
    cases = "\n".join(
        _zsh_group(verb, _inner(verbs, verb.name), common)
        if _inner(verbs, verb.name)
        else _zsh_case(verb.name, verb, common)
        for verb in _first(verbs)
    )
    return f"""\
#compdef beacon
# zsh completion for beacon(1); made by packaging/completions.py
_beacon_named() {{
    local -a names
    names=({" ".join(f"{folder}/$1/*.toml(N:t:r)" for folder in FOLDERS)})
    _describe ${{1%s}} names
}}

_beacon() {{
    local curcontext=$curcontext state line
    local -a verbs
    verbs=(
{described}
    )
    _arguments -C \\
{_zsh_options(common)}
        '1:verb:->verb' '*::argument:->argument'
    case $state in
        verb) _describe 'verb' verbs ;;
        argument)
            case $line[1] in
{cases}
            esac ;;
    esac
}}

_beacon "$@"
"""


def _zsh_described(verb: Verb) -> str:
    return f"        '{_last_word(verb)}:{verb.help.replace(':', ' -')}'"


def _zsh_group(group: Verb, inner: tuple[Verb, ...], common: tuple[Option, ...]) -> str:
    """Return the case of a group: its first argument is a verb, and the rest is that verb's."""
    described = "\n".join(_zsh_described(verb) for verb in inner)
    cases = "\n".join(_zsh_case(_last_word(verb), verb, common) for verb in inner)
    return f"""\
                {group.name})
                    verbs=(
{described}
                    )
                    _arguments -C '1:verb:->verb' '*::argument:->argument'
                    case $state in
                        verb) _describe 'verb' verbs ;;
                        argument)
                            case $line[1] in
{cases}
                            esac ;;
                    esac ;;"""


def _zsh_case(word: str, verb: Verb, common: tuple[Option, ...]) -> str:
    shared = tuple(option for option in common if not {"--version", "--help"} & set(option.names))
    named = f" '*:{verb.kind.removesuffix('s')}:_beacon_named {verb.kind}'" if verb.kind else ""
    return (
        f"                {word}) _arguments \\\n{_zsh_options((*verb.options, *shared))}\n"
        f"                   {named} ;;"
    )


def _zsh_options(options: tuple[Option, ...]) -> str:
    lines = []
    for option in options:
        value = ":folder:_files -/" if option.takes_folder else ":value:" if option.takes_value else ""
        repeat = "*" if option.takes_value else ""
        lines += [f"        '{repeat}{name}[{option.help}]{value}' \\" for name in option.names]
    return "\n".join(lines)


def fish(common: tuple[Option, ...], verbs: tuple[Verb, ...]) -> str:
    """Return the script for fish."""
    names = " ".join(verb.name for verb in _first(verbs))
    lines = [
        "# fish completion for beacon(1); made by packaging/completions.py",
        "function __beacon_named",
        f"    for file in {' '.join(f'{folder}/$argv[1]/*.toml' for folder in FOLDERS)}",
        "        string replace -r '.*/(.*)\\.toml$' '$1' $file",
        "    end",
        "end",
        "complete -c beacon -f",
    ]
    lines += [_fish_option("", option) for option in common]
    for verb in verbs:
        group, space, word = verb.name.rpartition(" ")
        others = " ".join(map(_last_word, _inner(verbs, group))) if space else names
        within = f"__fish_seen_subcommand_from {group}; and " if space else ""
        unseen = f"-n '{within}not __fish_seen_subcommand_from {others}' "
        lines.append(f"complete -c beacon {unseen}-a {word} -d '{verb.help}'")
        seen = f"-n '{within}__fish_seen_subcommand_from {word}' "
        if verb.kind:
            lines.append(f"complete -c beacon {seen}-a '(__beacon_named {verb.kind})'")
        lines += [_fish_option(seen, option) for option in verb.options if "--help" not in option.names]
    return "\n".join(lines) + "\n"


def _fish_option(seen: str, option: Option) -> str:
    names = " ".join(
        f"-l {name.removeprefix('--')}" if name.startswith("--") else f"-s {name[1:]}"
        for name in option.names
    )
    value = " -x -a '(__fish_complete_directories)'" if option.takes_folder else " -x"
    return f"complete -c beacon {seen}{names}{value if option.takes_value else ''} -d '{option.help}'"


def main(folder: Path) -> None:
    """Write all three."""
    common, verbs = read_verbs()
    for path, make in (("bash/beacon", bash), ("zsh/_beacon", zsh), ("fish/beacon.fish", fish)):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(make(common, verbs), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
