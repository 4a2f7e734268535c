"""What a requeue did, as the channel sees it."""

from collections.abc import Collection, Mapping

from bot.agent.outcomes import Requeued
from bot.mailhost.host import Change
from bot.text import Addresses, plural
from handlers.blocks.change import Deed, bulleted, counted, failures
from handlers.blocks.kit import Card, card, context
from handlers.blocks.rich import bold, code, person, say

REQUEUED: Mapping[str, str] = {
    "requeued": "taken in anew: a new queue ID within a minute, and tried at once",
    "on_hold": "on hold: a requeue leaves those alone",
    "in_delivery": "not requeued: in delivery at this very moment; try again in a minute",
    "gone": "not in the queue: delivered, sent back or deleted meanwhile",
    "changed": "not touched: the queue ID belongs to another message now",
    "not_in_queue_yet": "not touched: still in maildrop",
    "failed": "not requeued: Postfix could not do it",
}


def requeued(deed: Deed, done: Change[Requeued], addresses: Addresses, typed: Collection[str] = ()) -> Card:
    """`typed` are the queue IDs that somebody typed: those that are no message are named."""
    counts = done.result.counts
    moved = counts.get("requeued", 0)
    headline = f"requeued {plural(moved, 'message') if moved else 'nothing'} on {deed.host}"
    return card(
        f"{deed.name} {headline}: {deed.what}",
        say([person(deed.by), " ", bold(headline), ": ", code(deed.what, 300)]),
        bulleted(counted(counts, REQUEUED)),
        None if done.result.mail_system_up else say("Postfix is down: nothing is taken in until it runs again."),
        failures(done.outcomes, REQUEUED, addresses, typed),
        last=[context("A requeued message is read anew by Postfix, with the settings of now. It deletes nothing.")],
    )
