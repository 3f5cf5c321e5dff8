#!/bin/bash
# Install what the tests need outside of the test hosts, and make .venv; nothing when all is there.
# Runs on a fresh Debian machine as root; elsewhere it needs only what it finds missing.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
exec 9<tests/setup.sh
flock 9 # two runs in one tree take turns

packages=(
    # for the lab
    ca-certificates debian-archive-keyring git iproute2 mmdebstrap strace systemd-container util-linux
    # a browser, and what tells it whom to trust
    chromium libnss3-tools
    # for the linters
    shellcheck
    # to build pystemd
    gcc libsystemd-dev pkg-config
)
new_enough='import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'
if ! python3 -c "$new_enough" 2>/dev/null || [ "$(command -v python3)" = /usr/bin/python3 ]; then
    packages+=(python3 python3-dev python3-venv)
fi

tests/apt.sh "${packages[@]}"

# The editable installation is made again when what it depends on changes.
wanted=$(sha256sum pyproject.toml tests/setup.sh; python3 --version)
if [ "$(cat .venv/.made-from 2>/dev/null)" != "$wanted" ]; then
    echo "installing Beacon and its development tools in .venv" >&2
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]' >&2
    echo "$wanted" >.venv/.made-from
fi
