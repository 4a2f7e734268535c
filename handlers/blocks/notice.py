"""Short messages: an error, a refusal, work that is under way."""

from collections.abc import Sequence

from bot.errors import AgentFault, AgentRefused, HostBusy, HostUnreachable, MailSystemDown, OutcomeUnknown, UserError
from bot.text import plural
from handlers.blocks.kit import Block, Card, card
from handlers.blocks.rich import Line, channel, code, joined, person, say


def error(text: str) -> Card:
    """A known error in its own words."""
    lines = text.splitlines() or [""]
    return card(" ".join(lines), say(*lines))


def unexpected(reference: str) -> Card:
    text = "Something went wrong here that nobody expected."
    return card(
        f"{text} Reference {reference}.",
        say(
            text,
            ["Reference ", code(reference), " is in this bot's log, with all that is known of it."],
            "Nothing more was done. If you had asked for a change, look with /mail status what became of it.",
        ),
    )


def refusal(text: str, who: Sequence[str]) -> Card:
    """Why something is not allowed, and the people who may."""
    lines: list[Line] = [text]
    if who:
        lines.append(["Who may: ", *joined([person(member) for member in who[:20]], "or"), "."])
    else:
        lines.append("Nobody may yet: the settings VIEWERS, OPERATORS and APPROVERS say who may do what.")
    return card(text, say(*lines))


def elsewhere(channels: Sequence[str]) -> Card:
    """The answer in a channel that is not served."""
    text = "This bot works in the ops channel only."
    where = [channel(name) for name in channels[:20]]
    line: Line = ["I work in ", *joined(where, "and"), " only. Nothing was done here."] if where else text
    return card(text, say(line))


def note(text: str) -> Card:
    """One line that says what is being done."""
    return card(text, say(text))


# What is certain after an error, by its kind; the first that fits counts.
AFTERWARDS: tuple[tuple[type[BaseException], str], ...] = (
    (HostUnreachable, "The mail host could not be reached. Nothing was changed."),
    (AgentRefused, "The mail host's agent refused it. Nothing was changed."),
    (MailSystemDown, "Postfix does not run there. Nothing was changed."),
    (HostBusy, "Another change is under way there. Nothing was changed."),
    (OutcomeUnknown, "The answer never came: it may have happened, wholly or in part. Look with /mail status."),
    (AgentFault, "The mail host's agent failed on the way. Look with /mail status what became of it."),
    (UserError, "That could not be done. Nothing was changed."),
)
STOPPED = "It is not known how far it got: the bot stopped waiting for it. Look with /mail status."


def not_done(opening: Sequence[Block], failure: BaseException) -> Card:
    """How work that was announced in the channel ended when it failed; the asker alone gets the error's own words."""
    text = next((text for kind, text in AFTERWARDS if isinstance(failure, kind)), STOPPED)
    return card(text, *opening, say(text))


BAR = 10


def progress(opening: Sequence[Block], done: int, total: int | None, text: str) -> Card:
    """Work under way in the channel, with how far it has got."""
    if total:
        filled = min(BAR, BAR * done // total)
        text = f"{'▰' * filled}{'▱' * (BAR - filled)} {done:,} of {plural(total, 'message')} {text}"
    elif done:
        text = f"{plural(done, 'message')} {text}"
    return card(text or "Under way …", *opening, say(text or "Under way …"))


def untold(reason: str) -> Card:
    """That the channel could not be told what this person was told instead."""
    advice = {
        "not_in_channel": "The bot is not in this channel: type /invite and its name here.",
        "channel_not_found": "The bot is not in this channel: type /invite and its name here.",
        "is_archived": "The channel is archived.",
        "ratelimited": "Slack asks for fewer messages at the moment.",
    }.get(reason, f"Slack said: {reason}.")
    return card(
        "The channel could not be told.",
        say(f"Only you see the message above: the channel could not be told. {advice}"),
    )
