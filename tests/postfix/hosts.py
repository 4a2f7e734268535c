"""The product's own view of a private Postfix: its agent, from this checkout, on that instance."""

from __future__ import annotations

import sys

from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from tests.postfix.instance import PrivatePostfix


def agent_argv(postfix: PrivatePostfix, verbs: str = "") -> tuple[str, ...]:
    """The command that starts the uninstalled agent with an agent.ini for this instance alone."""
    ini = postfix.config_directory.parent / "agent.ini"
    allowed = f"verbs = {verbs}\n" if verbs else ""
    ini.write_text(f"[default]\nconfig_directory = {postfix.config_directory}\n{allowed}")
    ini.chmod(0o644)
    return (sys.executable, "-I", "-m", "bot.agent", "--ini", str(ini))


def mail_host(postfix: PrivatePostfix, name: str = "mx1", verbs: str = "") -> MailHost:
    return MailHost(CommandLink(name, agent_argv(postfix, verbs)))
