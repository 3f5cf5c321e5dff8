#!/bin/bash
# Build the Debian package in build/deb, in the root of the lab's test hosts: offline, and the same everywhere.
# With --here it is built on this machine, which then needs the package that --needs makes, where it prints one.
# With --into DIR it is put there. Nothing is built again while nothing has changed; --built prints the package
# if that is so, and builds nothing.
set -euo pipefail

tree=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
sources=(LICENSE NEWS.md README.md beacon docs packaging pyproject.toml unit-templates)
place=lab
output=$tree/build/deb

version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$tree/packaging/debian/changelog")

# A package that depends on all that building needs, and can be taken away again, with it. What debhelper wants of
# autotools it only claims to have: they bring a compiler, and there is nothing here for either.
make_needs() { # DIR: print the package; nothing when what it depends on is there
    local depends work made=$1/beacon-build-needs_${version}_all.deb
    if dpkg-checkbuilddeps -I "$tree/packaging/debian/control" 2>/dev/null; then return; fi
    depends=$(sed -n '/^Build-Depends:/,/^[^ B]/p' "$tree/packaging/debian/control" |
        sed '$d; s/^Build-Depends://; s/<.*>//' | tr -d '\n' | tr -s ' ')
    work=$(mktemp -d)
    mkdir "$work/DEBIAN"
    cat >"$work/DEBIAN/control" <<END
Package: beacon-build-needs
Version: $version
Architecture: all
Maintainer: $(sed -n 's/^Maintainer: //p' "$tree/packaging/debian/control")
Depends: dpkg-dev,$depends
Provides: dh-autoreconf (= 9999)
Description: what building Beacon's package needs
 Of no use once that is built.
END
    dpkg-deb --root-owner-group --build "$work" "$made" >/dev/null
    rm -r "$work"
    echo "$made"
}

while [ $# -gt 0 ]; do
    case $1 in
    --here) place=here ;;
    --built) place=nowhere ;;
    --into) output=$(readlink -m "$2") && shift ;;
    --needs) make_needs "$2" && exit ;;
    *) echo "usage: ${0##*/} [--here | --built] [--into DIR] | --needs DIR" >&2 && exit 2 ;;
    esac
    shift
done

copy_sources() {
    # Found by its usual name: packaging/debian is the package's debian/.
    tar -C "$tree" --exclude=__pycache__ --exclude='.*' -cf - "${sources[@]}" | tar -C "$1" -xf -
    mv "$1/packaging/debian" "$1/debian"
}

build() { # DIR: as the package's maintainer would; `said` holds what to show when it fails
    # Debian takes a compiler for granted wherever packages are built; this one has nothing to compile.
    (cd "$1" && dpkg-buildpackage --build=binary --no-sign --ignore-builtin-builddeps >"$1/../build.log" 2>&1) ||
        { tail -n 60 "$1/../build.log" >&2 && echo "the package could not be built" >&2 && return 1; }
}

[ "$place" != nowhere ] || [ -d "$output" ] || exit 1
mkdir -p "$output"
exec 9>"$output/.lock"
flock 9 # test runs of one tree take turns

package=$output/beacon_${version}_all.deb
key=$(cd "$tree" && find "${sources[@]}" -type f ! -path '*/__pycache__/*' ! -name '.*' -print0 | sort -z |
    xargs -0 sha256sum | sha256sum)
if [ -e "$package" ] && [ "$(cat "$output/.made-from" 2>/dev/null)" = "$key" ]; then
    echo "$package"
    exit
fi
[ "$place" != nowhere ] || exit 1

if [ "$place" = here ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/beacon"
    copy_sources "$work/beacon"
    build "$work/beacon"
    cp "$work"/beacon_*.deb "$output/.new.deb"
else
    if [ "$(id -u)" -ne 0 ]; then
        echo "building in the root of the test hosts needs root: sudo make deb" >&2
        echo "(on a Debian 13 machine: packaging/build-deb.sh --here)" >&2
        exit 1
    fi
    root=$("$tree/tests/lab/make-root.sh")
    export root tree output
    export -f copy_sources build
    sources_list=$(declare -p sources) && export sources_list
    # shellcheck disable=SC2016 # the inner shell expands it
    # Mounts and processes are in name spaces of their own, and end with this script.
    unshare --mount --pid --fork --kill-child --net bash -euo pipefail -c '
        eval "$sources_list"
        work=$(mktemp -d)
        mount -t tmpfs tmpfs "$work"
        mkdir "$work"/{upper,work,merged}
        mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" "$work/merged"
        mount --rbind /dev "$work/merged/dev"
        mount -t proc proc "$work/merged/proc"
        mount -t tmpfs tmpfs "$work/merged/tmp"
        mkdir -p "$work/merged/build/beacon"
        copy_sources "$work/merged/build/beacon"
        chroot "$work/merged" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            bash -c "$(declare -f build); build /build/beacon"
        cp "$work"/merged/build/beacon_*.deb "$output/.new.deb"
        umount --lazy "$work" && rmdir "$work"
    ' 9>&-
fi
rm -f "$output"/beacon_*.deb
mv "$output/.new.deb" "$package"
echo "$key" >"$output/.made-from"
echo "$package"
