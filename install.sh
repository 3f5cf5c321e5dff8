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
readonly MANIFEST=$VENV/installed-files # what was put elsewhere, or is about to be; the last that goes
readonly WHOLE=$VENV/whole              # is there when no run ended in the middle of making the rest
readonly PUBLISHING=/var/lib/beacon/publishing
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
is_package_purgeable() { has dpkg-query && [ "$(package_status "$1")" = config-files ]; } # removed, not purged
is_package_installed() { # or half so, after a run of apt that was killed
    has dpkg-query && case $(package_status "$1") in '' | not-installed | config-files) false ;; esac
}
is_venv_installed() { # all or in part; an empty folder is the last that an uninstallation leaves
    [ -f "$MANIFEST" ] || { [ -d $VENV ] && [ -z "$(ls -A $VENV)" ]; }
}

candidate_of() { # PACKAGE: the version that apt has, installed or on offer
    apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -vxF '(none)'
}

offers() { # PACKAGE VERSION: apt has it, new enough
    [ -z "$offline" ] && has apt-get && has dpkg || return 1
    # A machine that has just been set up may have no lists yet, and so know of no package.
    candidate_of "$1" >/dev/null || refresh_lists
    dpkg --compare-versions "$(candidate_of "$1" || echo 0~)" ge "$2"
}

# Debian 13's versions; derivatives that have them as well are as good.
can_use_package() {
    local need
    for need in "podman 4.4" "systemd 252" "python3-typer 0.15" "python3-pydantic 2.10" "python3-msgspec 0.19" \
        "python3-pystemd 0.13" "python3-requests 2.32" "python3-rich 13.9" "catatonit 0"; do
        # shellcheck disable=SC2086 # name and version
        offers $need || return 1
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

# apt

apt_get() { # without questions: files in /etc that the owner has changed stay as they are; who is at it is waited for
    DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 --option=Dpkg::Use-Pty=0 --option=DPkg::Lock::Timeout=600 \
        --option=Dpkg::Options::=--force-confdef --option=Dpkg::Options::=--force-confold "$@"
}

refreshed=''
refresh_lists() { # once
    [ -z "$refreshed" ] || return 0
    refreshed=yes
    apt_get update || say "apt-get update failed; going on with the lists that are there"
}

apt_install() { # OPTION... PACKAGE...: with lists that are as new as can be, where anything is to be fetched
    local fetched
    if ! fetched=$(apt-get install --print-uris --quiet=2 --yes "$@" 2>/dev/null) ||
        grep -v "^'file:" <<<"$fetched" | grep -q .; then
        refresh_lists
    fi
    apt_get install --yes "$@"
}

# What apt is doing for a run that was killed is waited for, and what it had begun is finished.
finish_apt() {
    if ! has apt-get || apt_get install --yes >/dev/null 2>&1; then return; fi
    say "apt or dpkg was interrupted: what it had begun is finished first"
    DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --configure -a >/dev/null || true
    apt_get install --yes --fix-broken --no-remove >/dev/null || true
}

not_installed() { # PACKAGE...: those of them that are not
    local name
    for name in "$@"; do
        is_package_installed "$name" || echo "$name"
    done
}

# A service runs without Beacon, so that apt cannot know that its engine is in use: `apt autoremove` would end it.
# The package has a file for apt that says so.
keep_engine() {
    has apt-mark || return 0
    sed -n 's/^ *"^\(.*\)$";$/\1/p' "$tree/packaging/apt/01autoremove-beacon" |
        xargs apt-mark manual >/dev/null 2>&1 || true # most of them are not there
}

# With the package

install_package() {
    local built='' needs='' deb
    scratch=$(mktemp -d)
    chmod 755 "$scratch" # apt's own user reads packages there, who may not look into the home of root
    if [ -z "$package" ]; then
        built=$("$tree/packaging/build-deb.sh" --built || true)
        [ -n "$built" ] || needs=$("$tree/packaging/build-deb.sh" --needs "$scratch")
    fi
    say "Beacon will be installed on this machine as a Debian package:"
    if [ -n "$needs" ]; then
        say "  - what building the package needs is installed with apt; afterwards \`apt autoremove\` may take it away:"
        say "    $(dpkg-deb --field "$needs" Depends | sed 's/ *([^)]*)//g; s/ *,/,/g')"
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

    finish_apt
    [ -z "$needs" ] || apt_install --mark-auto --no-install-recommends "$needs" >/dev/null
    [ -n "$package" ] || package=${built:-$("$tree/packaging/build-deb.sh" --here)}
    forget_build_needs
    deb=$scratch/${package##*/}
    cp "$package" "$deb"
    if is_venv_installed; then
        # What apt cannot have, it says while there is something that works.
        apt_install --reinstall --allow-downgrades --download-only "$deb" >/dev/null
        note_publishing
        remove_venv
    fi
    apt_install --reinstall --allow-downgrades "$deb"
    resume_publishing
}

# It claims to be what it is not (packaging/build-deb.sh), which must not outlast the build.
forget_build_needs() {
    ! is_package_installed beacon-build-needs || apt_get purge --yes beacon-build-needs >/dev/null
}

remove_package() {
    if [ -n "$purge" ]; then
        apt_get purge --yes beacon
    else
        apt_get remove --yes beacon
    fi
}

# Without it

run_needs=() build_needs=() lacking=()

plan_engine() {
    if is_new_enough podman 4.3; then
        # Units with an init process need it, and Podman only recommends it.
        ! offers catatonit 0 || run_needs+=(catatonit)
    elif is_new_enough docker 20.10; then
        :
    elif offers podman 4.3; then
        # With what it recommends; iptables it does not, but networks on Debian 12 need it.
        run_needs+=(podman catatonit netavark aardvark-dns iptables)
    else
        lacking+=("Podman 4.3 or newer, or docker 20.10 or newer: $(how_to_get_podman)")
    fi
}

plan_python() {
    if python=$(find_python); then
        :
    elif offers python3 3.11; then
        python=/usr/bin/python3
        run_needs+=(python3)
    else
        lacking+=("Python 3.11 or newer")
        return
    fi
    if [ -n "$offline" ]; then
        plan_offline
    elif has apt-get; then
        plan_packages
    else
        plan_compiler
    fi
}

plan_offline() {
    local packages
    packages=$("$python" "$tree/packaging/missing.py" --build | xargs)
    [ -z "$packages" ] || lacking+=("as the system's own Python packages, for --offline: $packages")
}

has_pystemd() { [ -x "$python" ] && [ -z "$("$python" "$tree/packaging/missing.py" pystemd)" ]; }

# PyPI has pystemd as source only, so that the system's own spares a compiler. msgspec is a wheel for these two.
plan_packages() {
    build_needs+=(python3-venv)
    if has_pystemd; then
        :
    elif [ "$python" = /usr/bin/python3 ] && offers python3-pystemd 0.11; then
        run_needs+=(python3-pystemd)
    else
        build_needs+=(gcc libsystemd-dev pkg-config python3-dev)
    fi
    case $(dpkg --print-architecture) in
    amd64 | arm64) ;;
    *) build_needs+=(gcc python3-dev) ;;
    esac
    ! offers pandoc 0 || build_needs+=(pandoc man-db) # for manual pages
}

plan_compiler() {
    "$python" -c 'import ensurepip' 2>/dev/null || lacking+=("Python's ensurepip, by which its venv module installs pip")
    if ! has_pystemd && ! { has gcc && pkg-config --exists libsystemd 2>/dev/null; }; then
        lacking+=("pystemd for $python, or what builds it: gcc, pkg-config, headers of Python and of systemd")
    fi
}

plan_venv() {
    [ -n "$tree" ] || fail 2 "this is not run from a checkout of Beacon" "get one, and run its install.sh"
    plan_engine
    plan_python
    [ ${#lacking[@]} -eq 0 ] ||
        fail 1 "this machine does not have what Beacon needs:" "${lacking[@]}" "Install it, then run this again."
    mapfile -t run_needs < <(not_installed "${run_needs[@]}")
    mapfile -t build_needs < <(not_installed "${build_needs[@]}" | sort -u)
}

install_venv() {
    plan_venv
    say "Beacon will be installed on this machine in a virtual environment, since it has no package for it:"
    if [ -n "$offline" ]; then
        say "  - $VENV, with Beacon, and with the Python packages that the system has"
    else
        say "  - $VENV, with Beacon, and with its Python packages from PyPI"
    fi
    [ ${#run_needs[@]} -eq 0 ] || say "  - what that needs of Debian is installed with apt: ${run_needs[*]}"
    [ ${#build_needs[@]} -eq 0 ] ||
        say "  - so is what making it needs; afterwards \`apt autoremove\` may take it away: ${build_needs[*]}"
    if is_package_installed beacon; then
        say "  - the package beacon is removed when these are there; services keep running"
        if_failed="nothing was replaced: the package beacon goes on working"
    fi
    say "  - $LOCAL/bin/beacon, units, manual pages and completions below $LOCAL"
    [ -e /etc/beacon/beacon.toml ] || say "  - /etc/beacon/beacon.toml, in which every line is a comment"
    say "  - beacon-update.timer is enabled and started; no service of yours is started or restarted"
    [ -z "$dry_run" ] || exit 0
    say

    finish_apt
    [ ${#run_needs[@]} -eq 0 ] || apt_install --install-recommends "${run_needs[@]}" >/dev/null
    [ ${#build_needs[@]} -eq 0 ] || apt_install --mark-auto --no-install-recommends "${build_needs[@]}" >/dev/null
    keep_engine
    scratch=$(mktemp -d)
    make_venv
    if is_package_installed beacon; then
        note_publishing
        apt_get remove --yes beacon
    fi
    half_made=''
    stage_files
    put_staged
    [ -e /etc/beacon/beacon.toml ] || install -D --mode=644 "$tree/packaging/beacon.toml" /etc/beacon/beacon.toml
    systemd-tmpfiles --create "$LOCAL/lib/tmpfiles.d/beacon.conf"
    journalctl --update-catalog
    systemctl daemon-reload
    systemctl --quiet enable beacon-update.timer
    systemctl restart beacon-update.timer
    systemctl try-restart beacon-endpoints.service ||
        say "beacon-endpoints.service could not be restarted; systemctl status beacon-endpoints says why"
    resume_publishing
}

empty_venv() { find $VENV -mindepth 1 -maxdepth 1 ! -path $MANIFEST -exec rm -rf {} +; }

make_venv() {
    is_venv_installed || half_made=$VENV
    mkdir -p $VENV
    touch $MANIFEST
    # pip cannot put right what a pip that was killed has left, nor another Python what one has made.
    if [ ! -e $WHOLE ] || [ -n "$offline" ]; then empty_venv; fi
    rm -f $WHOLE
    if [ -n "$offline" ]; then
        (cd "$tree" && "$python" -c 'import sys, hatchling.build as b; b.build_wheel(sys.argv[1])' "$scratch") \
            >/dev/null
        "$python" -m venv --without-pip --system-site-packages $VENV
        $VENV/bin/python -m installer "$scratch"/beacon-*.whl
    else
        fill_from_pypi
    fi
    chmod -R a+rX $VENV # an earlier run may have had another umask
    touch $WHOLE
}

fill_from_pypi() {
    local constraints=$scratch/constraints
    touch "$constraints"
    if has_pystemd; then
        "$python" -c 'from importlib.metadata import version; print("pystemd==" + version("pystemd"))' >"$constraints"
        "$python" -m venv --system-site-packages $VENV
    else
        "$python" -m venv $VENV
    fi
    # A checkout is installed again even as the same version; other packages where PyPI has newer ones.
    if ! $VENV/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir \
        --constraint "$constraints" --upgrade --upgrade-strategy eager "$tree"; then
        touch $WHOLE # pip puts back what it has replaced
        fail $EX_UNAVAILABLE "pip could not install Beacon's Python packages; services were not touched" \
            "the lines above say why; run this again when that is mended"
    fi
}

stage() { # FILE PLACE
    install -D --mode=644 "$1" "$scratch/stage$2"
}

stage_files() { # in a folder that is like the root
    local unit work=$scratch/work page
    mkdir "$work"
    for unit in "$tree"/packaging/systemd/{system,user}/*; do
        sed "s|/usr/bin/beacon|$LOCAL/bin/beacon|" "$unit" >"$work/unit"
        stage "$work/unit" "$LOCAL/lib/systemd/${unit#"$tree/packaging/systemd/"}"
    done
    stage "$tree/packaging/debian/beacon.tmpfiles" $LOCAL/lib/tmpfiles.d/beacon.conf
    stage "$tree/packaging/beacon.catalog" $LOCAL/lib/systemd/catalog/beacon.catalog
    $VENV/bin/python "$tree/packaging/completions.py" "$work"
    stage "$work/bash/beacon" $LOCAL/share/bash-completion/completions/beacon
    stage "$work/zsh/_beacon" $LOCAL/share/zsh/site-functions/_beacon
    stage "$work/fish/beacon.fish" $LOCAL/share/fish/vendor_completions.d/beacon.fish
    if has pandoc; then
        "$tree/packaging/man.sh" "$work/man"
        for page in "$work"/man/*; do
            stage "$page" "$LOCAL/share/man/man${page##*.}/${page##*/}"
        done
    else
        say "pandoc is not installed, so that there are no manual pages; they are in $tree/docs as text"
    fi
    install -d "$scratch/stage$LOCAL/bin"
    ln -s $VENV/bin/beacon "$scratch/stage$LOCAL/bin/beacon"
}

# What is put somewhere is in the manifest before it is there, and what goes until it is gone: whatever a killed run
# leaves, the next one knows. Folders that were missing are ours, and end with a slash.
put_staged() {
    local stage=$scratch/stage places=$scratch/places place
    find "$stage" -mindepth 1 -type d -printf '/%P\n' | while read -r place; do
        [ -d "$place" ] || echo "$place/"
    done >"$places"
    find "$stage" ! -type d -printf '/%P\n' >>"$places"
    sort -u "$places" $MANIFEST >$MANIFEST.new
    mv $MANIFEST.new $MANIFEST
    find "$stage" ! -type d -printf '/%P\n' | while read -r place; do
        mkdir -p "${place%/*}"
        cp --no-dereference --remove-destination "$stage$place" "$place"
    done
    # What an older version put elsewhere goes.
    grep '/$' $MANIFEST >>"$places" || true
    grep -vxFf "$places" $MANIFEST | xargs -r -d '\n' rm -f || true
    sort -u "$places" >$MANIFEST.new
    mv $MANIFEST.new $MANIFEST
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
    rm -f $WHOLE
    if [ -f $MANIFEST ]; then
        sed '/\/$/d' $MANIFEST | xargs -r -d '\n' rm -f
        sed -n '/\/$/p' $MANIFEST | sort -r | xargs -r -d '\n' rmdir --ignore-fail-on-non-empty 2>/dev/null || true
    fi
    empty_venv
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
    rm -f $MANIFEST
    rmdir $VENV
}

# Both

# What is taken away stops publishing, and disables it. Remembered until what takes its place is there.
note_publishing() {
    local verbs=''
    if_failed="the old installation is gone, and the new one is not whole; run this again when that is mended"
    [ ! -e $PUBLISHING ] || return 0 # by a run that was killed
    systemctl --quiet is-enabled beacon-endpoints.service 2>/dev/null && verbs+=' enable'
    case $(systemctl is-active beacon-endpoints.service || true) in
    active | activating | reloading) verbs+=' start' ;;
    esac
    mkdir -p "${PUBLISHING%/*}"
    echo "$verbs" >$PUBLISHING.new
    mv $PUBLISHING.new $PUBLISHING
}

resume_publishing() {
    local verb verbs=''
    [ ! -e $PUBLISHING ] || verbs=$(<$PUBLISHING)
    for verb in $verbs; do
        systemctl --quiet "$verb" beacon-endpoints.service ||
            say "beacon-endpoints.service is not as it was; systemctl status beacon-endpoints says why"
    done
    rm -f $PUBLISHING
    if_failed=''
}

is_anything_installed() {
    is_venv_installed || is_package_installed beacon || is_package_installed beacon-build-needs || [ -e $PUBLISHING ]
}

uninstall() {
    [ -n "$dry_run" ] || finish_apt
    if ! is_anything_installed && [ -z "$purge" ]; then
        say "Beacon is not installed."
        exit 0
    fi
    say "Beacon will be taken away from this machine:"
    ! is_venv_installed || say "  - $VENV, and what was put below $LOCAL"
    ! is_package_installed beacon || say "  - the package beacon"
    [ -z "$purge" ] || say "  - /var/lib/beacon: releases, history and quarantine"
    say "  - services keep running; their units are beacon-* in /etc/containers/systemd or /etc/systemd/system"
    say "  - definitions stay in /etc/beacon/services, data in volumes (podman volume ls, or docker volume ls)"
    say "  - what runs them stays, also where \`apt autoremove\` would have taken it"
    [ -n "$purge" ] || say "  - what is remembered stays in /var/lib/beacon; --purge removes it too"
    [ -z "$dry_run" ] || exit 0
    say
    ! is_venv_installed || remove_venv
    forget_build_needs
    rm -f $PUBLISHING
    if is_package_installed beacon || { [ -n "$purge" ] && is_package_purgeable beacon; }; then
        remove_package
    fi
    if [ -n "$purge" ]; then
        # Secrets and the files of apps stay, since services read them at their next start.
        [ ! -d /var/lib/beacon ] ||
            find /var/lib/beacon -mindepth 1 -maxdepth 1 ! -name secrets ! -name apps -exec rm -rf {} +
        rmdir --ignore-fail-on-non-empty /var/lib/beacon/{secrets,apps,} 2>/dev/null || true
        rm -rf /run/beacon /var/lib/systemd/timers/stamp-beacon-update.timer
    fi
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
