"""DKIM selectors where the settings name none: from the host's own files, else from signatures in its queue.

They are offered, to be named in the settings, and looked up once they are found. Anybody can write a signature, so one
without a published key says nothing of the host; what its files name is what it signs with.
Codes: dkim.selector_found, and those of bot/reputation/dkim.py.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.agent.protocol import Cursor, Selection, SigningKey, Term
from bot.errors import HostError
from bot.mailhost.host import MailHost
from bot.reputation import dkim
from bot.reputation.answers import Absent
from bot.reputation.findings import Finding, Severity
from bot.reputation.records import plain
from bot.reputation.resolver import Resolver
from bot.reputation.taglist import tags
from bot.text import listed

SOURCE = "RFC 6376 §3.5"

LOOKED_AT = 8
"""Messages whose headers are read, the newest deferred ones."""

MOST = 20_000
"""Messages in the queue: to find the newest of more would keep Postfix busy for too long."""

PATIENCE = 15.0
"""Seconds for all of it."""

DEFERRED = Selection((Term("queue", "deferred"),))
NEWEST = Cursor(str(10**15), "FFFFFF")
"""A place behind every message."""

SELECTOR = re.compile(r"(?=.{1,100}\Z)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\Z", re.IGNORECASE)


async def check(
    resolver: Resolver, host: MailHost, domain: str, signing: Sequence[SigningKey] = ()
) -> tuple[Finding, ...]:
    """The keys of the selectors that the host signs mail of this domain with, as far as its files or its queue tell."""
    domain = plain(domain)
    named = {
        key.selector: f"{key.file}: {key.domain or 'all domains'}, {key.selector}"
        for key in signing
        if key.domain in ("", domain)
    }
    if named:
        text = f"{host.name} signs mail of {domain} with the {_what(named)}, as its own files say."
        return (_offered(host.name, domain, text, named), *await dkim.check(resolver, domain, list(named)))
    found, looked = await _in_queue(host, domain)
    keys = await asyncio.gather(*(resolver.ask(f"{each}._domainkey.{domain}", "TXT") for each in found))
    published = [each for each, key in zip(found, keys, strict=True) if not isinstance(key, Absent)]
    results = await dkim.check(resolver, domain, published)
    if published:
        text = f"{host.name} has mail in its queue that {domain} signed with the {_what(published)}."
        seen_in = {each: found[each] for each in published}
        return (_offered(host.name, domain, text, seen_in), *results)
    seen = tuple(f"{found[each]}: no key is published" for each in found) or (looked,)
    return tuple(replace(each, evidence=seen) for each in results)


def _what(selectors: Collection[str]) -> str:
    return f"{'selector' if len(selectors) == 1 else 'selectors'} {listed(list(selectors))}"


def _offered(host: str, domain: str, text: str, selectors: Mapping[str, str]) -> Finding:
    """`selectors` with where each was seen."""
    advice = (
        "Name it in the settings, so that its key is always looked at:"
        f" selectors = {json.dumps(list(selectors))} under [hosts.{host}]."
    )
    evidence = tuple(selectors.values())
    return Finding("auth", Severity.INFO, "dkim.selector_found", domain, text, evidence, SOURCE, advice)


async def _in_queue(host: MailHost, domain: str) -> tuple[dict[str, str], str]:
    """Selectors with where each was seen, in the order of the newest mail; and what was looked at."""
    try:
        async with asyncio.timeout(PATIENCE):
            depth = await host.depth()
            waiting = [number for number in depth.queues.values() if number is not None]
            if sum(waiting) > MOST:
                return {}, f"the queue of {host.name} was not searched for signatures: it has {sum(waiting):,} messages"
            page = (await host.list(DEFERRED, limit=LOOKED_AT, before=NEWEST)).page
            messages = await asyncio.gather(*(host.show(each.queue_id) for each in page), return_exceptions=True)
    except TimeoutError:
        return {}, f"the queue of {host.name} could not be searched for signatures within {PATIENCE:g} s"
    except HostError as error:
        return {}, f"the queue of {host.name} could not be searched for signatures: {error}"
    found: dict[str, str] = {}
    read = [message for message in messages if not isinstance(message, BaseException)]
    for message in reversed(read):
        for name, value in message.headers:
            if name.lower() == "dkim-signature" and (selector := _selector(value, domain)):
                found.setdefault(selector, f"DKIM-Signature of {message.queued.queue_id}: d={domain}; s={selector}")
    return found, f"no signature of {domain} in the newest {len(read)} deferred messages of {host.name}"


def _selector(signature: str, domain: str) -> str:
    """The selector of a signature of this very domain; empty: of another, or not readable as one."""
    found = {tag.name: tag.value or "" for tag in tags(signature)}
    selector = found.get("s", "")
    return selector.lower() if plain(found.get("d", "")) == domain and SELECTOR.match(selector) else ""
