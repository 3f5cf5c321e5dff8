#!/bin/sh
# On a test host: put everything back that a test may have left, quickly when it left little.
set -eu

# Drop-ins may forbid a quick stop: containers are killed first.
if [ -s /var/lib/containers/storage/overlay-containers/containers.json ]; then
    podman kill --all >/dev/null 2>&1 || true
fi
systemctl stop 'beacon*' 2>/dev/null || true
loginctl list-users --no-legend 2>/dev/null | while read -r uid name _; do
    [ "$uid" -ge 1000 ] || continue
    loginctl disable-linger "$name" || true
    loginctl terminate-user "$name" || true
    while [ -d "/run/user/$uid" ]; do sleep 0.05; done
done
# Also those who never had a manager.
awk -F: '$3 >= 1000 && $3 < 60000 { print $1 }' /etc/passwd | while read -r name; do
    userdel --force --remove "$name" 2>/dev/null || true
done

# One reload is enough for all; enable and disable would do one each.
systemctl --quiet --no-reload disable --now caddy 2>/dev/null || true
rm -rf /etc/caddy/beacon.caddy /var/lib/caddy/.local /var/lib/caddy/.config
rm -rf /etc/containers/systemd/* /etc/systemd/system/beacon* /run/systemd/system/beacon* /etc/beacon /var/lib/beacon \
    /etc/systemd/system/multi-user.target.wants/beacon-* /run/beacon /root/.docker \
    /etc/containers/registries.conf.d/catalog.conf /srv/*
tar -C / -xf /var/lib/lab/files.tar
systemd-tmpfiles --create --prefix=/run/beacon
xargs -r systemctl --quiet --no-reload enable </var/lib/lab/enabled
systemctl daemon-reload
systemctl reset-failed
xargs -r systemctl start </var/lib/lab/units

# Podman takes its time to say that there is nothing.
if [ -d /var/lib/containers/storage ]; then
    storage=/var/lib/containers/storage
    grep -qs '"id"' $storage/overlay-containers/containers.json && podman rm --all --force --time 0 >/dev/null
    [ -z "$(ls $storage/volumes 2>/dev/null)" ] || podman volume rm --all --force >/dev/null
    grep -qs '"id"' $storage/overlay-images/images.json && podman rmi --all --force >/dev/null
    [ -z "$(ls /etc/containers/networks 2>/dev/null)" ] || podman network prune --force >/dev/null
    [ ! -e $storage/secrets/secrets.json ] || podman secret rm --all >/dev/null
fi
# A container that is killed while Podman takes its network away may leave a port that leads nowhere, which the
# next container at that port does not get: the first rule of the port's network counts, too.
iptables -t nat -S 2>/dev/null | sed -n 's/^-A \(NETAVARK-HOSTPORT-DNAT\|NETAVARK-DN-[^ ]*\) .*dport.*/\1/p' | sort -u |
    while read -r chain; do iptables -t nat -F "$chain"; done
if systemctl is-active --quiet docker; then
    docker ps --all --quiet | xargs -r docker rm --force --volumes >/dev/null
    docker volume ls --quiet | xargs -r docker volume rm --force >/dev/null
    docker images --quiet | sort -u | xargs -r docker rmi --force >/dev/null
    docker network prune --force >/dev/null
    if ! systemctl is-enabled --quiet docker; then
        systemctl stop docker.service docker.socket containerd.service
        # What docker leaves behind keeps Podman's containers from one another.
        iptables --policy FORWARD ACCEPT
        iptables --flush FORWARD
    fi
fi
if [ -d /var/lib/docker-registry/docker ]; then
    rm -rf /var/lib/docker-registry/docker
    systemctl restart docker-registry # it remembers blobs
fi
systemctl stop redis-server etcd 2>/dev/null || true
