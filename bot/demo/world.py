"""The outside world of the demo: how the mail servers of other domains answer, as a table (RFC 5321, RFC 3463).

The texts are this project's, in the style of Postfix's smtp(8) and of the providers they stand for; what a reader
greps for (codes, the names of errors) is theirs. Which answer comes is drawn from a seed, the recipient and the number
of the attempt, so that the same demo runs the same way in any order of deliveries.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["sent", "deferred", "bounced"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes of one attempt, after so many seconds of talking.

    `text` is smtp(8)'s, with {mx} {ip} (the server), {own} (our address), {domain} {address} (the recipient) and {mark}
    (a random-looking word) in it. With `site` it says something about the whole destination, which is left alone
    for a while.
    """

    status: Status
    dsn: str
    text: str
    seconds: float = 0.1
    site: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """How the mail server of some domains behaves: one of its answers, by their weights.

    While a message is younger than `patience` seconds it gets `first` instead. At most `concurrency` deliveries run
    at once.
    """

    mx: str
    answers: tuple[tuple[int, Answer], ...]
    first: Answer | None = None
    patience: float = 0.0
    concurrency: int = 20

    @property
    def reasons(self) -> tuple[Answer, ...]:
        """Its answers that leave mail in the queue."""
        every = ((self.first,) if self.first else ()) + tuple(answer for _, answer in self.answers)
        return tuple(answer for answer in every if answer.status == "deferred")


ACCEPTED = Answer("sent", "2.0.0", "250 2.0.0 Ok: queued as {mark}")
SERVER = "host {mx}[{ip}]"
IN_RCPT = "(in reply to RCPT TO command)"
IN_MAIL = "(in reply to MAIL FROM command)"
IN_DATA = "(in reply to end of DATA command)"

GMAIL_ADDRESS_RATE = Answer(
    "deferred",
    "4.7.28",
    f"{SERVER} said: 421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating 421-4.7.28 from your"
    " IP address [{own}]. To protect our users, mail from it is 421-4.7.28 rate limited for now. For more information,"
    f" go to 421 4.7.28 https://support.google.com/mail/?p=UnsolicitedRateLimitError {{mark}} - gsmtp {IN_DATA}",
)
GMAIL_DOMAIN_RATE = Answer(
    "deferred",
    "4.7.28",
    f"{SERVER} said: 421-4.7.28 Gmail has detected an unusual rate of mail from your DKIM domain 421-4.7.28"
    " [example.org]. To protect our users, it is rate limited for now. 421-4.7.28 For more information, go to 421"
    f" 4.7.28 https://support.google.com/mail/?p=UnsolicitedRateLimitError {{mark}} - gsmtp {IN_DATA}",
)
GMAIL_TOO_QUICKLY = Answer(
    "deferred",
    "4.2.1",
    f"{SERVER} said: 450-4.2.1 The user you are trying to contact is receiving mail too quickly. 450-4.2.1 Please send"
    f" it again later. {{mark}} - gsmtp {IN_RCPT}",
)
MICROSOFT_LIMITED = Answer(
    "deferred",
    "4.7.650",
    f"{SERVER} said: 451 4.7.650 The mail server [{{own}}] has been temporarily rate limited due to IP reputation. For"
    " e-mail delivery information, see https://aka.ms/postmaster (S775) [{mark}.prod.protection.outlook.com]"
    f" {IN_MAIL}",
)
MICROSOFT_BLOCKED = Answer(
    "deferred",
    "5.7.1",
    f"{SERVER} refused to talk to me: 550 5.7.1 Messages from [{{own}}] are not accepted, since part of their network"
    " is on our block list (S3140). Ask your Internet service provider to have it removed. [{mark}]",
)
QUOTA = Answer("deferred", "4.2.2", f"{SERVER} said: 452 4.2.2 <{{address}}>: the mailbox is full, try later {IN_RCPT}")
GREYLISTED = Answer(
    "deferred",
    "4.7.1",
    f"{SERVER} said: 450 4.7.1 <{{address}}>: Recipient address rejected: Greylisted, come back in 300 seconds"
    f" {IN_RCPT}",
)
NAME_SERVER_BROKEN = Answer(
    "deferred",
    "4.4.3",
    "Host or domain name not found. Name service error for name={domain} type=MX: Host not found, try again",
    seconds=0.4,
)
NO_SUCH_DOMAIN = Answer(
    "bounced", "5.4.4", "Host or domain name not found. Name service error for name={domain} type=A: Host not found"
)
TIMED_OUT = Answer("deferred", "4.4.1", "connect to {mx}[{ip}]:25: Connection timed out", seconds=6.0, site=True)
REFUSED = Answer("deferred", "4.4.1", "connect to {mx}[{ip}]:25: Connection refused", site=True)
LOST = Answer(
    "deferred",
    "4.4.2",
    "lost connection with {mx}[{ip}] while receiving the initial server greeting",
    seconds=1.0,
    site=True,
)
CRAWLS = Answer(
    "deferred",
    "4.4.2",
    "conversation with {mx}[{ip}] timed out while sending end of data -- message may be sent more than once",
    seconds=900.0,
)
UNKNOWN_USER = Answer(
    "bounced", "5.1.1", f"{SERVER} said: 550 5.1.1 <{{address}}>: Recipient address rejected: User unknown {IN_RCPT}"
)
BLOCKLISTED = Answer(
    "deferred",
    "4.7.1",
    f"{SERVER} said: 450 4.7.1 Service unavailable; Client host [{{own}}] blocked using bl.example.net; see"
    f" https://bl.example.net/{{own}} {IN_RCPT}",
)

SITES: Mapping[str, Site] = {
    "accepts": Site("mx.{domain}", ((1, ACCEPTED),)),
    "gmail": Site(
        "aspmx.l.google.com",
        ((25, ACCEPTED), (40, GMAIL_ADDRESS_RATE), (30, GMAIL_DOMAIN_RATE), (5, GMAIL_TOO_QUICKLY)),
    ),
    "microsoft": Site(
        "{domain_dashed}.mail.protection.outlook.com",
        ((10, ACCEPTED), (70, MICROSOFT_LIMITED), (20, MICROSOFT_BLOCKED)),
    ),
    "quota": Site("mx.{domain}", ((9, QUOTA), (1, ACCEPTED))),
    "greylists": Site("mx.{domain}", ((1, ACCEPTED),), first=GREYLISTED, patience=300.0),
    "broken names": Site("mx.{domain}", ((1, NAME_SERVER_BROKEN),)),
    "no such domain": Site("mx.{domain}", ((1, NO_SUCH_DOMAIN),)),
    "times out": Site("mail.{domain}", ((1, TIMED_OUT),)),
    "refuses": Site("mail.{domain}", ((1, REFUSED),)),
    "hangs up": Site("mx1.{domain}", ((1, LOST),)),
    "crawls": Site("mx.{domain}", ((1, CRAWLS),), concurrency=5),
    "unknown users": Site("mx.{domain}", ((3, UNKNOWN_USER), (2, ACCEPTED))),
    "blocklists": Site("mx.{domain}", ((3, BLOCKLISTED), (1, UNKNOWN_USER))),
}


@dataclass(frozen=True, slots=True)
class World:
    """Domains and how their mail servers behave. A domain that is not named does not exist."""

    domains: Mapping[str, str]
    seed: int = 0
    own: str = "192.0.2.25"

    @classmethod
    def load(cls, path: Path) -> World:
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Whoever reads it meanwhile gets the old world or the new one, never half of it."""
        new = path.with_suffix(".new")
        new.write_text(json.dumps({"domains": dict(self.domains), "seed": self.seed, "own": self.own}, indent=1))
        new.replace(path)

    def site(self, domain: str) -> Site:
        return SITES[self.domains.get(domain.lower(), "no such domain")]

    def answer(self, address: str, *, age: float, attempt: int) -> Answer:
        """What an attempt to deliver to this address brings; `age` of the message in seconds, attempts from 0."""
        site = self.site(domain_of(address))
        if site.first and age < site.patience:
            return self._filled(site.first, address, attempt)
        draw = self._draw(address, attempt) % sum(weight for weight, _ in site.answers)
        answers = iter(site.answers)
        while (row := next(answers))[0] <= draw:
            draw -= row[0]
        return self._filled(row[1], address, attempt)

    def reason(self, address: str) -> Answer | None:
        """An answer that this address may have got before, and for which its mail still waits; None if none does."""
        reasons = self.site(domain_of(address)).reasons
        return self._filled(reasons[0], address, -1) if reasons else None

    def relay(self, address: str) -> str:
        """The server for this address, as smtp(8) logs it."""
        mx, ip = self._server(domain_of(address))
        return f"{mx}[{ip}]:25"

    def _server(self, domain: str) -> tuple[str, str]:
        mx = self.site(domain).mx.format(domain=domain, domain_dashed=domain.replace(".", "-"))
        number = zlib.crc32(mx.encode("utf-8", "surrogateescape"))
        # The three networks that RFC 5737 keeps for documentation.
        return mx, f"{('198.51.100', '203.0.113', '192.0.2')[number % 3]}.{30 + number // 3 % 200}"

    def _draw(self, address: str, attempt: int) -> int:
        return zlib.crc32(f"{self.seed} {address} {attempt}".encode("utf-8", "surrogateescape"))

    def _filled(self, answer: Answer, address: str, attempt: int) -> Answer:
        domain = domain_of(address)
        mx, ip = self._server(domain)
        mark = f"{self._draw(address, attempt):08x}{self._draw(domain, attempt):05x}"
        text = answer.text.format(mx=mx, ip=ip, own=self.own, domain=domain, address=address, mark=mark)
        return Answer(answer.status, answer.dsn, text, answer.seconds, answer.site)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]
