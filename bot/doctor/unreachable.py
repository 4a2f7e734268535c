"""Why an agent did not answer, or answered no: what that means, and the command that mends it."""

import re
from dataclasses import dataclass

from bot.errors import HostError
from bot.settings import HostSettings

ON_HOST = "On the mail host: "
"""With this the agent's own errors begin the command that mends them."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What an error's text must match; what to say in place of it (empty: its own words); what mends it.

    `{host}` is the mail host's name, `{agent}` where its agent is installed.
    """

    pattern: re.Pattern[str]
    meaning: str
    mend: str


def _reason(pattern: str, meaning: str, mend: str) -> Reason:
    return Reason(re.compile(pattern), meaning, mend)


INSTALL = "maildesk agent install {host}"

REASONS = (
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
        f"{ON_HOST}apt-get install python3-minimal",
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
    _reason(r"sudo: .*(sudoers|syntax error|parse error)", "sudo finds fault with its own settings.", "visudo -c"),
    _reason(
        r"It must run as root|is not allowed to view the mail queue",
        "",
        "In the settings: link sudo for this host (MAIL_HOSTS={host}=sudo)",
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
    _reason(r"what answered there is no agent|is not understood|was not understood", "", INSTALL),
    _reason(r"SyntaxError|ModuleNotFoundError|ImportError|Traceback", "", f"{ON_HOST}python3 --version (it needs 3.9)"),
    _reason(r"the agent has a defect", "", f"{INSTALL}; if it stays so, it is a mistake of Maildesk's"),
)


def explained(error: HostError, settings: HostSettings) -> tuple[str, str]:
    """What happened, and what mends it."""
    words = {"host": settings.name, "agent": settings.agent}
    said, found, command = error.text.partition(ON_HOST)
    if found:
        return _sentence(said), found + command
    for reason in REASONS:
        if reason.pattern.search(error.text):
            meaning = reason.meaning.format(**words)
            return (f"{meaning} It said: {error.text}" if meaning else _sentence(error.text)), reason.mend.format(
                **words
            )
    return _sentence(error.text), by_hand(settings)


def by_hand(settings: HostSettings) -> str:
    """How an admin asks the agent without the bot, to see for themselves."""
    request = f'{{"v": 1, "verb": "info", "instance": "{settings.instance}", "args": {{}}}}'
    start = f"sudo -n {settings.agent}" if settings.link == "sudo" else "python3 -m bot.agent"
    return f"See for yourself: echo '{request}' | {start}"


def _sentence(text: str) -> str:
    """Its first word in capitals, unless it is a program's name."""
    text = text.strip()
    return text[:1].upper() + text[1:] if text.startswith(("the ", "this ", "what ", "no ")) else text
