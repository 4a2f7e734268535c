"""A name server on loopback, by UDP and TCP, for a world of its own (RFC 1035, RFC 2308): what nobody published is
NXDOMAIN, whoever asks is answered, and what is published can change while it runs."""

from __future__ import annotations

import socketserver
import struct
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zonefile

from bot.demo.started import Started

LOOPBACK = "127.0.0.1"
TTL = 60
ZONE = "ns.invalid. admin.invalid. 1 3600 600 86400 30"
SOA = dns.rrset.from_text(".", 30, "IN", "SOA", ZONE)
"""What comes with an absence, and says for how long it may be believed."""
TOPS = frozenset(map(dns.name.from_text, ("com", "net", "org")))
"""Zones that are there in every world: whoever tries a resolver asks for them."""

LONGEST_CHAIN = 8
"""CNAME records that are followed for one question."""
PLAIN = 512
"""Octets by UDP for who does not say more (RFC 1035 §4.2.1)."""
IDLE = 10.0
"""Seconds after which a silent TCP connection is closed."""

Key = tuple[dns.name.Name, int]


class NameServer(Started):
    """Nothing listens before `start()`; as a context manager it starts, and stops at the end."""

    def __init__(self) -> None:
        self._records: dict[Key, dns.rrset.RRset] = {}
        self._lock = threading.Lock()
        self._port = 0
        self._servers: list[socketserver.BaseServer] = []
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        """ADDRESS:PORT, once it runs."""
        return f"{LOOPBACK}:{self._port}"

    def publish(self, text: str) -> None:
        """Lines of a zone file with full names (`mx.example.org. A 192.0.2.25`): each set of records that they have
        replaces the one of that name and type. Raises dns.exception.DNSException for what is none."""
        found = dns.zonefile.read_rrsets(text, rdclass=None, default_ttl=TTL, origin=".", relativize=False)
        with self._lock:
            self._records.update({(rrset.name, rrset.rdtype): rrset for rrset in found})

    def withdraw(self, name: str, kind: str) -> None:
        """Take a set of records away, if it is there."""
        with self._lock:
            self._records.pop((dns.name.from_text(name), dns.rdatatype.from_text(kind)), None)

    def reply(self, wire: bytes, *, by_tcp: bool) -> bytes | None:
        """What is answered to a query; None: nothing, since it is none."""
        try:
            query = dns.message.from_wire(wire)
            if query.flags & dns.flags.QR or len(query.question) != 1:
                return None
        except dns.exception.DNSException:
            return None
        answer = dns.message.make_response(query, recursion_available=True)
        answer.flags |= dns.flags.AA
        self._fill(answer, query.question[0].name, query.question[0].rdtype)
        whole = answer.to_wire(max_size=0xFFFF)
        if by_tcp or len(whole) <= max(PLAIN, query.payload):
            return whole
        answer.answer.clear()
        answer.authority.clear()
        answer.flags |= dns.flags.TC
        return answer.to_wire()

    def _fill(self, answer: dns.message.Message, name: dns.name.Name, kind: int) -> None:
        with self._lock:
            for _ in range(LONGEST_CHAIN):
                if found := self._records.get((name, kind)):
                    answer.answer.append(found)
                    return
                if kind == dns.rdatatype.SOA and name in TOPS:
                    answer.answer.append(dns.rrset.from_text(name, 30, "IN", "SOA", ZONE))
                    return
                alias = self._records.get((name, dns.rdatatype.CNAME))
                if alias is None:
                    break
                answer.answer.append(alias)
                name = alias[0].target
            answer.authority.append(SOA)
            if not any(owner.is_subdomain(name) for owner, _ in self._records):
                answer.set_rcode(dns.rcode.NXDOMAIN)

    def start(self) -> None:
        """Listen on a free port of loopback. Raises OSError when there is none."""
        # The port that UDP gets is mostly free for TCP too.
        for attempt in range(20):
            udp = _Udp((LOOPBACK, 0), _UdpQuery)
            try:
                self._port = udp.socket.getsockname()[1]
                tcp = _Tcp((LOOPBACK, self._port), _TcpQuery)
                break
            except OSError:
                udp.server_close()
                if attempt == 19:
                    raise
        for server in (udp, tcp):
            server.names = self
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="demo name server", daemon=True)
            thread.start()
            self._servers.append(server)
            self._threads.append(thread)

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()
        self._servers, self._threads = [], []


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 0xFFFF
    names: NameServer


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    names: NameServer


class _UdpQuery(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        wire, connection = self.request
        if reply := self.server.names.reply(wire, by_tcp=False):
            connection.sendto(reply, self.client_address)


class _TcpQuery(socketserver.StreamRequestHandler):
    server: _Tcp
    timeout = IDLE

    def handle(self) -> None:
        try:
            while len(length := self.rfile.read(2)) == 2:
                reply = self.server.names.reply(self.rfile.read(struct.unpack("!H", length)[0]), by_tcp=True)
                if reply is None:
                    return
                self.wfile.write(struct.pack("!H", len(reply)) + reply)
        except OSError:
            return  # who asked has gone

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            return
