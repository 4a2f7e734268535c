#!/bin/sh
# Makes the virtual environment named by $1 with the first suitable Python; leaves a working one as it is.
set -eu
venv=$1

suits() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -x "$venv/bin/python" ] && suits "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

recent=
for python in python3.13 python3.12 python3.11 python3; do
    if suits "$python"; then
        echo "Making $venv with $("$python" --version) …"
        rm -rf "$venv"
        exec "$python" -m venv "$venv"
    fi
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        recent=$python
    fi
done

if [ -n "$recent" ]; then
    echo "$("$recent" --version) has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2
else
    echo "Maildesk needs Python 3.11 or later (python3.13, python3.12, python3.11 or python3 on the PATH)," \
        "and there is none. On Debian 12 and Ubuntu 24.04: apt-get install python3 python3-venv" >&2
fi
exit 1
