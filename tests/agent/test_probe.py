"""`probe` on mail servers that behave and misbehave: what it says of each, what it sends, and as whom."""

from __future__ import annotations

import os
import pwd
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.agent.standin import Answer, StandIn
from tests.smtp.certificates import Authority
from tests.smtp.peer import Manners, Peer, dropping, nobody

ADDRESS = "192.0.2.{}"


@pytest.fixture
def host(standin: StandIn) -> StandIn:
    """A stand-in whose Postfix runs as an ordinary user."""
    owner = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    postconf(standin, mail_owner=owner)
    return standin


def postconf(standin: StandIn, **more: str) -> None:
    standin.parameters.update({"myhostname": "mail.probe.test", "smtp_helo_name": "mail.probe.test", **more})
    standin.says("postconf", "".join(f"{name} = {value}\n" for name, value in standin.parameters.items()))


def probe(host: StandIn, *endpoints: tuple[str, int], wait: int = 20) -> Answer:
    """Probe 192.0.2.1, .2 … on port 25, which root's road leads to these."""
    road = " ".join(f"{ADDRESS.format(n)}:25={address}:{port}" for n, (address, port) in enumerate(endpoints, 1))
    host.configure(f"probe_road = {road}\n")
    return host.ask("probe", smtp=[ADDRESS.format(n) for n in range(1, len(endpoints) + 1)], wait=wait)


def peers(host: StandIn, *manners: Manners, wait: int = 20) -> tuple[list[dict[str, Any]], list[Peer]]:
    with ExitStack() as stack:
        servers = [stack.enter_context(Peer(each)) for each in manners]
        return probe(host, *(server.endpoint for server in servers), wait=wait).result["peers"], servers


def test_a_mail_server_is_greeted_and_nothing_more_is_said(host: StandIn, tmp_path: Path) -> None:
    shown = Authority(tmp_path).server("mx.peer.test")
    (found,), (server,) = peers(host, Manners(hello=("at your service, [203.0.113.5]", "PIPELINING"), tls=shown))
    assert (found["outcome"], found["banner"], found["detail"]) == ("connected", "220 mx.peer.test ESMTP", "")
    assert found["hello"][:2] == ["250-mx.peer.test", "250-at your service, [203.0.113.5]"]
    assert (found["starttls"], found["tls"], found["address"], found["port"]) == (True, "TLSv1.3", "192.0.2.1", 25)
    assert server.heard == ["EHLO mail.probe.test", "STARTTLS", "QUIT"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give root up")
def test_root_is_given_up_before_the_first_packet(host: StandIn) -> None:
    _, (server,) = peers(host, Manners(after=0.5))
    assert server.uids == [pwd.getpwnam("nobody").pw_uid]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to refuse it")
@pytest.mark.parametrize(("owner", "code"), [("root", "denied"), ("no-such-user", "internal"), ("", "internal")])
def test_nothing_is_probed_as_root(standin: StandIn, owner: str, code: str) -> None:
    postconf(standin, mail_owner=owner)
    with Peer() as server:
        assert probe(standin, server.endpoint).code == code
    assert server.connections == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give root up")
@pytest.mark.parametrize(("user", "code"), [("nobody", ""), ("root", "denied"), ("no-such-user", "internal")])
def test_root_can_say_who_probes_instead_of_the_mail_owner(standin: StandIn, user: str, code: str) -> None:
    postconf(standin, mail_owner="root")
    with Peer() as server:
        standin.configure(f"probe_road = 192.0.2.1:25=127.0.0.1:{server.port}\nprobe_user = {user}\n")
        answer = standin.ask("probe", smtp=["192.0.2.1"])
    assert answer.code == code
    assert server.uids == ([] if code else [pwd.getpwnam("nobody").pw_uid])


def test_a_server_without_starttls_is_one(host: StandIn) -> None:
    (found,), (server,) = peers(host, Manners(hello=("PIPELINING",)))
    assert (found["starttls"], found["tls"], found["detail"]) == (False, "", "")
    assert server.heard == ["EHLO mail.probe.test", "QUIT"]


def test_a_server_that_turns_everybody_away_is_told_with_its_words(host: StandIn) -> None:
    (found,), (server,) = peers(host, Manners(greeting="554 5.7.1 You are on our list"))
    assert (found["outcome"], found["banner"], found["hello"]) == ("connected", "554 5.7.1 You are on our list", [])
    assert server.heard == ["QUIT"]


@pytest.mark.parametrize(
    ("manners", "detail"),
    [
        (Manners(greeting=None), "it said nothing more in time"),
        (Manners(greeting="220 mx", replies={"EHLO": "what?"}), "it said what is no SMTP reply: 'what?'"),
        (Manners(raw=b"HTTP/1.1 400 Bad Request\r\n\r\n"), "it said what is no SMTP reply: 'HTTP/1.1 400 Bad Request'"),
        (Manners(raw=b"x" * 4096, endless=True), "its reply is longer than 8192 octets"),
        (Manners(raw=b"220-\r\n", endless=True), "its reply has more than 50 lines"),
        (Manners(raw=b"220-" + b"y" * 500 + b"\r\n", endless=True), "its reply is longer than 8192 octets"),
        (Manners(broken_tls=True), "the connection broke off: "),
    ],
)
def test_a_server_that_misbehaves_is_told_from_one_that_is_not_there(
    host: StandIn, manners: Manners, detail: str
) -> None:
    (found,), _ = peers(host, manners, wait=4 if manners.greeting is None else 30)
    assert found["outcome"] == "connected" and found["detail"].startswith(detail)


def test_what_a_server_says_is_cut_and_made_plain(host: StandIn) -> None:
    hostile = "220 \x1b[31mred\u202e <@U123> \x00" + "z" * 400
    (found,), _ = peers(host, Manners(greeting=hostile))
    assert found["banner"].startswith("220 ?[31mred??? <@U123> ?zzz") and len(found["banner"]) == 200
    assert found["banner"].isascii() and found["banner"].isprintable()


def test_one_that_is_not_there_is_refused_and_one_that_is_silent_times_out(host: StandIn) -> None:
    with dropping() as silent, Peer() as server:
        found = probe(host, nobody(), silent, server.endpoint, wait=8).result["peers"]
    assert [each["outcome"] for each in found] == ["refused", "timeout", "connected"]


def test_peers_are_met_at_once_and_not_one_after_the_other(host: StandIn) -> None:
    found, _ = peers(host, *[Manners(greeting=None)] * 4, *[Manners(raw=b"2", after=0.2)] * 4, wait=4)
    # None of them ever lets go, so the second would find no time left.
    assert [each["outcome"] for each in found] == ["connected"] * 8


def test_the_connection_leaves_from_the_address_that_postfix_binds(host: StandIn) -> None:
    postconf(host, smtp_bind_address="127.0.0.77")
    (found,), _ = peers(host, Manners())
    assert found["local"] == "127.0.0.77"
    postconf(host, smtp_bind_address="192.0.2.99")
    (found,), (server,) = peers(host, Manners())
    assert (found["outcome"], server.connections) == ("failed", 0)
    assert "nothing can leave from 192.0.2.99" in found["detail"]


def test_the_only_address_that_postfix_listens_on_is_the_one_it_sends_from(host: StandIn) -> None:
    postconf(host, inet_interfaces="127.0.0.78, ::1")
    (found,), _ = peers(host, Manners())
    assert found["local"] == "127.0.0.1"  # loopback does not count
    postconf(host, inet_interfaces="192.0.2.98, [2001:db8::98]")
    (found,), _ = peers(host, Manners())
    assert found["outcome"] == "failed" and "nothing can leave from 192.0.2.98" in found["detail"]
    postconf(host, inet_interfaces="192.0.2.98, 192.0.2.99")
    assert peers(host, Manners())[0][0]["outcome"] == "connected"


def test_a_name_that_would_be_a_second_command_is_not_said(host: StandIn) -> None:
    postconf(host, smtp_helo_name="mail.test MAIL FROM:<>")
    with Peer() as server:
        answer = probe(host, server.endpoint)
    assert (answer.code, server.connections) == ("internal", 0)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "192.0.2.99", "::1", "::ffff:127.0.0.1", "169.254.169.254"]
)
def test_an_address_that_is_not_public_is_refused(host: StandIn, address: str) -> None:
    with Peer() as server:
        host.configure(f"probe_road = 192.0.2.1:25=127.0.0.1:{server.port}\n")
        answer = host.ask("probe", smtp=["192.0.2.1", address])
    assert answer.code == "denied" and "no public address" in answer.last["text"]
    assert host.ask("probe", compare=[address]).code == "denied"
    assert server.connections == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to listen on port 25")
def test_a_network_that_root_allows_is_met_on_the_real_port(host: StandIn) -> None:
    host.configure("probe_networks = 127.211.0.0/16\n")
    with Peer(host="127.211.3.25", port=25) as server:
        found = host.ask("probe", smtp=["127.211.3.25"], compare=["127.211.3.25"]).result["peers"]
    assert [(each["port"], each["outcome"]) for each in found] == [(25, "connected"), (443, "refused")]
    assert server.connections == 1


def test_to_compare_is_to_connect_and_to_say_nothing(host: StandIn) -> None:
    with Peer() as server:
        host.configure(f"probe_road = 192.0.2.1:443=127.0.0.1:{server.port}\n")
        (found,) = host.ask("probe", compare=["192.0.2.1"]).result["peers"]
    assert (found["port"], found["outcome"], found["banner"], server.heard) == (443, "connected", "", [])
