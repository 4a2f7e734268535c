"""The demo's mail server, spoken to by Python's own client: TLS by the demo's authority, and no relaying."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.demo.certificates import Authority
from bot.demo.mailserver import MailServer

NAME = "mx1.example.org"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server(authority: Authority) -> Iterator[MailServer]:
    with MailServer(NAME, ("example.org",), authority.server(NAME, timedelta(days=6))) as made:
        yield made


def client_of(server: MailServer) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=10)


def trusting(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    context.check_hostname = False
    return context


def test_starttls_shows_the_certificate_of_the_authority(server: MailServer, authority: Authority) -> None:
    with client_of(server) as client:
        client.ehlo("client.test")
        assert client.has_extn("starttls")
        client.starttls(context=trusting(authority))
        client.ehlo("client.test")
        assert not client.has_extn("starttls")
        assert isinstance(client.sock, ssl.SSLSocket)
        shown = client.sock.getpeercert()
        assert shown and shown["subjectAltName"] == (("DNS", NAME),)


def test_an_expired_certificate_is_refused_by_who_looks(authority: Authority) -> None:
    with (
        MailServer(NAME, (), authority.server("expired.example.org", timedelta(days=-2))) as server,
        client_of(server) as client,
    ):
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            client.starttls(context=trusting(authority))
        client.close()


def test_it_takes_mail_for_its_own_domains_alone(server: MailServer) -> None:
    with client_of(server) as client:
        assert client.docmd("RCPT", "TO:<a@example.org>")[0] == 503
        client.ehlo("client.test")
        assert client.docmd("MAIL", "FROM:<>")[0] == 250
        assert client.docmd("RCPT", "TO:<postmaster@example.org>")[0] == 250
        assert client.docmd("RCPT", "TO:<someone@elsewhere.test>") == (
            554,
            b"5.7.1 <someone@elsewhere.test>: Relay access denied",
        )
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("XYZZY")[0] == 502


def test_without_a_certificate_there_is_no_starttls() -> None:
    with MailServer(NAME) as server, client_of(server) as client:
        client.ehlo("client.test")
        assert not client.has_extn("starttls")
        assert client.docmd("STARTTLS")[0] == 502


def test_who_hangs_up_or_says_too_much_harms_nobody(server: MailServer) -> None:
    for rude in (b"", b"EHLO a\r\nSTARTTLS\r\nnonsense", b"x" * 100_000):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(rude)
    with client_of(server) as client:
        assert client.ehlo("client.test")[0] == 250
