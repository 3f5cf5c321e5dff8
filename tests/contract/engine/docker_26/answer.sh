#!/bin/sh
# Stands in for docker: answers as docker 26.1.5 of Debian 13 did, with the image store that $ANSWERS holds.
echo "$*" >>"$CALLS"
case "$1 $2 $3" in
'info --format {{.DockerRootDir}}') echo /var/lib/docker ;;
--version*) echo 'Docker version 26.1.5+dfsg1, build a72d7cd' ;;
'images --quiet --no-trunc') cat "$ANSWERS/images.txt" ;;
'inspect --type image') cat "$ANSWERS/images.json" ;;
'ps --no-trunc --format') cat "$ANSWERS/ps.txt" ;;
'inspect --type container') cat "$ANSWERS/containers.json" ;;
'volume ls --format') cat "$ANSWERS/volumes.txt" ;;
'image inspect --format') cat "$ANSWERS/id.txt" ;;
'rmi '*)
    echo "Error response from daemon: No such image: $2" >&2
    exit 1
    ;;
'pull registry.example:5000/me/nope'*)
    echo "Error response from daemon: manifest for $2 not found: manifest unknown: manifest unknown" >&2
    exit 1
    ;;
'pull '*)
    if [ -e "$DOCKER_CONFIG/config.json" ]; then
        echo "Error response from daemon: Get \"https://example.org/v2/\": unauthorized: bad login" >&2
        exit 1
    fi
    echo '9c61030271ba: Pulling fs layer'
    ;;
*)
    echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2
    exit 1
    ;;
esac
