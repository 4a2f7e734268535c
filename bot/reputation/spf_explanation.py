"""A domain's own words for those whom its SPF record turns away (exp=, RFC 7208 §6.2)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

from spftrace import Evaluator, SpfPermError, SpfTempError, Term
from spftrace.evaluator import valid_domain
from spftrace.macros import MacroContext, expand, truncate_domain
from spftrace.resolver import DnsError

BLANKS = re.compile(r"%.| ")


class _Context(MacroContext):
    def ip_macro(self) -> str:
        return super().ip_macro().upper()  # as §7.4 writes IPv6 addresses; the DNS does not mind


class ExplainingEvaluator(Evaluator):
    """spftrace takes a text with blanks, or with the macros for them, for a mistake, and so drops nearly every one."""

    async def _explanation(
        self, ip: IPv4Address | IPv6Address, domain: str, sender: str, helo: str, exp_term: Term
    ) -> str | None:
        context = _Context(ip, sender, helo, domain, self.receiver, self.session)
        try:
            with self.session.void_exempt():
                target = truncate_domain(await expand(exp_term.arg or "", context))
                if not valid_domain(target):
                    return None
                _, texts = await self.session.query(target, "TXT")
                return await expand(_without_blanks(texts[0]), context, exp=True) if len(texts) == 1 else None
        except (SpfPermError, SpfTempError, DnsError, ValueError):
            return None  # a mistake there is as if nothing had been said (§6.2)


def _without_blanks(text: str) -> str:
    """Each blank as its macro (§7.1); one behind a % that stands alone remains, and so remains a mistake."""
    return BLANKS.sub(lambda found: "%_" if found[0] == " " else found[0], text)
