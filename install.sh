#!/bin/bash
# Install Beacon on this machine, or take it away again; ./install.sh --help says how.
# Run again at any time, it changes what is not as it should be, and nothing else.
set -euo pipefail

# What commands say is read here, and some say it in the language of the machine: apt-cache policy does. Older C
# libraries heed LANGUAGE even where the locale is C.UTF-8.
export LC_ALL=C.UTF-8
unset LANGUAGE
# Users run beacon too, and apt's own reads the package; root's umask may keep both from what is put there.
umask 022

readonly VENV=/opt/beacon
readonly MANIFEST=$VENV/installed-files
readonly LOCAL=/usr/local
readonly EX_UNAVAILABLE=69 EX_NOPERM=77

usage() {
    cat <<'END'
usage: sudo ./install.sh [--mode solo|fleet] [--venv [--offline]] [--dry-run] [PACKAGE.deb]
       sudo ./install.sh --uninstall [--purge] [--dry-run]

  --mode solo   one machine on its own (the default); fleet is not there yet
  --venv        install into /opt/beacon although the Debian package could be used
  --offline     with --venv: use the Python packages of the system, fetch nothing
  --uninstall   take away what was put there; services keep running, definitions and data stay
  --purge       with --uninstall: forget releases, history and quarantine too
  --dry-run     say what would be done, and stop
  PACKAGE.deb   install this package; the default is to build it from this checkout
END
}

say() { printf '%s\n' "$*"; }
fail() { # STATUS MESSAGE [WHAT-TO-DO...]
    local status=$1
    printf 'install.sh: %s\n' "$2" >&2
    shift 2
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit "$status"
}

mode=solo action=install
purge='' venv='' offline='' dry_run='' package=''
while [ $# -gt 0 ]; do
    case $1 in
    --mode) [ $# -gt 1 ] || fail 2 "--mode wants solo or fleet" && mode=$2 && shift ;;
    --mode=*) mode=${1#--mode=} ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --venv) venv=yes ;;
    --offline) offline=yes ;;
    --dry-run) dry_run=yes ;;
    -h | --help) usage && exit ;;
    *.deb)
        [ -f "$1" ] || fail 2 "there is no package $1"
        package=$(readlink -f "$1")
        ;;
    *) usage >&2 && fail 2 "cannot understand $1" ;;
    esac
    shift
done
case $mode in
solo) ;;
fleet) fail $EX_UNAVAILABLE "--mode fleet is not there yet: this version manages one machine" \
    "sudo ./install.sh --mode solo   installs it for this machine alone" ;;
*) fail 2 "--mode is solo or fleet, not $mode" ;;
esac
[ -z "$purge" ] || [ "$action" = uninstall ] || fail 2 "--purge goes with --uninstall"
[ -z "$offline" ] || [ -n "$venv" ] || fail 2 "--offline goes with --venv"
[ -z "$package" ] || [ -z "$venv" ] || fail 2 "a package and --venv exclude each other"

tree=
if [ -f "${BASH_SOURCE[0]:-}" ]; then
    tree=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
    [ -f "$tree/packaging/build-deb.sh" ] && [ -d "$tree/beacon" ] || tree=
fi

# What a failure leaves

scratch=''   # a folder that goes in any case
half_made='' # one that goes where there is a failure
if_failed='' # what there is to know then
at_end() {
    local status=$?
    [ -z "$scratch" ] || rm -rf "$scratch"
    [ "$status" -ne 0 ] || return 0
    [ -z "$half_made" ] || rm -rf "$half_made"
    [ -z "$if_failed" ] || printf 'install.sh: %s\n' "$if_failed" >&2
}
trap at_end EXIT

# What this machine is

is_booted_with_systemd() { [ -d /run/systemd/system ]; }
has() { command -v "$1" >/dev/null; }
package_status() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null || true; }
is_package_installed() { has dpkg-query && [ "$(package_status "$1")" = installed ]; }
is_package_purgeable() { has dpkg-query && [ "$(package_status "$1")" = config-files ]; } # removed, not purged
is_venv_installed() { [ -f "$MANIFEST" ]; }

has_candidate() { # PACKAGE VERSION: Debian has it installed or on offer, new enough
    local candidate
    candidate=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p')
    [ -n "$candidate" ] && [ "$candidate" != "(none)" ] && dpkg --compare-versions "$candidate" ge "$2"
}

# Debian 13's versions; derivatives that have them as well are as good.
can_use_package() {
    has apt-get && has dpkg || return 1
    local need
    for need in "podman 4.4" "systemd 252" "python3-typer 0.15" "python3-pydantic 2.10" "python3-msgspec 0.19" \
        "python3-pystemd 0.13" "python3-requests 2.32" "python3-rich 13.9" "catatonit 0"; do
        # shellcheck disable=SC2086 # name and version
        has_candidate $need || return 1
    done
}

find_python() { # a Python that Beacon runs on
    local python
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if has "$python" && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$python" && return
        fi
    done
    return 1
}

is_new_enough() { # COMMAND VERSION: it says that it is VERSION or newer
    local version
    version=$("$1" --version 2>/dev/null | sed -n '1s/.*version \([0-9.]*\).*/\1/p') || return 1
    [ -n "$version" ] && [ "$(printf '%s\n' "$2" "$version" | sort -V | head -n1)" = "$2" ]
}

how_to_get_podman() {
    local id=
    # shellcheck disable=SC1091 # of the machine
    id=$(. /etc/os-release 2>/dev/null && echo "${ID_LIKE:-} ${ID:-}") || true
    case $id in
    *debian* | *ubuntu*) echo "apt-get install podman   (4.3 or newer: Debian 12, Ubuntu 24.04)" ;;
    *fedora* | *rhel*) echo "dnf install podman" ;;
    *suse*) echo "zypper install podman" ;;
    *arch*) echo "pacman -S podman" ;;
    *) echo "see https://podman.io/docs/installation" ;;
    esac
}

# With the package

missing_packages() { # those of the list on stdin that are not installed
    local name
    while read -r name; do
        is_package_installed "$name" || echo "$name"
    done
}

apt_get() { # without questions: files in /etc that the owner has changed stay as they are
    DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 --option=Dpkg::Use-Pty=0 \
        --option=Dpkg::Options::=--force-confdef --option=Dpkg::Options::=--force-confold "$@"
}

install_needs() { # PACKAGE...
    [ $# -gt 0 ] || return 0
    apt_get update || say "apt-get update failed; going on with the lists that are there"
    apt_get install --yes --no-install-recommends "$@" >/dev/null
}

install_package() {
    local built missing=
    if [ -z "$package" ]; then
        built=$("$tree/packaging/build-deb.sh" --built || true)
        if [ -z "$built" ]; then
            missing=$("$tree/packaging/build-deb.sh" --needs | missing_packages | xargs)
        fi
    fi
    say "Beacon will be installed on this machine as a Debian package:"
    if [ -n "$missing" ]; then
        say "  - what building the package needs is installed: $missing"
    fi
    if [ -n "$package" ]; then
        say "  - $package is installed with apt, with what it depends on (Podman among it)"
    elif [ -n "$built" ]; then
        say "  - $built, which was built from this checkout, is installed with apt, with what it depends on"
    else
        say "  - the package is built from this checkout, and installed with apt, with what it depends on"
    fi
    if is_venv_installed; then
        say "  - before that, what an earlier run put in $VENV is taken away; services keep running"
        if_failed="nothing was replaced: what is in $VENV goes on working"
    fi
    say "  - beacon-update.timer is enabled and started; no service of yours is started or restarted"
    [ -z "$dry_run" ] || exit 0
    say

    # shellcheck disable=SC2086 # names of packages
    install_needs $missing
    # shellcheck disable=SC2086 # the same: `apt autoremove` takes them away again
    [ -z "$missing" ] || apt-mark auto $missing >/dev/null
    if [ -z "$package" ]; then
        package=${built:-$("$tree/packaging/build-deb.sh" --here)}
    fi
    # Readable for apt's own user, who may not look into the home of root.
    scratch=$(mktemp -d)
    chmod 755 "$scratch"
    cp "$package" "$scratch/"
    local apt_install=(apt_get install --yes --reinstall --allow-downgrades)
    if is_venv_installed; then
        # What apt cannot have, it says while there is something that works.
        "${apt_install[@]}" --download-only "$scratch/${package##*/}" >/dev/null
        note_publishing
        remove_venv
    fi
    "${apt_install[@]}" "$scratch/${package##*/}"
    resume_publishing
}

remove_package() {
    if [ -n "$purge" ]; then
        apt_get purge --yes beacon
    else
        apt_get remove --yes beacon
    fi
}

# Without it

put() { # FILE PLACE: copy, and remember that it is ours
    note_folders "$2"
    install -D --mode=644 "$1" "$2"
    echo "$2" >>"$MANIFEST.new"
}

note_folders() { # PLACE: the folders above it that are missing will be ours; their names end with a slash
    local folder
    folder=$(dirname "$1")
    while [ ! -d "$folder" ]; do
        echo "$folder/" >>"$MANIFEST.new"
        folder=$(dirname "$folder")
    done
}

check_venv() {
    [ -n "$tree" ] || fail 2 "this is not run from a checkout of Beacon" "get one, and run its install.sh"
    is_new_enough podman 4.3 || is_new_enough docker 20.10 ||
        fail 1 "Beacon needs Podman 4.3 or newer, or docker 20.10 or newer, and this machine has neither" \
            "$(how_to_get_podman)" "then run this again"
    python=$(find_python) || fail 1 "Python 3.11 or newer is not installed" "install it, then run this again"
    if [ -n "$offline" ]; then
        local modules='hatchling.build, installer, jinja2, msgspec, pydantic, pystemd, requests, rich, tomli_w, typer'
        "$python" -c "import $modules" 2>/dev/null ||
            fail 1 "--offline needs the system's own Python packages, and not all are there" \
                "it imports $modules"
    elif has apt-get; then
        # PyPI has pystemd as source only; units with an init process need catatonit, which Podman only recommends.
        missing=$(printf '%s\n' catatonit gcc libsystemd-dev pkg-config python3-dev python3-venv |
            missing_packages | xargs)
    elif ! "$python" -c 'import ensurepip' 2>/dev/null; then
        fail 1 "Python's venv module cannot install pip here" "install Python's ensurepip, then run this again"
    elif ! has gcc || ! pkg-config --exists libsystemd 2>/dev/null; then
        fail 1 "pystemd, which PyPI has as source only, cannot be built here" \
            "install gcc, pkg-config and the headers of Python and systemd (python3-devel, systemd-devel)"
    fi
}

install_venv() {
    local missing=
    check_venv
    say "Beacon will be installed on this machine in a virtual environment, since it has no package for it:"
    if [ -n "$offline" ]; then
        say "  - $VENV, with Beacon, and with the Python packages that the system has"
    else
        say "  - $VENV, with Beacon, and with its Python packages from PyPI"
    fi
    if [ -n "$missing" ]; then
        say "  - what that needs of Debian is installed with apt: $missing"
    fi
    if is_package_installed beacon; then
        say "  - the package beacon is removed when these are there; services keep running"
        if_failed="nothing was replaced: the package beacon goes on working"
    fi
    say "  - $LOCAL/bin/beacon, units, manual pages and completions below $LOCAL"
    [ -e /etc/beacon/beacon.toml ] || say "  - /etc/beacon/beacon.toml, in which every line is a comment"
    say "  - beacon-update.timer is enabled and started; no service of yours is started or restarted"
    [ -z "$dry_run" ] || exit 0
    say

    # shellcheck disable=SC2086 # names of packages
    install_needs $missing
    make_venv
    if is_package_installed beacon; then
        note_publishing
        apt_get remove --yes beacon
    fi
    half_made=''
    # Folders that an earlier run made are still ours.
    { [ ! -f "$MANIFEST" ] || grep '/$' "$MANIFEST" || true; } >"$MANIFEST.new"
    put_files
    # What an older version put elsewhere goes.
    if [ -f "$MANIFEST" ]; then
        grep -vxFf "$MANIFEST.new" "$MANIFEST" | xargs -r -d '\n' rm -f || true
    fi
    mv "$MANIFEST.new" "$MANIFEST"
    systemd-tmpfiles --create "$LOCAL/lib/tmpfiles.d/beacon.conf"
    journalctl --update-catalog
    systemctl daemon-reload
    systemctl --quiet enable beacon-update.timer
    systemctl restart beacon-update.timer
    systemctl try-restart beacon-endpoints.service
    resume_publishing
}

make_venv() {
    is_venv_installed || half_made=$VENV
    if [ -n "$offline" ]; then
        scratch=$(mktemp -d)
        # By the system's Python, which has what it takes: an older installation is cleared away after that.
        (cd "$tree" && "$python" -c 'import sys, hatchling.build as b; b.build_wheel(sys.argv[1])' "$scratch") \
            >/dev/null
        "$python" -m venv --clear --without-pip --system-site-packages "$VENV"
        "$VENV/bin/python" -m installer "$scratch"/beacon-*.whl
    else
        "$python" -m venv "$VENV"
        # A checkout is installed again even as the same version; other packages where PyPI has newer ones.
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
            --upgrade --upgrade-strategy eager "$tree" ||
            fail $EX_UNAVAILABLE "pip could not install Beacon's Python packages; services were not touched" \
                "the lines above say why; run this again when that is mended"
    fi
    chmod -R a+rX "$VENV" # an earlier run may have had another umask
}

put_files() {
    local unit work page
    work=$(mktemp -d)
    for unit in {system,user}/beacon-{update.service,update.timer,endpoints.service,healthy@.service} \
        system/beacon.slice; do
        sed "s|/usr/bin/beacon|$LOCAL/bin/beacon|" "$tree/packaging/systemd/$unit" >"$work/unit"
        put "$work/unit" "$LOCAL/lib/systemd/$unit"
    done
    put "$tree/packaging/debian/beacon.tmpfiles" $LOCAL/lib/tmpfiles.d/beacon.conf
    put "$tree/packaging/beacon.catalog" $LOCAL/lib/systemd/catalog/beacon.catalog
    [ -e /etc/beacon/beacon.toml ] || install -D --mode=644 "$tree/packaging/beacon.toml" /etc/beacon/beacon.toml
    "$VENV/bin/python" "$tree/packaging/completions.py" "$work"
    put "$work/bash/beacon" $LOCAL/share/bash-completion/completions/beacon
    put "$work/zsh/_beacon" $LOCAL/share/zsh/site-functions/_beacon
    put "$work/fish/beacon.fish" $LOCAL/share/fish/vendor_completions.d/beacon.fish
    if has pandoc; then
        "$tree/packaging/man.sh" "$work/man"
        for page in "$work"/man/*; do
            put "$page" "$LOCAL/share/man/man${page##*.}/${page##*/}"
        done
    else
        say "pandoc is not installed, so that there are no manual pages; they are in $tree/docs as text"
    fi
    note_folders $LOCAL/bin/beacon
    mkdir -p $LOCAL/bin
    ln -sf "$VENV/bin/beacon" $LOCAL/bin/beacon
    echo $LOCAL/bin/beacon >>"$MANIFEST.new"
    rm -r "$work"
}

remove_venv() {
    systemctl --quiet disable --now beacon-update.timer beacon-endpoints.service || true
    local waited=0
    while [ "$(systemctl show --property=ActiveState --value beacon-update.service)" = activating ] &&
        [ "$waited" -lt 600 ]; do
        [ "$waited" -gt 0 ] || say "waiting for beacon-update.service to end (10 minutes at most)"
        sleep 1
        waited=$((waited + 1))
    done
    sed '/\/$/d' "$MANIFEST" | xargs -r -d '\n' rm -f
    sed -n '/\/$/p' "$MANIFEST" | sort -r | xargs -r -d '\n' rmdir --ignore-fail-on-non-empty 2>/dev/null || true
    rm -rf "$VENV"
    # Someone's own beacon.toml stays; one that only has comments is as it was put there, or is what a removed package
    # left: dpkg would not put it there again.
    if ! is_package_purgeable beacon && ! grep -qsvE '^[[:space:]]*(#|$)' /etc/beacon/beacon.toml; then
        rm -f /etc/beacon/beacon.toml
        rmdir --ignore-fail-on-non-empty /etc/beacon 2>/dev/null || true
    fi
    rm -f /var/lib/systemd/timers/stamp-beacon-update.timer
    systemctl daemon-reload
    systemctl reset-failed beacon-update.service 2>/dev/null || true
    journalctl --update-catalog
}

# Both

publishing=''
# What is taken away stops publishing, and disables it. Remembered until what takes its place is there.
note_publishing() {
    systemctl --quiet is-enabled beacon-endpoints.service 2>/dev/null && publishing+=' enable'
    case $(systemctl is-active beacon-endpoints.service || true) in
    active | activating | reloading) publishing+=' start' ;;
    esac
    if_failed="the old installation is gone, and the new one is not whole; run this again when that is mended"
    [ -z "$publishing" ] || if_failed+=", and then: beacon endpoint publish --enable"
}

resume_publishing() {
    local verb
    for verb in $publishing; do
        systemctl --quiet "$verb" beacon-endpoints.service ||
            say "beacon-endpoints.service is not as it was; systemctl status beacon-endpoints says why"
    done
    if_failed=''
}

uninstall() {
    if ! is_venv_installed && ! is_package_installed beacon && [ -z "$purge" ]; then
        say "Beacon is not installed."
        exit 0
    fi
    say "Beacon will be taken away from this machine:"
    ! is_venv_installed || say "  - $VENV, and what was put below $LOCAL"
    ! is_package_installed beacon || say "  - the package beacon"
    [ -z "$purge" ] || say "  - /var/lib/beacon: releases, history and quarantine"
    say "  - services keep running; their units are beacon-* in /etc/containers/systemd or /etc/systemd/system"
    say "  - definitions stay in /etc/beacon/services, data in volumes (podman volume ls, or docker volume ls)"
    [ -n "$purge" ] || say "  - what is remembered stays in /var/lib/beacon; --purge removes it too"
    [ -z "$dry_run" ] || exit 0
    say
    ! is_venv_installed || remove_venv
    if is_package_installed beacon || { [ -n "$purge" ] && is_package_purgeable beacon; }; then
        remove_package
    fi
    [ -z "$purge" ] || rm -rf /var/lib/beacon /run/beacon /var/lib/systemd/timers/stamp-beacon-update.timer
    say "Beacon is gone."
}

if [ "$(id -u)" -ne 0 ]; then
    fail $EX_NOPERM "this needs root" "sudo ./install.sh"
fi
if ! is_booted_with_systemd; then
    fail 1 "this machine was not booted with systemd, which runs Beacon's services" \
        "sudo make demo   shows Beacon at work in a machine that is booted for it"
fi
if [ "$action" = uninstall ]; then
    uninstall
    exit
fi
[ -n "$tree" ] || [ -n "$package" ] || fail 2 "this is not run from a checkout of Beacon" \
    "get one and run its install.sh, or say which package: install.sh beacon_VERSION_all.deb"
if [ -n "$package" ] || { [ -z "$venv" ] && can_use_package; }; then
    install_package
else
    install_venv
fi
say
say "$(beacon --version) is installed; beacon-update.timer is $(systemctl is-active beacon-update.timer)."
say "A first service:  sudo beacon add web REGISTRY/IMAGE:TAG --port 127.0.0.1:8080:8080"
if man --where beacon >/dev/null 2>&1; then
    say "More:             beacon --help, man beacon"
else
    say "More:             beacon --help"
fi
