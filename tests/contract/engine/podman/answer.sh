#!/bin/sh
# Stands in for podman: answers as the one of Debian whose answers are in $ANSWERS did.
echo "$*" >>"$CALLS"
refuse() {
    cat "$ANSWERS/$1" >&2
    exit "$2"
}
# While an image comes or goes, some commands fail once.
if [ -s "${CHANGING:-}" ]; then
    tail -n 1 "$CHANGING" >&2
    sed -i '$d' "$CHANGING"
    exit 125
fi
case "$*" in
--version) cat "$ANSWERS/version.txt" ;;
'images --all --format json') cat "$ANSWERS/images.json" ;;
'ps --format json --filter label='*) cat "$ANSWERS/ps.json" ;;
'ps --format json --filter name=^beacon-hc$') cat "$ANSWERS/ps-hc.json" ;;
'ps --format json --filter name='*) echo '[]' ;;
'inspect --type container beacon-web') cat "$ANSWERS/container-web.json" ;;
'volume ls --format json --filter label='*) cat "$ANSWERS/volumes.json" ;;
'volume inspect '*) refuse mountpoint-nope.txt 125 ;;
'image inspect --format '*) cat "$ANSWERS/folder.txt" ;;
'rmi '*) refuse rmi-nope.txt 1 ;;
'pull registry.example:5000/me/nope@'*) refuse pull-nope.txt 125 ;;
'pull '*)
    head -n -1 "$ANSWERS/pull.txt" >&2
    tail -n 1 "$ANSWERS/pull.txt"
    ;;
*) exit 99 ;;
esac
