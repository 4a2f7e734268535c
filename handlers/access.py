"""Slack users as actors: who is let in, where, and with which role. Whatever can't be found out lets nobody in."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.actors import Actor, Role, Roster
from bot.errors import NotAllowed
from bot.services import Services
from handlers.refusals import said
from handlers.reply import SLACK_ERRORS

logger = logging.getLogger(__name__)

KNOWN_FOR = 300.0
"""Seconds for which a user's account and the members of the groups are taken as known."""
AGAIN_AFTER = 30.0
"""Seconds until a group that could not be read is asked for again."""
USERS_KNOWN = 1000

Body = Mapping[str, Any]
"""What Slack sends for a command, a click or an event."""


class Elsewhere(NotAllowed):
    """The channel is not one that is served."""


class NoRole(NotAllowed):
    """The person's role is too low; `who` are the roster's entries that may."""


@dataclass(frozen=True, slots=True)
class Account:
    """What users.info says of somebody: `refused` is why this account never has a role; empty if it may."""

    name: str
    refused: str
    asked_at: float


class Access:
    """The one door: every command and click passes admit() before anything is done for it."""

    def __init__(self, client: AsyncWebClient, services: Services) -> None:
        self._client = client
        self._roster = services.roster
        self._channels = services.settings.ops_channels
        self._team = ""
        self._accounts: dict[str, Account] = {}
        self._groups_until = 0.0
        self._refreshing = asyncio.Lock()

    async def admit(self, body: Body) -> Actor:
        """The person behind this, with the role that the roster gives.

        Raises NotAllowed for other teams, guests, bots and closed accounts, and where Slack does not say who it is;
        Elsewhere in a channel that is not served (modals and the Home tab have none).
        """
        user = user_of(body)
        await self._check_team(body)
        account = await self._account(user)
        if account.refused:
            raise NotAllowed(account.refused)
        channel = channel_of(body)
        if channel and channel not in self._channels:
            raise Elsewhere("This bot works in the ops channel only. Nothing was done here.")
        await self._refresh_groups()
        return Actor(user, account.name, self._roster.role(user))

    async def _check_team(self, body: Body) -> None:
        try:
            self._team = self._team or str((await self._client.auth_test())["team_id"])
        except SLACK_ERRORS as error:
            logger.warning("auth.test failed: %s", error)
            raise NotAllowed("Slack did not say which workspace this is, so nothing was done. Try again.") from None
        user = body.get("user")
        teams = {body.get("team_id"), (body.get("team") or {}).get("id")}
        teams |= {user.get("team_id")} if isinstance(user, dict) else set()
        if not teams & {self._team} or teams - {None, self._team}:
            raise NotAllowed("This bot serves its own workspace only. Nothing was done.")

    async def _account(self, user: str) -> Account:
        known = self._accounts.get(user)
        if known and time.monotonic() - known.asked_at < KNOWN_FOR:
            return known
        try:
            told = (await self._client.users_info(user=user))["user"]
        except SLACK_ERRORS as error:
            self._accounts.pop(user, None)
            logger.warning("users.info of %s failed: %s", user, error)
            raise NotAllowed("Slack did not say who you are, so nothing was done. Try again in a moment.") from None
        if len(self._accounts) >= USERS_KNOWN:
            self._accounts.clear()
        account = Account(_name(told), without_a_role(told, self._team), time.monotonic())
        self._accounts[user] = account
        return account

    async def _refresh_groups(self) -> None:
        async with self._refreshing:
            if time.monotonic() < self._groups_until:
                return
            problems = await refresh_groups(self._client, self._roster)
            self._groups_until = time.monotonic() + (AGAIN_AFTER if problems else KNOWN_FOR)


def require(actor: Actor, verb: str, roster: Roster) -> None:
    """Raises NoRole, with who may, when this person's role does not cover the verb."""
    if not actor.may(verb):
        raise NoRole(f"You may not use {verb}: {_role(actor.role)}. Nothing was done.", roster.who_may(verb))


def user_of(body: Body) -> str:
    """Whose command, click or event this is."""
    user = body.get("user") or (body.get("event") or {}).get("user") or ""
    return str(body.get("user_id") or (user.get("id") if isinstance(user, dict) else user) or "")


def channel_of(body: Body) -> str:
    """Where it happened; empty in a modal and on the Home tab."""
    channel = body.get("channel") or {}
    container = body.get("container") or {}
    return str(body.get("channel_id") or channel.get("id") or container.get("channel_id") or "")


async def refresh_groups(client: AsyncWebClient, roster: Roster) -> list[str]:
    """Ask Slack for the members of the roster's user groups; one line for each that can't be read.

    Such a group grants nothing, whatever it granted before.
    """
    problems = []
    for group in roster.group_ids():
        try:
            told = await client.usergroups_users_list(usergroup=group)
            roster.groups[group] = frozenset(map(str, told["users"]))
        except SLACK_ERRORS as error:
            roster.groups[group] = None
            problems.append(_group_problem(group, error))
            logger.warning("the members of user group %s can't be read: %s", group, error)
    return problems


def _group_problem(group: str, error: BaseException) -> str:
    word = said(error)
    why = {
        "plan_upgrade_required": "this workspace's plan has no user groups: name people by their IDs (U…) instead",
        "paid_teams_only": "this workspace's plan has no user groups: name people by their IDs (U…) instead",
        "missing_scope": "the app lacks the scope usergroups:read: reinstall it from its manifest",
        "no_such_subteam": "there is no such group",
    }.get(word, f"Slack said: {word}")
    return f"User group {group} can't be read, so it gives nobody a role: {why}."


def without_a_role(told: Mapping[str, Any], team: str) -> str:
    """Why this account never has a role; empty if it may have one."""
    enterprise = told.get("enterprise_user") or {}
    if told.get("deleted"):
        return "This account is closed."
    if told.get("is_bot") or told.get("id") == "USLACKBOT":
        return "Bots can't run this bot."
    if told.get("is_restricted") or told.get("is_ultra_restricted"):
        return "Guests can't run this bot. A full member of this workspace can."
    if told.get("is_stranger") or team not in {told.get("team_id"), *(enterprise.get("teams") or ())}:
        return "This bot serves the members of its own workspace only."
    return ""


def _name(told: Mapping[str, Any]) -> str:
    profile = told.get("profile") or {}
    return str(profile.get("display_name") or told.get("real_name") or told.get("name") or told.get("id") or "")


def _role(role: Role) -> str:
    return "you have no role here" if role is Role.NONE else f"you are {_article(role.label)} here"


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
