"""Who writes to whom in the demo: a mail host on the morning after one of its accounts was broken into.

Every address and network is one that the RFCs keep for examples (2606, 5737, 6761).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.demo.mail import Mail
from bot.demo.world import World

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
LIFETIME = 5 * DAY
MINIMAL_BACKOFF, MAXIMAL_BACKOFF = 300.0, 4000.0

HACKED = "info@example.org"
FORGED = "billing@bank.example"
BOTNET = ("unknown", "203.0.113.77")
OFFICE = ("office.example.org", "198.51.100.7")
SHOP = ("www.example.org", "198.51.100.12")

GOOGLE = ("bakery.example", "school.example", "choir.example", "library.example", "theatre.example", "clinic.example")
MICROSOFT = ("lawfirm.example", "insurance.example", "townhall.example", "steelworks.example")
GREYLISTING = ("university.example", "observatory.example")
FRIENDS = ("example.org", "example.com", "example.net", "partner.example", "bücher.example")

# The domains that the spam goes to, by how their servers behave: enough of each that no single one stands out.
SECOND = ("mill", "works", "lane", "point")
STRANGERS: Mapping[str, Sequence[str]] = {
    behaviour: tuple(f"{first}-{second}.test" for first in firsts for second in SECOND)
    for behaviour, firsts in {
        "times out": ("amber", "birch", "cedar", "delta"),
        "blocklists": ("ember", "fjord", "grove", "heron", "iris", "jade", "kelp", "lotus", "maple"),
        "refuses": ("north", "ocean"),
        "broken names": ("pearl", "quartz", "river"),
        "greylists": ("slate", "tulip", "umber"),
        "hangs up": ("vale",),
        "quota": ("willow",),
    }.items()
}

DOMAINS: Mapping[str, str] = {
    **dict.fromkeys(GOOGLE, "gmail"),
    **dict.fromkeys(MICROSOFT, "microsoft"),
    **dict.fromkeys(GREYLISTING, "greylists"),
    **dict.fromkeys(FRIENDS, "accepts"),
    "pensioners.example": "quota",
    "old-customer.test": "broken names",
    "harbour.example": "times out",
    "printer.example": "refuses",
    "museum.example": "hangs up",
    "bigmail.example": "crawls",
    "bank.example": "blocklists",
    **{domain: behaviour for behaviour, domains in STRANGERS.items() for domain in domains},
}

PEOPLE = tuple(
    """ada adele alan amira anders anna aroha bao bela carla chen clara dana david diego elif emil erik fatima felix
    frida georg grace hana hugo ines ivan jana jin jonas julia kofi lara lena lior luca maja marie mateo mei mina
    nadia nils noor olga omar paul petra priya rosa ruth sami sara sven tariq tomas vera wanda xenia yara yusuf zoe
    """.split()  # noqa: SIM905 - so they are read, and a new one is added, more easily
)
NEWS = ("Spring catalogue", "Your order is on its way", "Opening hours in May", "Ten years of Example: thank you")
LETTERS = ("Minutes of Tuesday", "Re: offer 2217", "Invoice 30418", "Lunch on Friday?", "Key handover", "Re: Re: plans")
SPAM = ("Urgent: your account is suspended", "Payment advice 88213", "Final notice", "You have 1 new secure message")


@dataclass(frozen=True, slots=True)
class Queued:
    """A message and where it lies; `next_attempt` in seconds since the epoch.

    With `tried` its recipients have a reason; with `suspended` that their servers could not be reached a moment ago.
    """

    mail: Mail
    queue: str = "deferred"
    next_attempt: float = 0.0
    tried: bool = True
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """Many messages of one kind, `ages` seconds old (from, to). A login is one of this host's own users."""

    count: int
    domains: Sequence[str]
    ages: tuple[float, float]
    sender: str = ""
    subjects: Sequence[str] = LETTERS
    client: tuple[str, str] = OFFICE
    login: str = ""
    queue: str = "deferred"
    sizes: tuple[int, int] = (600, 6000)
    from_header: str = ""


NEWSLETTER = Stream(
    1180, GOOGLE, (20 * MINUTE, 6 * HOUR), "news@example.org", NEWS, SHOP, "shop@example.org", sizes=(6000, 16000)
)
SPAM_RUN = Stream(
    640,
    tuple(domain for domains in STRANGERS.values() for domain in domains),
    (2 * MINUTE, 95 * MINUTE),
    FORGED,
    SPAM,
    BOTNET,
    HACKED,
    sizes=(1500, 2500),
    from_header='"Bank Example Security" <billing@bank.example>',
)
STREAMS = (
    NEWSLETTER,
    SPAM_RUN,
    Stream(372, MICROSOFT, (30 * MINUTE, 9 * HOUR)),
    Stream(212, GREYLISTING, (20.0, 55 * MINUTE)),
    Stream(168, ("harbour.example",), (HOUR, 2 * DAY)),
    Stream(148, ("old-customer.test",), (3 * HOUR, 4.8 * DAY)),
    Stream(88, ("printer.example",), (HOUR, 30 * HOUR)),
    Stream(64, ("pensioners.example",), (HOUR, 3 * DAY), sizes=(20000, 50000)),
    Stream(36, ("museum.example",), (HOUR, 12 * HOUR)),
    # Spam that others sent under our users' names comes back, and its true senders can't be reached.
    Stream(264, (*STRANGERS["times out"], *STRANGERS["broken names"]), (10 * MINUTE, 90 * MINUTE), "", client=BOTNET),
    # Somebody has put these aside last night, to look at them in the morning.
    Stream(42, FRIENDS, (9 * HOUR, 10 * HOUR), "invoice@supplier.example", ("Invoice overdue",), BOTNET, queue="hold"),
    Stream(34, ("bigmail.example",), (MINUTE, 9 * MINUTE), "news@example.org", NEWS, SHOP, queue="active"),
)

HOSTILE = (
    ("<!channel>@partner.example", "<!channel>@pensioners.example", "<!here> *everyone* read this"),
    ("ana@example.org", "<https://evil.example|click me>@pensioners.example", "<https://evil.example|Your invoice>"),
    ("`rm -rf`@partner.example", "*bold*_under_~strike~@pensioners.example", "```code``` & <b>markup</b> [red]x[/red]"),
    ("jörg.groß@bücher.example", "zoë@pensioners.example", "Grüße aus Köln – 你好 – שלום"),
    ("ana@example.org", "\u202emoc.live@pensioners.example", "Right to left: \u202eexe.tnemucod"),
    ("a b@partner.example", 'he said "no"@pensioners.example', "Spaces and quotes in addresses"),
    ("ana@example.org", "x" * 64 + "@pensioners.example", "A very long subject " + "that goes on " * 60),
    ("\x1b[31mred\x07@partner.example", "ana@pensioners.example", "Escapes \x1b[2J\x07 for your terminal"),
    ("$(reboot)@partner.example", "; rm -rf *@pensioners.example", "$(touch /tmp/x) `id` ; | && %s %n {0}"),
    ("=cmd|calc@partner.example", "@@@pensioners.example", "=HYPERLINK(1)"),
    ("<@U0000001>@partner.example", "#general@pensioners.example", "<#C0000001> <@U0000001> @here"),
)


def busy_host(seed: int, now: float, share: float = 1.0) -> Iterator[Queued]:
    """The queue of the host that the demo is about: some 3,300 messages, or a share of each kind of them."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret is drawn
    for stream in STREAMS:
        for _ in range(round(stream.count * share) or 1):
            yield _queued(stream, rng, now)
    for minutes in (24.0, 41.0, 130.0):
        mail = Mail(
            "director@example.org",
            ("m.okafor@old-customer.test",),
            "Signed contract",
            now - LIFETIME + minutes * MINUTE,
            "director@example.org",
            OFFICE,
            size=240_000,
        )
        yield Queued(mail, next_attempt=now + minutes * MINUTE / 2)
    for sender, recipient, subject in HOSTILE:
        mail = Mail(sender, (recipient,), subject, now - rng.uniform(HOUR, 20 * HOUR), client=BOTNET)
        yield Queued(mail, next_attempt=now + rng.uniform(10 * MINUTE, HOUR))


def spam(seed: int, now: float, number: int) -> Iterator[Queued]:
    """So much more of what the hacked account sends, just tried for the first time."""
    rng = random.Random(f"{seed} {now}")  # noqa: S311 - nothing secret is drawn
    for _ in range(number):
        yield _queued(replace(SPAM_RUN, ages=(0.0, MINUTE)), rng, now)


def quiet_host(seed: int, now: float) -> Iterator[Queued]:
    """A second host, on which nothing much is wrong."""
    rng = random.Random(seed + 1)  # noqa: S311 - nothing secret is drawn
    for stream in (Stream(4, GREYLISTING, (30.0, 4 * MINUTE)), Stream(2, ("pensioners.example",), (HOUR, 8 * HOUR))):
        for _ in range(stream.count):
            yield _queued(stream, rng, now)


def arrivals(world: World) -> Callable[[int, float], Mail]:
    """What comes in while the demo runs: ordinary letters, a newsletter now and then, and the spam that goes on."""
    mix = (Stream(1, FRIENDS, (0.0, 0.0)), SPAM_RUN, NEWSLETTER, Stream(1, FRIENDS, (0.0, 0.0)), SPAM_RUN)

    def arrival(number: int, now: float) -> Mail:
        rng = random.Random(f"{world.seed} {number}")  # noqa: S311 - nothing secret is drawn
        return _mail(mix[number % len(mix)], rng, now)

    return arrival


def _queued(stream: Stream, rng: random.Random, now: float) -> Queued:
    mail = _mail(stream, rng, now - rng.uniform(*stream.ages))
    if stream.queue != "deferred":
        return Queued(mail, stream.queue, tried=False)
    backoff = min(max(now - mail.arrival, MINIMAL_BACKOFF), MAXIMAL_BACKOFF)
    return Queued(mail, next_attempt=now + rng.uniform(30.0, backoff), suspended=rng.random() < 0.8)


def _mail(stream: Stream, rng: random.Random, arrival: float) -> Mail:
    login = stream.login
    sender = stream.sender
    if stream.domains and not sender and stream.client is OFFICE:
        sender = login = f"{rng.choice(PEOPLE)}@example.org"
    spam = stream.login == HACKED
    count = rng.choice((1, 1, 1, 2, 3)) if spam else 1
    recipients = tuple(
        f"{rng.choice(PEOPLE)}{rng.randrange(1000) or ''}@{rng.choice(stream.domains)}" for _ in range(count)
    )
    null = not sender
    return Mail(
        sender,
        recipients,
        "Undelivered Mail Returned to Sender" if null else rng.choice(stream.subjects),
        arrival,
        login,
        ("localhost", "127.0.0.1") if null else stream.client,
        from_header=stream.from_header,
        size=rng.randint(*stream.sizes),
    )
