#!/bin/sh
# Installs the distribution's servers that tests run as private instances, if this user may, and starts none of them.
# What is installed already is left alone; Postfix is never installed over another mail transport agent.
set -eu
wanted="postfix postgresql sudo openssh-server nsd rbldnsd unbound"

installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

other_mta() {
    dpkg-query --show --showformat='${db:Status-Status} ${Package} ${Provides}\n' |
        awk '$1 == "installed" && $2 != "postfix" && /mail-transport-agent/ { print $2; exit }'
    if [ -e /usr/sbin/sendmail ] && ! dpkg-query --search /usr/sbin/sendmail >/dev/null 2>&1; then
        echo /usr/sbin/sendmail
    fi
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "No apt-get here: tests on real servers ($wanted) run only if you install them yourself."
    exit 0
fi

missing=
for package in $wanted; do
    if installed "$package"; then
        continue
    fi
    if [ "$package" = postfix ]; then
        other=$(other_mta)
        if [ -n "$other" ]; then
            echo "Another mail transport agent is installed ($other): Postfix is not, and its tests are skipped."
            continue
        fi
    fi
    missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi

if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then
        exec sudo -n sh "$0"
    fi
    echo "Tests on real servers are skipped without$missing. To run them too: sudo make test"
    exit 0
fi

# Debian's maintainer scripts ask this file before they start a service. One that is here already is the machine's own.
policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt="apt-get --quiet --quiet --yes -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0"
install() {
    $apt update >/dev/null && $apt install --no-install-recommends $missing >/dev/null
}

case $missing in
*postfix*)
    if command -v debconf-set-selections >/dev/null; then
        echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
    fi
    ;;
esac
echo "Installing$missing for the tests …"
if ! install; then
    echo "That failed; once more in 10 seconds." >&2
    sleep 10
    install
fi
