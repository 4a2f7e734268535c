#!/bin/sh
# Puts Maildesk's agent on this mail host, or takes it away again; as root.
#
#   sh install.sh plan|install|undo|test USER [--yes]
#
# `maildesk agent install` brings this script here, with the agent beside it and, for ssh, one line for authorized_keys.
# USER is the ordinary user who may start the agent, and nothing else, through sudo. Whatever is written is shown first,
# and noted in /etc/maildesk/installed: only what stands there, and is still as it was written, is ever taken away.
set -eu
umask 022
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
deed=$1
user=$2
yes=${3:-}
agent=/usr/local/sbin/maildesk-agent
settings=/etc/maildesk
ini=$settings/agent.ini
notes=$settings/installed
sudoers=/etc/sudoers.d/maildesk
home=/var/lib/maildesk
python=/usr/bin/python3
tab=$(printf '\t')

run() { "$@"; }
say() { printf '%s\n' "$*"; }
fail() { say "$* Nothing was changed." >&2; exit 1; }
sum() { sha256sum "$1" | cut -d' ' -f1; }
note() { grep -qxF -e "$1" "$notes" 2>/dev/null || say "$1" >>"$notes"; }

# What this host has to have ------------------------------------------------------------------------------------------

check() {
    [ "$(id -u)" = 0 ] || fail "This has to run as root."
    case $user in *[!a-z0-9_-]* | '' | -* | root) fail "$user is no name for an ordinary user." ;; esac
    [ -x $python ] || fail "There is no $python: apt-get install python3-minimal."
    $python -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail "$python is older than 3.9, which the agent needs."
    command -v visudo >/dev/null || fail "There is no sudo: apt-get install sudo."
    command -v postconf >/dev/null || fail "There is no Postfix here."
    if [ -f "$here/authorized_keys" ] && getent passwd "$user" | grep -q -e '/nologin$' -e '/false$'; then
        fail "$user has no login shell, and sshd starts the agent by it: usermod --shell /bin/sh $user."
    fi
}

check_sudoers() {
    if [ -e $sudoers ] && ! noted $sudoers && ! cmp -s $sudoers "$here/want$sudoers"; then
        fail "$sudoers is there and not of this script's making: compare it, remove it, and start again."
    fi
}

noted() { [ -f $notes ] && grep -q "^file$tab$1$tab" $notes; }

# What it shall have: the wanted files lie below want/, as below / ------------------------------------------------------

prepare() {
    mkdir -p "$here/want/usr/local/sbin" "$here/want$settings" "$here/want/etc/sudoers.d"
    cp "$here/maildesk-agent" "$here/want$agent"
    # Python keeps no bytecode of what lies in an archive: with it inside, each start takes 30 to 60 ms less processor time.
    $python -I -c 'import pathlib, sys
sys.path.insert(0, sys.argv[1])
from bot.agent.build import precompile
precompile(pathlib.Path(sys.argv[1]))' "$here/want$agent"
    say "$user ALL=(root) NOPASSWD: $agent \"\"" >"$here/want$sudoers"
    if [ -e $ini ]; then
        cp $ini "$here/want$ini" # the host's own say, once it is there
    else
        instances | while read -r name folder; do
            printf '[%s]\nconfig_directory = %s\n' "$name" "$folder"
        done >"$here/want$ini"
    fi
    wanted_home=$(getent passwd "$user" | cut -d: -f6) || true
    keys=${wanted_home:-$home}/.ssh/authorized_keys
}

# Postfix's instances as postmulti(1) lists them: name, group, whether it is enabled, folder. The first is the default one;
# another without a name (`-`) is called as its folder is.
instances() {
    postmulti -l 2>/dev/null |
        awk '{ n = split($4, part, "/"); print ($1 != "-" ? $1 : NR == 1 ? "default" : part[n]), $4 }' | grep . ||
        say "default $(postconf -h config_directory)"
}

# Where deleted mail is kept, of instances that are only now put into agent.ini.
trashes() {
    [ ! -e $ini ] || return 0
    sed -n 's/^config_directory *= *//p' "$here/want$ini" | while read -r folder; do
        say "$(postconf -c "$folder" -h queue_directory)/maildesk-trash"
    done
}

make_user() {
    if [ -f "$here/authorized_keys" ]; then
        "$@" useradd --system --create-home --home-dir $home --shell /bin/sh --password '*' "$user"
    else
        "$@" useradd --system --no-create-home --home-dir $home --shell /usr/sbin/nologin "$user"
    fi
}

plan() {
    say "On $(uname -n), + is new, ~ is replaced, = is there already:"
    if getent passwd "$user" >/dev/null; then say "= the user $user"; else say "+ the user $user: $(make_user say)"; fi
    show $agent 0755 "the agent, with bytecode of $($python -V)"
    show $ini 0644 "which instances it serves"
    sed 's/^/      /' "$here/want$ini"
    show $sudoers 0440 "who may start it"
    sed 's/^/      /' "$here/want$sudoers"
    if [ -f "$here/authorized_keys" ]; then
        if grep -qxFf "$here/authorized_keys" "$keys" 2>/dev/null; then mark="="; else mark="+"; fi
        say "$mark $keys (root, 0644): one line, by which that key starts the agent and nothing else"
        sed 's/^/      /' "$here/authorized_keys"
    fi
    trashes | while read -r trash; do
        if [ -d "$trash" ]; then mark="="; else mark="+"; fi
        say "$mark $trash (root, 0700): keeps deleted mail"
    done
}

show() {
    mark="+"
    if [ -e "$1" ]; then mark="~"; fi
    if cmp -s "$1" "$here/want$1"; then mark="="; fi
    say "$mark $1 (root, $2): $3"
}

# Writing it ------------------------------------------------------------------------------------------------------------

install_all() {
    visudo -cqf "$here/want$sudoers" || fail "visudo finds fault with the line for sudo."
    [ -d $settings ] || { mkdir -m 0755 $settings; note "folder$tab$settings"; }
    if ! getent passwd "$user" >/dev/null; then
        make_user run
        note "user$tab$user"
    fi
    trashes | while read -r trash; do
        [ -d "$trash" ] || { mkdir -m 0700 "$trash" && note "trash$tab$trash"; }
    done
    put $agent 0755
    put $ini 0644
    if [ -f "$here/authorized_keys" ]; then add_key; fi
    put $sudoers 0440 # the last: from here on the user may start it
}

put() {
    cmp -s "$1" "$here/want$1" && return
    install -o root -g root -m "$2" "$here/want$1" "$1.new"
    mv "$1.new" "$1"
    sed -i "\\|^file$tab$1$tab|d" $notes
    note "file$tab$1$tab$(sum "$1")"
}

# Root's own files, so that not even the user changes what its key may do; sshd takes them (StrictModes).
add_key() {
    ssh=$(dirname "$keys")
    [ -d "$ssh" ] || { mkdir -m 0755 "$ssh" && note "folder$tab$ssh"; }
    if ! grep -qxFf "$here/authorized_keys" "$keys" 2>/dev/null; then
        cat "$here/authorized_keys" >>"$keys"
        chmod 0644 "$keys"
        note "line$tab$keys$tab$(cat "$here/authorized_keys")"
    fi
}

try() {
    visudo -cq || { say "visudo finds fault with sudo's settings: visudo -c" >&2; exit 1; }
    instance=$(sed -n 's/^\[\(.*\)\]$/\1/p' $ini | head -n 1)
    answer=$(printf '{"v": 1, "verb": "info", "instance": "%s", "args": {}}\n' "$instance" |
        runuser -u "$user" -- sudo -n $agent 2>&1 | tail -n 1) || true
    case $answer in
    *'"event": "done"'*) say "Tried as $user: the agent answers for $instance." ;;
    *)
        say "Tried as $user, and the agent did not answer as it should: $answer" >&2
        say "What was written stays until it is mended, or taken away with --undo." >&2
        exit 1
        ;;
    esac
}

# Taking it away --------------------------------------------------------------------------------------------------------

undo() {
    [ "$(id -u)" = 0 ] || fail "This has to run as root."
    [ -f $notes ] || { say "Nothing here was written by this script: there is no $notes."; return; }
    # The door first: after sudo's line is gone nobody starts the agent any more.
    for kind in file line trash user folder; do
        grep "^$kind$tab" $notes | tac | while IFS=$tab read -r _ what more; do
            undo_$kind "$what" "$more"
        done
    done
    rm -f $notes
    rmdir $settings 2>/dev/null || [ ! -e $settings ] || say "Left: $settings, which holds files of others."
}

undo_file() {
    if [ ! -e "$1" ]; then return; fi
    if [ "$(sum "$1")" = "$2" ]; then rm "$1" && say "Removed: $1"; else say "Left: $1, which was changed since."; fi
}

undo_line() {
    [ -f "$1" ] || return 0
    grep -vxF -e "$2" "$1" >"$1.new" || true
    chmod 0644 "$1.new"
    mv "$1.new" "$1"
    say "Removed: the agent's line in $1"
    if [ ! -s "$1" ]; then rm "$1"; fi
}

undo_trash() {
    [ -d "$1" ] || return 0
    if [ -n "$(find "$1" -type f ! -path "$1/lock" ! -path "$1/last-flush" | head -n 1)" ]; then
        say "Left: $1, which keeps mail or the records of it."
    else
        rm -r "$1" && say "Removed: $1"
    fi
}

undo_user() {
    getent passwd "$1" >/dev/null || return 0
    folder=$(getent passwd "$1" | cut -d: -f6)
    userdel "$1" && say "Removed: the user $1"
    rmdir "$folder/.ssh" 2>/dev/null || true
    rm -f "$folder/.bash_logout" "$folder/.bashrc" "$folder/.profile"
    rmdir "$folder" 2>/dev/null || [ ! -e "$folder" ] || say "Left: $folder, which holds files."
}

undo_folder() {
    if [ "$1" != $settings ]; then rmdir "$1" 2>/dev/null || true; fi
}

case $deed in
plan)
    check
    prepare
    check_sudoers
    plan
    ;;
install)
    check
    prepare
    check_sudoers
    plan
    if [ "$yes" != --yes ]; then
        printf 'Write this? [y/N] '
        read -r answer
        case $answer in y | Y | yes) ;; *) fail "Not written." ;; esac
    fi
    install_all
    try
    say "Installed. The same command with --undo takes it away."
    ;;
test) try ;;
undo) undo ;;
*) fail "plan, install, test or undo, and not $deed." ;;
esac
