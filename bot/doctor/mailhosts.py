"""One mail host: its link, its agent, Postfix, the trash, the clock and the disk."""

import asyncio
import time
from collections.abc import Callable, Iterator

from bot import __version__
from bot.agent.protocol import VERSION, Depth, Info
from bot.agent.verbs import RESULTS
from bot.doctor import clocks
from bot.doctor.lines import Line, ok, problem, warning
from bot.doctor.unreachable import INSTALL, ON_HOST, as_root, explained
from bot.errors import HostError
from bot.mailhost.host import MailHost
from bot.mailhost.verdict import HARDLY_ANY_SPACE, LITTLE_SPACE
from bot.settings import HostSettings
from bot.text import listed, plural, share, size

PATIENCE = 30.0
"""Seconds for one host, beyond those that its own settings give to ssh: doctor is asked by somebody who waits."""


async def lines(host: MailHost, settings: HostSettings, now: Callable[[], float] = time.time) -> list[Line]:
    """Whatever is wrong with one host is a line; nothing is raised."""
    patience = _patience(settings)
    try:
        async with asyncio.timeout(patience):
            info = await host.info()
            before = now()
            depth = await host.depth()
            after = now()
    except TimeoutError:
        mend = f"{ON_HOST}look at its load, and at what the agent waits for: ps -ef | grep -e maildesk -e postfix"
        return [problem(host.name, f"No answer came within {patience:.0f} s.", mend)]
    except HostError as error:
        return [problem(host.name, *explained(error, settings))]
    return [
        *_agent(host.name, info),
        *_postfix(host.name, info, settings),
        *_trash(host.name, info),
        clocks.apart(host.name, f"The clock of {host.name}", depth.taken_at, before, after),
        *_space(host.name, depth),
    ]


def _patience(settings: HostSettings) -> float:
    """So long that the ssh link, which knows more, tells of a silent host before: to log in, and to answer."""
    return PATIENCE + 2 * settings.timeout if settings.link == "ssh" else PATIENCE


def _agent(name: str, info: Info) -> Iterator[Line]:
    install = INSTALL.format(host=name)
    which = f"The agent is {info.agent_version}, on Python {info.python_version}"
    if info.protocol_version != VERSION:
        text = f"{which}, and speaks version {info.protocol_version} of the protocol; this bot speaks {VERSION}."
        yield problem(name, text, "Update the bot" if info.protocol_version > VERSION else install)
    elif info.agent_version != __version__:
        text = f"{which}; this bot is {__version__}. What both know works."
        yield warning(name, text, install if _older(info.agent_version) else "Update the bot")
    else:
        yield ok(name, f"{which}, as installed for this bot.")
    if taken := [verb for verb in RESULTS if verb not in info.verbs]:
        yield ok(name, f"Its agent.ini does not allow {listed(taken, 'or')}: that is its own say.")


def _older(version: str) -> bool:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".") if part.isdecimal()]

    return numbers(version) < numbers(__version__)


def _postfix(name: str, info: Info, settings: HostSettings) -> Iterator[Line]:
    where = info.parameters.get("config_directory", "")
    version = info.parameters.get("mail_version", "")
    if info.mail_system_up is None:
        yield warning(name, "Whether Postfix runs is not known.", f"{ON_HOST}postfix -c {where} status")
    elif not info.mail_system_up:
        yield problem(name, f"Postfix {version} is down ({where}).", f"{ON_HOST}postfix -c {where} start")
    else:
        yield ok(name, f"Postfix {version} runs ({where}).")
    if info.user:
        yield from _unprivileged(name, info, where, as_root(settings))
    if info.held_unexplained:
        text = f"{plural(info.held_unexplained, 'message is', 'messages are')} on hold that nobody held by Maildesk."
        yield ok(name, f"{text} /mail queue {name} hold shows them.")
    if info.unfinished:
        text = f"Cut short, and to be finished under the same key: {listed(info.unfinished[:5])}."
        yield warning(name, text, "Nothing: the bot finishes it while it runs (/mail pending)")


def _unprivileged(name: str, info: Info, where: str, root: str) -> Iterator[Line]:
    """What Postfix asks of an agent that is not root (postqueue(1), authorized_mailq_users in postconf(5))."""
    yield problem(
        name,
        f"The agent runs as user {info.user}, so it can look but not hold, release or delete.",
        root,
    )
    for parameter in ("authorized_mailq_users", "authorized_flush_users"):
        value = info.parameters.get(parameter, "static:anyone")
        if value != "static:anyone":
            text = f"{parameter} = {value}: not everybody may look at the queue, or flush it."
            yield warning(name, text, f"{ON_HOST}postconf -c {where} -e '{parameter} = static:anyone'")
    if info.config_listed is False:
        text = f"Postfix lets ordinary users use no other folder than its default one, and {where} is not listed there."
        yield problem(name, text, f"{ON_HOST}postconf -e 'alternate_config_directories = {where}'")


def _trash(name: str, info: Info) -> Iterator[Line]:
    """Of a host where mail may be deleted."""
    path = info.trash_path
    if "delete" not in info.verbs:
        return
    if info.trash_refuses:
        text = f"The trash folder {path} can't keep deleted mail ({info.trash_refuses}): only final deletions work."
        mend = (
            f"{ON_HOST}in /etc/maildesk/agent.ini, name a trash on the file system of the queue, or leave the line out"
        )
        yield problem(name, text, mend)
    elif info.trash_refuses is None:
        yield warning(name, f"Whether {path} can keep deleted mail was not tried.", INSTALL.format(host=name))
    elif info.trash_bytes is None:
        yield warning(name, f"The trash folder {path} can't be read.", f"{ON_HOST}ls -ld {path}")
    else:
        yield ok(name, f"The trash folder {path} can keep deleted mail; {size(info.trash_bytes)} lie there.")


def _space(name: str, depth: Depth) -> Iterator[Line]:
    for what, free, total in (
        (size(depth.free_bytes), depth.free_bytes, depth.total_bytes),
        (f"{depth.free_inodes:,} inodes", depth.free_inodes, depth.total_inodes),
    ):
        if not total:
            continue
        text = f"{what} ({share(free, total)}) are free on the disk of the queue."
        mend = f"{ON_HOST}make room; /mail trash {name} shows what could be purged"
        if free < total * HARDLY_ANY_SPACE:
            yield problem(name, text, mend)
        elif free < total * LITTLE_SPACE:
            yield warning(name, text, mend)
        elif "inodes" not in what:
            yield ok(name, text)
