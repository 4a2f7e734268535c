#!/bin/sh
# Runs all tests with .venv's Python. Private servers need root: with sudo and no password, those tests alone run
# through it; with neither they are skipped, by name and with the command that would enable them.
set -eu
cd "$(dirname "$0")/.."

# Hundreds of Pythons start in these tests: each would compile anew what the one before could have left.
unset PYTHONDONTWRITEBYTECODE

# Neighbours stay on one worker, and share what is made for a module; one that has nothing left takes from the other.
workers="-n 2 --dist worksteal"

if [ "$(id -u)" = 0 ] || ! sudo -n true 2>/dev/null; then
    exec .venv/bin/python -m pytest $workers
fi

status=0
.venv/bin/python -m pytest $workers -m "not real" || status=$?

# As root the agent trusts only what is root's, and nothing of root's may stay behind in this checkout: so a copy.
copy=$(sudo -n mktemp -d /var/lib/maildesk-tests-XXXXXX)
trap 'sudo -n rm -rf "$copy"' EXIT
trap 'exit 1' HUP INT TERM
sudo -n chmod 755 "$copy"
sudo -n cp -R . "$copy"
sudo -n find "$copy/.venv/lib" -name '*.pth' -exec sed -i "s|$PWD|$copy|" {} +
cd "$copy"
sudo -n env PATH="$PATH" MAILDESK_REQUIRE_REAL="${MAILDESK_REQUIRE_REAL:-}" \
    HYPOTHESIS_PROFILE="${HYPOTHESIS_PROFILE:-repeatable}" \
    .venv/bin/python -m pytest $workers -m real || status=$?
exit "$status"
