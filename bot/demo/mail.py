"""One message on its way into a queue: what the demo's story tells of, and what a bounce or an arrival is made of."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.demo import queuefile


@dataclass(frozen=True, slots=True)
class Mail:
    """Addresses are unquoted; `arrival` in seconds since the epoch; `login` is the SASL login that submitted it.

    The body is repeated until it is about `size` bytes long.
    """

    sender: str
    recipients: tuple[str, ...]
    subject: str
    arrival: float
    login: str = ""
    client: tuple[str, str] = ("unknown", "192.0.2.10")
    from_header: str = ""
    body: tuple[str, ...] = ("Hello,", "", "see you tomorrow.")
    size: int = 0
    headers: tuple[str, ...] = ()

    def queue_file(self, queue_id: str, host: str) -> bytes:
        """The bytes of its queue file on this mail host, as smtpd(8) and cleanup(8) write it."""
        name, address = self.client
        before = [("log_ident", queue_id), ("rewrite_context", "remote")]
        if self.login:
            before += [("sasl_method", "PLAIN"), ("sasl_username", self.login)]
        return queuefile.build(
            arrival=self.arrival,
            sender=self.sender,
            recipients=self.recipients,
            before_sender=before,
            after_sender=_client(name, address, bool(self.login)),
            content=queuefile.lines([*self._headers(queue_id, host), *self.headers, ""]) + self._body(),
        )

    def _headers(self, queue_id: str, host: str) -> list[str]:
        name, address = self.client
        quoted = [queuefile.quoted(recipient) for recipient in self.recipients]
        date = stamp(self.arrival)
        with_ = "ESMTPSA" if self.login else "ESMTP"
        received = [f"Received: from {name} ({name} [{address}])", f"\tby {host} (Postfix) with {with_} id {queue_id}"]
        if len(quoted) == 1:
            received.append(f"\tfor <{quoted[0]}>; {date}")
        else:
            received[-1] += ";"
            received.append(f"\t{date}")
        sender = self.from_header or queuefile.quoted(self.sender) or f"MAILER-DAEMON@{host}"
        return [
            *received,
            f"From: {sender}",
            f"To: {', '.join(quoted)}",
            f"Subject: {self.subject}",
            f"Message-ID: <{int(self.arrival * 1000):x}.{queue_id}@{host}>",
            f"Date: {date}",
        ]

    def _body(self) -> bytes:
        body = queuefile.lines(self.body)
        return body * max(1, self.size // len(body))


def stamp(seconds: float) -> str:
    """A date as RFC 5322 writes it, in UTC."""
    return time.strftime("%a, %d %b %Y %H:%M:%S +0000 (UTC)", time.gmtime(seconds))


def _client(name: str, address: str, submission: bool) -> list[tuple[str, str]]:
    port, protocol = "587" if submission else "25", "ESMTP"
    return [
        ("log_client_name", name),
        ("log_client_address", address),
        ("log_client_port", "50025"),
        ("log_message_origin", f"{name}[{address}]"),
        ("log_helo_name", name),
        ("log_protocol_name", protocol),
        ("client_name", name),
        ("reverse_client_name", name),
        ("client_address", address),
        ("client_port", "50025"),
        ("server_address", "192.0.2.25"),
        ("server_port", port),
        ("helo_name", name),
        ("protocol_name", protocol),
        ("client_address_type", "2"),
    ]
