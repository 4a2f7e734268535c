#!/bin/sh
# Puts Maildesk's agent on this mail host, or takes it away again; as root.
#
#   sh install.sh plan|install|undo|test USER [--yes]
#
# `maildesk agent install` brings this script here, with the agent beside it and, for ssh, one line for authorized_keys.
# USER is the ordinary user who may start the agent, and nothing else, through sudo; "" is who may already, or maildesk.
# Whatever is written is shown first, and noted in /etc/maildesk/installed: only what stands there, and is still as it was
# written, is ever taken away.
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
if [ -z "$user" ] && [ -r $sudoers ]; then # who may already, stays it: another agent for the same user
    user=$(sed -n "s|^\([a-z0-9_-]*\) ALL=(root) NOPASSWD: $agent \"\"\$|\1|p" $sudoers | head -n 1)
fi
user=${user:-maildesk}
home=/var/lib/$user-login # root's, and never the folder that a service of that name has for its state
line=$(cat "$here/authorized_keys" 2>/dev/null) || line=
export line
python=/usr/bin/python3
tab=$(printf '\t')

run() { "$@"; }
say() { printf '%s\n' "$*"; }
fail() { say "$* Nothing was changed." >&2; exit 1; }
has() { getent passwd "$1" >/dev/null; }
sum() { sha256sum "$1" | cut -d' ' -f1; }
note() { grep -qxF -e "$1" "$notes" 2>/dev/null || say "$1" >>"$notes"; }

# What this host has to have ------------------------------------------------------------------------------------------

check() {
    [ "$(id -u)" = 0 ] || fail "This has to run as root."
    case $user in *[!a-z0-9_-]* | '' | -* | root) fail "$user is no name for an ordinary user." ;; esac
    [ -x $python ] || fail "There is no $python: apt-get install python3."
    $python -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail "$python is older than 3.9, which the agent needs."
    $python -I -c 'import concurrent.futures, ctypes, json' 2>/dev/null ||
        fail "$python lacks modules that the agent needs (python3-minimal alone does): apt-get install python3."
    command -v visudo >/dev/null || fail "There is no sudo: apt-get install sudo."
    command -v postconf >/dev/null || fail "There is no Postfix here: apt-get install postfix, or name the host that has it."
}

# Only what nobody but root can change is believed to hold a key to its one command: not the file alone, also each folder
# above it, or whoever owns one puts another file in its place, or a link by which root writes elsewhere. sshd takes files
# of root's (StrictModes), and reads them as the user.
check_keys() {
    [ -n "$line" ] || return 0
    if getent passwd "$user" | grep -q -e '/nologin$' -e '/false$'; then
        fail "$user has no login shell, and sshd starts the agent by it: usermod --shell /bin/sh $user."
    fi
    why=$(not_roots "$keys")
    [ -z "$why" ] || fail "$why. So what the key may do could be changed there. Let a user of its own log in, who is made" \
        "for it: --user maildesk-agent (the bot's settings have to name it too). Or give that path to root, if nobody needs it."
    [ ! -e "$keys" ] || ! has "$user" || runuser -u "$user" -- test -r "$keys" 2>/dev/null ||
        fail "sshd reads $keys as $user, who may not: chmod 0644 $keys."
    [ -z "$(other_lines)" ] || fail "$keys has that key in another line, and sshd takes the first, with what that" \
        "allows: take it out, or make the bot a key of its own."
}

# Who else than root could change a path, in words; nothing if nobody can.
not_roots() {
    if [ "$(readlink -m "$1")" != "$1" ]; then say "$1 leads over a link to $(readlink -m "$1")"; return; fi
    path=$1
    while [ "$path" != / ]; do
        if [ -e "$path" ] && [ -n "$(find "$path" -maxdepth 0 '(' ! -uid 0 -o -perm /022 ')')" ]; then
            say "$path belongs to $(stat -c '%U, mode %a' "$path"): others than root can write it"
            return
        fi
        path=$(dirname "$path")
    done
}

# Our line as it is, or with options that an admin put before it, as from="192.0.2.1",restrict,…
ours='$0 !~ /^[ \t]*#/ && (at = index($0, ENVIRON["line"])) && (at == 1 || substr($0, at - 1, 1) == ",")'
has_line() { cat "$keys" 2>/dev/null | awk "$ours { found = 1 } END { exit !found }"; }

# Lines with the same key that are not ours: sshd takes the first that fits.
other_lines() {
    key=$(say "$line" | sed 's/^restrict,command="[^"]*" [^ ]* \([^ ]*\).*/\1/')
    cat "$keys" "${keys}2" 2>/dev/null | grep -F -e "$key" | awk "!($ours)" | grep -v '^[[:space:]]*#'
}

check_sudoers() {
    if [ -e $sudoers ] && ! noted $sudoers && ! cmp -s $sudoers "$want$sudoers"; then
        fail "$sudoers is there and not of this script's making: compare it, remove it, and start again."
    fi
}

noted() { [ -f $notes ] && grep -q "^file$tab$1$tab" $notes; }

# What it shall have: the wanted files lie below $want, as below / ------------------------------------------------------

prepare() {
    want=$(mktemp -d) # root's own, not the admin's who started this: they could not take it away again
    trap 'rm -rf "$want"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$want/usr/local/sbin" "$want$settings" "$want/etc/sudoers.d"
    cp "$here/maildesk-agent" "$want$agent"
    # Python keeps no bytecode of what lies in an archive: with it inside, each start takes 30 to 60 ms less processor time.
    $python -I -c 'import pathlib, sys
sys.path.insert(0, sys.argv[1])
from bot.agent.build import precompile
precompile(pathlib.Path(sys.argv[1]))' "$want$agent"
    say "$user ALL=(root) NOPASSWD: $agent \"\"" >"$want$sudoers"
    if [ -e $ini ]; then
        cp $ini "$want$ini" # the host's own say, once it is there
    else
        instances | while read -r name folder; do
            printf '[%s]\nconfig_directory = %s\n' "$name" "$folder"
        done >"$want$ini"
    fi
    if has "$user"; then home=$(getent passwd "$user" | cut -d: -f6); fi
    keys=$home/.ssh/authorized_keys
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
    sed -n 's/^config_directory *= *//p' "$want$ini" | while read -r folder; do
        say "$(postconf -c "$folder" -h queue_directory)/maildesk-trash"
    done
}

# Without a password in either case; `*` is not locked, as sshd has it.
make_user() {
    if [ -n "$line" ]; then shell=/bin/sh; else shell=/usr/sbin/nologin; fi
    "$@" useradd --system --no-create-home --home-dir "$home" --shell $shell --password '*' "$user"
}

plan() {
    say "On $(uname -n), + is new, ~ is replaced, = is there already:"
    if has "$user"; then say "= the user $user"; else say "+ the user $user: $(make_user say)"; fi
    show $agent 0755 "the agent, with bytecode of $($python -V)"
    show $ini 0644 "which instances it serves"
    sed 's/^/      /' "$want$ini"
    show $sudoers 0440 "who may start it"
    sed 's/^/      /' "$want$sudoers"
    if [ -n "$line" ]; then
        if [ -e "$keys" ]; then how="root, mode as it is"; else how="root, 0644"; fi
        if has_line; then mark="="; else mark="+"; fi
        say "$mark $keys ($how): one line, by which that key starts the agent and nothing else"
        say "      $line"
    fi
    trashes | while read -r trash; do
        if [ -d "$trash" ]; then mark="="; else mark="+"; fi
        say "$mark $trash (root, 0700): keeps deleted mail"
    done
}

show() {
    mark="+"
    if [ -e "$1" ]; then mark="~"; fi
    if as_wanted "$1" "$2"; then mark="="; fi
    say "$mark $1 (root, $2): $3"
}

as_wanted() { [ ! -L "$1" ] && cmp -s "$1" "$want$1" && [ "$(stat -c '%u:%g 0%a' "$1")" = "0:0 $2" ]; }

# Writing it ------------------------------------------------------------------------------------------------------------

install_all() {
    visudo -cqf "$want$sudoers" || fail "visudo finds fault with the line for sudo."
    [ -d $settings ] || { mkdir -m 0755 $settings; note "folder$tab$settings"; }
    if ! has "$user"; then
        make_user run
        note "user$tab$user"
    fi
    trashes | while read -r trash; do
        [ -d "$trash" ] || { mkdir -m 0700 "$trash" && note "trash$tab$trash"; }
    done
    put $agent 0755
    put $ini 0644
    if [ -n "$line" ] && ! has_line; then add_key; fi
    put $sudoers 0440 # the last: from here on the user may start it
}

put() {
    if as_wanted "$1" "$2"; then return; fi
    install -o root -g root -m "$2" "$want$1" "$1.new"
    mv "$1.new" "$1"
    sed -i "\\|^file$tab$1$tab|d" $notes
    note "file$tab$1$tab$(sum "$1")"
}

# check_keys has seen that every folder on the way is root's; what is missing is made so.
add_key() {
    ssh=$(dirname "$keys")
    for folder in "$home" "$ssh"; do
        [ -d "$folder" ] || { mkdir -m 0755 "$folder" && note "folder$tab$folder"; }
    done
    { [ ! -e "$keys" ] || sed '$a\' "$keys"; say "$line"; } | rewrite "$keys" # sed ends a last line that has no end
    note "line$tab$keys$tab$line"
}

# Gives a file what comes on standard input, all at once, and leaves it its owner and mode.
rewrite() {
    written=$(mktemp "$1.XXXXXX")
    cat >"$written"
    chmod 0644 "$written"
    if [ -e "$1" ]; then chown --reference="$1" "$written" && chmod --reference="$1" "$written"; fi
    mv "$written" "$1"
}

try() {
    visudo -cq || { say "visudo finds fault with sudo's settings: visudo -c" >&2; exit 1; }
    [ -z "$line" ] || runuser -u "$user" -- test -r "$keys" ||
        { say "sshd reads $keys as $user, who may not enter a folder on the way there." >&2; exit 1; }
    for instance in $(sed -n 's/^\[\(.*\)\]$/\1/p' $ini); do
        answer=$(printf '{"v": 1, "verb": "info", "instance": "%s", "args": {}}\n' "$instance" |
            runuser -u "$user" -- sudo -n $agent 2>&1 | tail -n 1) || true
        case $answer in
        *'"event": "done"'*) say "Tried as $user: the agent answers for $instance." ;;
        *)
            say "Tried as $user, and the agent did not answer as it should for $instance: $answer" >&2
            failed=yes
            ;;
        esac
    done
    [ -z "${failed:-}" ] || { say "What was written stays until it is mended, or taken away with --undo." >&2; exit 1; }
}

# Taking it away --------------------------------------------------------------------------------------------------------

undo() {
    [ "$(id -u)" = 0 ] || fail "This has to run as root."
    [ -f $notes ] || { say "Nothing here was written by this script: there is no $notes."; return; }
    # The door first: after sudo's line is gone nobody starts the agent any more.
    for kind in file line trash user folder; do
        grep "^$kind$tab" $notes | tac | while IFS=$tab read -r _ what more; do
            undo_$kind "$what" "$more" || say "$kind$tab$what${more:+$tab$more}" >>$notes.left
        done
    done
    if [ -e $notes.left ]; then
        tac $notes.left >$notes # in the order of writing, as it was
        rm $notes.left
        say "Not everything is gone; what is left stays noted in $notes, for the next --undo." >&2
        exit 1
    fi
    rm -f $notes
    rmdir $settings 2>/dev/null || [ ! -e $settings ] || say "Left: $settings, which holds files of others."
}

# Each of these says what became of it, and fails where something is left.
undo_file() {
    if [ ! -e "$1" ]; then return; fi
    [ "$(sum "$1")" = "$2" ] || { say "Left: $1, which was changed since."; return 1; }
    rm "$1" && say "Removed: $1"
}

undo_line() {
    keys=$1 line=$2
    [ -e "$keys" ] || return 0
    why=$(not_roots "$keys")
    [ -z "$why" ] || { say "Left: the agent's line in $keys. $why."; return 1; }
    if grep -qxF -e "$line" "$keys"; then
        { grep -vxF -e "$line" "$keys" || true; } | rewrite "$keys"
        say "Removed: the agent's line in $keys"
    fi
    if [ ! -s "$keys" ]; then rm "$keys"; return; fi
    ! has_line || { say "Left: the agent's line in $keys, which was changed since."; return 1; }
}

undo_trash() {
    [ -d "$1" ] || return 0
    if [ -n "$(find "$1" -type f ! -path "$1/lock" ! -path "$1/last-flush" | head -n 1)" ]; then
        say "Left: $1, which keeps mail or the records of it."
        return 1
    fi
    rm -r "$1" && say "Removed: $1"
}

undo_user() {
    has "$1" || return 0
    if ! userdel "$1"; then
        say "Left: the user $1. Where its processes still run, stop the bot, or wait for its connection to end."
        return 1
    fi
    say "Removed: the user $1"
}

undo_folder() {
    [ "$1" != $settings ] && [ -e "$1" ] || return 0
    rmdir "$1" 2>/dev/null || { say "Left: $1, which holds files of others."; return 1; }
}

case $deed in
plan)
    check
    prepare
    check_sudoers
    check_keys
    plan
    ;;
install)
    check
    prepare
    check_sudoers
    check_keys
    plan
    if [ "$yes" != --yes ]; then
        printf 'Write this? [y/N] '
        read -r answer || say ""
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
