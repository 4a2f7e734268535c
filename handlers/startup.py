"""What the start has to say: what Slack does not accept, channels that the bot is not in, groups that can't be read."""

from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SettingsError
from bot.services import Services
from handlers.access import refresh_groups
from handlers.refusals import said
from handlers.reply import SLACK_ERRORS

BOT_REFUSED = (
    "Slack does not accept SLACK_BOT_TOKEN ({said}): copy the bot's token again from the app's page "
    "“OAuth & Permissions”."
)
APP_REFUSED = (
    "Slack does not accept SLACK_APP_TOKEN ({said}): switch on Socket Mode, and make a new app-level token with the "
    "scope connections:write on the app's page “Basic Information”."
)

REINSTALL = "Reinstall the app from deploy/slack-manifest.yaml: its page “Install App”"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, and what mends it."""

    what: str
    mend: str


def mend_of(error: BaseException) -> str:
    """What mends a question that Slack did not answer: scopes, or time."""
    return REINSTALL if said(error) == "missing_scope" else "Try again in a moment"


async def startup(client: AsyncWebClient, services: Services) -> list[str]:
    """What the start has to say, a readable line each; empty when all is well. It reads the user groups as well."""
    try:
        name = str((await client.auth_test())["user"])
    except SLACK_ERRORS as error:
        if said(error) in REFUSALS:
            return [BOT_REFUSED.format(said=said(error))]
        return [f"Slack can't be reached at {services.settings.slack_api_url}: {said(error)}."]
    channels = services.settings.ops_channels
    troubles = [await channel_trouble(client, channel, name) for channel in channels]
    lines = [f"{trouble.what} {trouble.mend}" for trouble in troubles if trouble]
    lines += await refresh_groups(client, services.roster)
    roster = services.roster
    if not (roster.viewers or roster.operators or roster.approvers):
        lines.append("Nobody has a role: name at least one person (U…) in OPERATORS or APPROVERS.")
    return lines


async def socket_address(client: AsyncWebClient, app_token: str) -> str | None:
    """Where Slack wants the first WebSocket; None when it can't be reached. Raises SettingsError for refused tokens.

    The tokens are tried here because the SDK would try a refused one for ever.
    """
    problems: list[str] = []
    address = None
    try:
        await client.auth_test()
    except SLACK_ERRORS as error:
        problems += [BOT_REFUSED.format(said=said(error))] if said(error) in REFUSALS else []
    try:
        address = str((await client.apps_connections_open(app_token=app_token))["url"])
    except SLACK_ERRORS as error:
        problems += [APP_REFUSED.format(said=said(error))] if said(error) in REFUSALS else []
    if problems:
        raise SettingsError(problems)
    return address


# What Slack says of a token; other errors are a bad moment of its own.
REFUSALS = frozenset(
    (
        *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission"),
        *("not_allowed_token_type", "missing_scope", "access_denied", "forbidden_team", "org_login_required"),
    )
)


async def channel_trouble(client: AsyncWebClient, channel: str, name: str) -> Trouble | None:
    """What is wrong with one of the ops channels; None when the bot can work in it. `name` is the bot's own."""
    invite = f"type there: /invite @{name}"
    try:
        told = (await client.conversations_info(channel=channel))["channel"]
    except SLACK_ERRORS as error:
        if said(error) == "channel_not_found":
            what = f"OPS_CHANNELS: {channel} is no channel that the bot can see."
            return Trouble(what, f"If it is a private one, {invite}")
        return Trouble(f"OPS_CHANNELS: Slack says nothing of {channel} ({said(error)}).", mend_of(error))
    shown = f"#{told.get('name', channel)} ({channel})"
    if told.get("is_archived"):
        return Trouble(f"OPS_CHANNELS: {shown} is archived.", "Name another channel, or unarchive it in Slack")
    return None if told.get("is_member") else Trouble(f"The bot is not in {shown}.", f"T{invite[1:]}")
