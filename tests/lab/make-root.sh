#!/bin/bash
# Print the path of a Debian root with all that a test host needs, made when it is not there yet.
# The suite is trixie (Debian 13) unless another one is named; packages-SUITE.txt lists what is in it. bare-SUITE is
# the root of a machine on which nothing was done yet, by packages-bare.txt.
set -euo pipefail

name=${1:-trixie}
suite=${name#bare-}
here=$(dirname "$(readlink -f "$0")")
list=$here/packages-${name%-"$suite"}.txt
cache=${BEACON_LAB_CACHE:-/var/cache/beacon-lab}
key=$(cat "$list" "$here/make-root.sh" | sha256sum | cut -c1-16)
root=$cache/root-$name-$key

mkdir -p "$cache"
touch "$root.used"
if [ -d "$root" ]; then
    echo "$root"
    exit
fi

exec 9>"$cache/make-root.lock"
flock 9 # another test run may be making it now
if [ -d "$root" ]; then
    echo "$root"
    exit
fi

mirror=$("$here/mirror.sh")
packages=$(sed 's/#.*//' "$list" | xargs | tr ' ' ,)

# What a killed run left goes, and roots that nobody asked for in a week.
rm -rf --one-file-system "$cache"/making.*
find "$cache" -maxdepth 1 -name 'root-*.used' -mtime +7 | while read -r stamp; do
    if grep -qsF "${stamp%.used}" /proc/mounts; then continue; fi
    rm -rf --one-file-system "${stamp%.used}" "$stamp"
done

new=$(mktemp -d "$cache/making.XXXXXX")
trap 'rm -rf --one-file-system "$new"' EXIT
echo "making the root of test hosts with $name in $root (half a minute to two minutes, once)" >&2
# In name spaces of its own: when this script is killed, its processes and mounts end with it.
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
    mmdebstrap --quiet --variant=minbase --include="$packages" \
        --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Check-Valid-Until "false"' \
        --aptopt='Acquire::Check-Date "false"' \
        --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/man/??/*' \
        "$suite" "$new" "$mirror" 9>&- >&2
chmod 755 "$new"

# Hosts boot quickly: only what each test starts itself runs, and the registry.
systemctl --root="$new" --quiet disable docker.service docker.socket containerd.service caddy.service \
    redis-server.service etcd.service podman.socket podman-auto-update.timer \
    dpkg-db-backup.timer man-db.timer fstrim.timer 2>&1 | grep -v 'does not exist' >&2 || true
systemctl --root="$new" --quiet mask systemd-modules-load.service systemd-firstboot.service
# Each daemon-reload runs all generators; hosts have nothing for any but Podman's (systemd.generator(7)).
for generator in "$new"/usr/lib/systemd/{system,user}-generators/systemd-*; do
    masks=$new/etc/systemd/$(basename "$(dirname "$generator")")
    mkdir -p "$masks"
    ln -s /dev/null "$masks/$(basename "$generator")"
done
rm -rf "$new"/var/cache/apt/*.bin "$new"/var/lib/apt/lists/* "$new"/usr/lib/systemd/system/apt-daily*.timer
rm -f "$new"/etc/resolv.conf "$new"/etc/machine-id "$new"/etc/hostname
touch "$new"/etc/.updated "$new"/var/.updated

mv -T "$new" "$root"
trap - EXIT
echo "$root"
