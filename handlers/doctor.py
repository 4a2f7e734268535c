"""What doctor says of Slack: tokens, scopes, channels, user groups, people, the clock, and what was not delivered.

It asks Slack and changes nothing. (docs.slack.dev/reference/methods/auth.test; scopes stand in `x-oauth-scopes`.)
"""

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

from slack_sdk.web.async_client import AsyncWebClient

from bot.actors import is_group
from bot.doctor import clocks
from bot.doctor.lines import Line, ok, problem, warning
from bot.doctor.people import LOGIN
from bot.services import Services
from bot.text import listed
from handlers.access import refresh_groups, without_a_role
from handlers.blocks.outbox import undelivered
from handlers.client import client_of
from handlers.refusals import refusal, said
from handlers.reply import SLACK_ERRORS
from handlers.startup import APP_REFUSED, BOT_REFUSED, REINSTALL, channel_trouble, mend_of

ABOUT = "Slack"

SCOPES: Mapping[str, str] = {
    "commands": "/mail does not exist",
    "chat:write": "nothing can be posted",
    "users:read": "nobody is known, so nobody is let in",
    "usergroups:read": "user groups (S…) give nobody a role",
    "files:write": "lists and pictures can't be sent",
    "im:write": "long lists can't be sent to one person",
    "channels:read": "whether the bot is in a public channel can't be found out",
    "groups:read": "whether the bot is in a private channel can't be found out",
    "channels:history": "what was posted in a public channel can't be looked up after a time-out",
    "groups:history": "what was posted in a private channel can't be looked up after a time-out",
}
"""The scopes of deploy/slack-manifest.yaml, each with what happens without it."""
NEEDED = ("commands", "chat:write", "users:read")
"""Without these the bot can't work at all."""

LISTS = ("viewers", "operators", "approvers")
PEOPLE = 50
"""So many are asked for; a workspace where more are named one by one should use a user group."""


async def lines(services: Services) -> Sequence[Line]:
    """Everything that can be found out; what can't because a token is refused is not repeated for each question."""
    settings = services.settings
    if missing := settings.for_slack():
        return [problem(ABOUT, line.replace(" is not set: ", " is not set. It is "), _SET) for line in missing]
    assert settings.slack_bot_token is not None
    client = client_of(services, settings.slack_bot_token.get_secret_value(), [])
    before = services.now().timestamp()
    try:
        told = await client.auth_test()
    except SLACK_ERRORS as error:
        return [_refused(BOT_REFUSED, error, settings.slack_api_url)]
    headers = {str(name).lower(): str(value) for name, value in told.headers.items()}
    name, team = str(told.get("user", "")), str(told.get("team_id", ""))
    return [
        ok(ABOUT, f"SLACK_BOT_TOKEN is @{name}'s, in the workspace {told.get('team', team)}."),
        _scopes(headers.get("x-oauth-scopes")),
        await _app_token(client, services),
        *[await _channel(client, channel, name) for channel in settings.ops_channels],
        *await _groups(client, services),
        *await _people(client, services, team),
        *_clock(headers.get("date"), before, services.now().timestamp()),
        *await _backlog(services, team),
    ]


_SET = "In the settings (.env); README.md says where in Slack it is found"


def _refused(words: str, error: BaseException, url: str) -> Line:
    """A token that Slack refuses, or a Slack that is not there."""
    if refusal(error).lasting:
        what, _, mend = words.format(said=said(error)).partition(": ")
        return problem(ABOUT, f"{what}.", _deed(mend))
    return problem(ABOUT, f"Slack can't be reached at {url}: {said(error)}.", f"curl -sS {url}api.test")


def _deed(text: str) -> str:
    """The end of a sentence as a line of its own."""
    return text[:1].upper() + text[1:].rstrip(".")


def _scopes(told: str | None) -> Line:
    if told is None:
        return warning(ABOUT, "Slack did not say which scopes the app has.", REINSTALL)
    has = {scope.strip() for scope in told.split(",")}
    lacking = [scope for scope in SCOPES if scope not in has]
    if not lacking:
        return ok(ABOUT, f"The app has all {len(SCOPES)} scopes of the manifest.")
    text = f"The app lacks {listed(lacking)}: {'; '.join(SCOPES[scope] for scope in lacking)}."
    return problem(ABOUT, text, REINSTALL) if set(lacking) & set(NEEDED) else warning(ABOUT, text, REINSTALL)


async def _app_token(client: AsyncWebClient, services: Services) -> Line:
    """Slack gives out an address for the WebSocket; nothing connects to it, and it expires by itself."""
    token = services.settings.slack_app_token
    assert token is not None
    try:
        await client.apps_connections_open(app_token=token.get_secret_value())
    except SLACK_ERRORS as error:
        return _refused(APP_REFUSED, error, services.settings.slack_api_url)
    return ok(ABOUT, "SLACK_APP_TOKEN may open connections (Socket Mode).")


async def _channel(client: AsyncWebClient, channel: str, name: str) -> Line:
    trouble = await channel_trouble(client, channel, name)
    return problem(ABOUT, trouble.what, trouble.mend) if trouble else ok(ABOUT, f"The bot is in {channel}.")


async def _groups(client: AsyncWebClient, services: Services) -> list[Line]:
    """They are read anew, so that what is said is how it is now."""
    groups = services.roster.group_ids()
    found = []
    for text in await refresh_groups(client, services.roster):
        what, _, mend = text.rpartition(": ")
        found.append(problem(ABOUT, f"{what}.", _deed(mend)))
    for group in groups:
        members = services.roster.groups.get(group)
        if members is not None:
            found.append(
                ok(ABOUT, f"User group {group} has {len(members)} members.")
                if members
                else warning(ABOUT, f"User group {group} has no members.", "Add people to it in Slack")
            )
    return found


async def _people(client: AsyncWebClient, services: Services, team: str) -> list[Line]:
    """Accounts that are named and never have a role: closed ones, guests, bots, other workspaces'."""
    settings, found = services.settings, []
    named = {who: list_.upper() for list_ in LISTS for who in getattr(settings, list_)}
    people = [who for who in named if not is_group(who) and not who.startswith(LOGIN)]
    for who in people[:PEOPLE]:
        try:
            why = without_a_role((await client.users_info(user=who))["user"], team)
        except SLACK_ERRORS as error:
            if said(error) not in ("user_not_found", "user_not_visible"):
                found.append(warning(ABOUT, f"Who {who} is could not be found out ({said(error)}).", mend_of(error)))
                continue
            why = "There is no such account in this workspace."
        if why:
            found.append(warning(ABOUT, f"{named[who]}: {who} has no role. {why}", f"Take {who} out of {named[who]}"))
    return found


def _clock(date: str | None, before: float, after: float) -> list[Line]:
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return [warning(ABOUT, "Slack told no time to compare this machine's clock with.", clocks.MEND)]
    return [clocks.apart("this machine", "Slack's clock", theirs, before, after)]


async def _backlog(services: Services, team: str) -> list[Line]:
    """What Slack should have and has not. The database may not be open; that has a line of its own."""
    if not services.store.is_open:
        return []
    backlog = await services.store.outbox.backlog(team, services.now())
    texts = undelivered(backlog, services.now())
    if not texts:
        return [ok(ABOUT, "Everything that it should have was delivered.")]
    return [warning(ABOUT, text, "What mends it is said there; the bot posts it then") for text in texts]
