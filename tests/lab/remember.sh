#!/bin/sh
# On a test host: remember what a host looks like before any test used it.
set -eu
mkdir -p /var/lib/lab
systemctl list-units --plain --no-legend --full --state=active 'beacon*' | cut -d' ' -f1 >/var/lib/lab/units
systemctl list-unit-files --no-legend --state=enabled 'beacon*' | cut -d' ' -f1 >/var/lib/lab/enabled
for folder in etc/beacon var/lib/beacon etc/caddy; do
    if [ -d "/$folder" ]; then echo "$folder"; fi
done | tar -C / -cf /var/lib/lab/files.tar -T -
