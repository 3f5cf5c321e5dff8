#!/bin/bash
# Print the path of a folder with a Debian kernel, made when it is not there yet: `vmlinuz`, and `layer`, which laid
# on the root of the test hosts gives it the kernel's modules and what loads them. The suite is trixie (Debian 13)
# unless another one is named.
# Debian's kernel for clouds has ext4 and NVMe built in, so that it boots from a disk without an initial RAM disk.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
root=$("$here/../lab/make-root.sh" "${1:-trixie}")
cache=$(dirname "$root")
key=$({ echo "$root" && cat "$here/make-kernel.sh"; } | sha256sum | cut -c1-16)
made=$cache/kernel-$key

touch "$made.used"
if [ -d "$made" ]; then
    echo "$made"
    exit
fi

exec 9>"$cache/make-kernel.lock"
flock 9 # another test run may be making it now
if [ -d "$made" ]; then
    echo "$made"
    exit
fi

# What a killed run left goes, and kernels that nobody asked for in a week.
rm -rf --one-file-system "$cache"/making-kernel.*
find "$cache" -maxdepth 1 -name 'kernel-*.used' -mtime +7 | while read -r stamp; do
    rm -rf --one-file-system "${stamp%.used}" "$stamp"
done

new=$(mktemp -d "$cache/making-kernel.XXXXXX")
trap 'rm -rf --one-file-system "$new"' EXIT
echo "fetching a kernel for virtual machines (a few seconds, once)" >&2

# apt with folders of its own, for the release that the root is of: from the root's mirror, with this machine's proxy.
mkdir -p "$new"/apt/{etc/apt/{apt.conf.d,preferences.d,sources.list.d},var/{lib/{apt/lists/partial,dpkg},cache/apt}}
touch "$new/apt/var/lib/dpkg/status"
signed=$root/usr/share/keyrings/debian-archive-keyring.gpg
sed -n "s|^deb \(http\)|deb [signed-by=$signed] \1|p" "$root/etc/apt/sources.list" >"$new/apt/etc/apt/sources.list"
options=(-o "Dir=$new/apt" -o "Dir::State::status=$new/apt/var/lib/dpkg/status" -o APT::Sandbox::User=root
    -o 'Acquire::Languages=none' -o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false)
apt-get "${options[@]}" --quiet=2 update 9>&- >&2
architecture=$(dpkg --print-architecture)
image=$(apt-cache "${options[@]}" depends "linux-image-cloud-$architecture" | sed -n 's/^ *Depends: //p')
mkdir "$new/packages" "$new/layer"
(cd "$new/packages" && apt-get "${options[@]}" --quiet=2 download "$image" kmod libkmod2 9>&- >&2)
for package in "$new"/packages/*.deb; do
    dpkg-deb --extract "$package" "$new/layer"
done
for folder in bin lib sbin; do # Debian 12's packages still have these of their own
    if [ -d "$new/layer/$folder" ]; then
        mkdir -p "$new/layer/usr/$folder"
        cp -a --link "$new/layer/$folder/." "$new/layer/usr/$folder"
        rm -rf "$new/layer/${folder:?}"
    fi
done
ln -s usr/lib "$new/layer/lib" # where depmod looks
version=${image#linux-image-}
depmod --basedir "$new/layer" --filesyms "$new/layer/boot/System.map-$version" "$version"
mv "$new/layer/boot/vmlinuz-$version" "$new/vmlinuz"
rm -rf "$new/apt" "$new/packages" "$new"/layer/{lib,boot,usr/share}
chmod 755 "$new"

mv -T "$new" "$made"
trap - EXIT
echo "$made"
