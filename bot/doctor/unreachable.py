"""Why an agent did not answer, or answered no: what that means, and the command that mends it."""

import re
import shlex
from dataclasses import dataclass

from bot.errors import HostError
from bot.settings import HostSettings

ON_HOST = "On the mail host: "
"""With this the agent's own errors begin the command that mends them."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What an error's text must match; what to say in place of it (empty: its own words); what mends it.

    `{host}` is the mail host's name, `{agent}` where its agent is installed, `{user}` who logs in there by ssh.
    `by_ssh` is what mends it on a host that is reached by ssh, where that is something else.
    """

    pattern: re.Pattern[str]
    meaning: str
    mend: str
    by_ssh: str = ""


def _reason(pattern: str, meaning: str, mend: str, by_ssh: str = "") -> Reason:
    return Reason(re.compile(pattern), meaning, mend, by_ssh)


INSTALL = "maildesk agent install {host}"
SUDO = "In the settings: link sudo for this host (MAIL_HOSTS={host}=sudo)"
FORCED = f'{ON_HOST}in authorized_keys of {{user}}, the bot\'s key needs: restrict,command="sudo -n {{agent}}"'

REASONS = (
    _reason(r"Update it: maildesk agent install", "", INSTALL),
    _reason(r"Update the bot\.", "", "Update the bot"),
    _reason(
        r"[Tt]his account is (currently )?not available",
        "The shell of {user} there is nologin, so nothing can run.",
        f"{ON_HOST}usermod --shell /bin/sh {{user}}",
    ),
    _reason(
        r": sudo: (command )?not found|command not found: sudo",
        "There is no sudo on the mail host.",
        f"{ON_HOST}apt-get install sudo",
    ),
    _reason(r"can't be started: sudo: No such file", "There is no sudo on this machine.", "apt-get install sudo"),
    _reason(
        "no new privileges",
        "The bot's unit forbids sudo (NoNewPrivileges).",
        "Use deploy/maildesk-sudo.service, or reach this host by ssh to 127.0.0.1",
    ),
    _reason(
        r"sudo: .*: command not found",
        "There is no agent at {agent}.",
        INSTALL,
    ),
    _reason(
        r"sudo: unable to execute .*: No such file or directory|python3['’]?: No such file|bad interpreter",
        "The agent is there, but /usr/bin/python3, which it runs by, is not.",
        f"{ON_HOST}apt-get install python3",
    ),
    _reason(
        r"No module named '(?!bot\b)",
        "Python there is without its standard library, which Debian's python3-minimal has but in part.",
        f"{ON_HOST}apt-get install python3",
    ),
    _reason(
        r"sudo: unable to execute .*: Permission denied",
        "{agent} is not executable.",
        f"{ON_HOST}chmod 0755 {{agent}}",
    ),
    _reason(
        r"sudo: (a password is required|sorry, you|.*not in the sudoers)|Sorry, user",
        "sudo does not let the bot's user run {agent} without a password.",
        INSTALL,
    ),
    _reason(
        r"sudo: .*(sudoers|syntax error|parse error)",
        "sudo finds fault with its own settings.",
        "visudo -c",
        by_ssh=f"{ON_HOST}visudo -c",
    ),
    _reason(
        r"It must run as root|is not allowed to view the mail queue",
        "",
        SUDO,
        by_ssh=FORCED,
    ),
    _reason(
        r"could not be started, .*(: not found|No such file|command not found|ermission denied|can't open file)",
        "The forced command of the bot's key starts no agent.",
        INSTALL,
        by_ssh=FORCED,
    ),
    _reason(r"has no instance", "", "In the settings: the instance of {host}; or a section for it in agent.ini"),
    _reason(r"has a mistake, so nothing", "", f"{ON_HOST}edit /etc/maildesk/agent.ini"),
    _reason(
        r"does not allow info",
        "",
        f"{ON_HOST}add info to the line verbs in /etc/maildesk/agent.ini; without it nothing works",
    ),
    _reason(
        r"main\.cf can't be examined \(No such file|postconf can't be started",
        "",
        f"{ON_HOST}apt-get install postfix, or name the right config_directory in /etc/maildesk/agent.ini",
    ),
    _reason(r"queue directory .* can't be opened", "", f"{ON_HOST}postfix check"),
    _reason(r"what answered there is no agent", "", INSTALL, by_ssh=FORCED),
    _reason(r"is not understood|was not understood", "", INSTALL),
    _reason(r"SyntaxError|ModuleNotFoundError|ImportError|Traceback", "", f"{ON_HOST}python3 --version (it needs 3.9)"),
    _reason(r"the agent has a defect", "", f"{INSTALL}; if it stays so, it is a mistake of Maildesk's"),
)


def explained(error: HostError, settings: HostSettings) -> tuple[str, str]:
    """What happened, and what mends it."""
    if error.mend:
        return _sentence(error.text), error.mend
    said, found, command = error.text.partition(ON_HOST)
    if found:
        return _sentence(said), found + command
    for reason in REASONS:
        if reason.pattern.search(error.text):
            meaning = _filled(reason.meaning, settings)
            mend = reason.by_ssh or reason.mend if settings.link == "ssh" else reason.mend
            return f"{meaning} It said: {error.text}" if meaning else _sentence(error.text), _filled(mend, settings)
    return _sentence(error.text), by_hand(settings)


def as_root(settings: HostSettings) -> str:
    """How an agent that an ordinary user started comes to be root's."""
    return _filled(FORCED if settings.link == "ssh" else SUDO, settings)


def _filled(words: str, settings: HostSettings) -> str:
    return words.format(host=settings.name, agent=settings.agent, user=settings.user)


def by_hand(settings: HostSettings) -> str:
    """How an admin asks the agent without the bot, to see for themselves."""
    request = f'{{"v": 1, "verb": "info", "instance": "{settings.instance}", "args": {{}}}}'
    return f"See for yourself: echo '{request}' | {_start(settings)}"


def _start(settings: HostSettings) -> str:
    if settings.link == "sudo":
        return f"sudo -n {settings.agent}"
    if settings.link == "local":
        return "python3 -m bot.agent"
    # With the bot's key and file alone, as the bot does it.
    known, key = shlex.quote(settings.known_hosts), shlex.quote(settings.key)
    return (
        f"ssh -F none -o IdentitiesOnly=yes -o UserKnownHostsFile={known} -i {key} -p {settings.port} "
        f"{settings.user}@{settings.address}"
    )


def _sentence(text: str) -> str:
    """Its first word in capitals, unless it is a program's name."""
    text = text.strip()
    return text[:1].upper() + text[1:] if text.startswith(("the ", "this ", "what ", "no ")) else text
