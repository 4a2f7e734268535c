"""A private DNS on loopback: nsd(8) for zones, rbldnsd(8) for blocklists, unbound(8) as the resolver in front of them.

Zones and lists are added and changed while it runs, and unbound forgets what it knew of them. It knows no other names:
a root zone of its own says NXDOMAIN. Everything lies in `/var/tmp/maildesk-dns-XXXXXXXX`, on ports of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rdataclass
import dns.rdatatype

from tests.dns.misbehaving import MisbehavingServer
from tests.dns.signing import Signer
from tests.postfix.processes import identity, is_running

PARENT = Path("/var/tmp")  # noqa: S108 (mkdtemp makes the folder)
PREFIX = "maildesk-dns-"
LOOPBACK = "127.0.0.1"
PATIENCE = 20.0  # seconds for a server that starts, or reads a zone
FORGOTTEN = 5.0  # seconds after a reload by which nsd's former processes have long ended

# A process that is to end serves its TCP connections first, and unbound would keep them for a minute.
NSD_CONF = """
server:
  ip-address: {loopback}@{port}
  username: ""
  database: ""
  zonesdir: "{root}"
  pidfile: "{root}/nsd.pid"
  logfile: "{root}/nsd.log"
  xfrdfile: ""
  xfrdir: "{root}"
  zonelistfile: "{root}/zone.list"
  server-count: 1
  hide-version: yes
  rrl-ratelimit: 0
  tcp-query-count: 1
  tcp-timeout: 2
remote-control:
  control-enable: yes
  control-interface: "{root}/nsd.control"
pattern:
  name: "plain"
  zonefile: "%s.zone"
zone:
  name: "."
  zonefile: "root.zone"
"""

# What a name was is asked anew after each change; without those lines unbound would conclude one name from another.
UNBOUND_CONF = """
server:
  interface: {loopback}@{port}
  username: ""
  chroot: ""
  directory: "{root}"
  pidfile: "{root}/unbound.pid"
  logfile: "{root}/unbound.log"
  use-syslog: no
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  qname-minimisation: no
  harden-below-nxdomain: no
  aggressive-nsec: no
  ede: yes
  module-config: "validator iterator"
  trust-anchor-signaling: no
  root-key-sentinel: no
  unblock-lan-zones: yes
  insecure-lan-zones: yes
  local-zone: "test." nodefault
  local-zone: "invalid." nodefault
  include: "{root}/anchors.conf"
remote-control:
  control-enable: yes
  control-use-cert: no
  control-interface: "{root}/unbound.control"
stub-zone:
  name: "."
  stub-addr: {loopback}@{nsd}
"""

APEX = """$ORIGIN {name}.
$TTL {ttl}
@ SOA ns.{name}. admin.{name}. {serial} 3600 600 86400 {minimum}
@ NS ns.{name}.
ns A 127.0.0.1
"""

ROOT_ZONE = """$ORIGIN .
$TTL 3600
@ SOA ns.root-servers. admin.root-servers. 1 3600 600 86400 60
@ NS ns.root-servers.
ns.root-servers. A 127.0.0.1
"""

RBLDNSD_APEX = "$SOA {ttl} ns.{zone} admin.{zone} 0 3600 600 86400 {minimum}\n$NS {ttl} ns.{zone}\n"


class DnsWorld:
    """Servers; nothing runs before `start()`. `close()` stops them and leaves nothing behind.

    `resolver`, `nsd`: ADDRESS:PORT of unbound and of nsd itself; `nowhere`: one where nothing listens; `wrong`: the
    misbehaving server, which `misbehaving()` puts in charge of a zone.
    """

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT))
        self.root.chmod(0o755)  # rbldnsd gives root up before it reads its files
        (self.root / "owner").write_text(identity(str(os.getpid())))
        self._unbound, self._nsd, self._rbldnsd, self._nobody = free_ports(4)
        self._serials: dict[str, int] = {}
        self._reloaded = 0.0
        self._lists: dict[str, list[str]] = {}
        self._stubs: set[str] = set()
        self._signer = Signer(self.root / "anchors.conf")
        self.wrong = MisbehavingServer()

    @property
    def resolver(self) -> str:
        return f"{LOOPBACK}:{self._unbound}"

    @property
    def nsd(self) -> str:
        return f"{LOOPBACK}:{self._nsd}"

    @property
    def nowhere(self) -> str:
        return f"{LOOPBACK}:{self._nobody}"

    def start(self) -> None:
        """Raises CalledProcessError, with the server's own words, when one does not start; TimeoutError when it does
        not answer."""
        self.wrong.start()
        (self.root / "root.zone").write_text(ROOT_ZONE)
        conf = self.root / "nsd.conf"
        conf.write_text(NSD_CONF.format(root=self.root, loopback=LOOPBACK, port=self._nsd))
        run("nsd", "-c", str(conf))
        self._until("nsd answers", lambda: ask(self._nsd, "nothing.invalid", "SOA") is not None)
        conf = self.root / "unbound.conf"
        conf.write_text(UNBOUND_CONF.format(root=self.root, loopback=LOOPBACK, port=self._unbound, nsd=self._nsd))
        run("unbound", "-c", str(conf))
        self._until("unbound answers", lambda: ask(self._unbound, "nothing.invalid", "SOA") is not None)

    def close(self) -> None:
        self.wrong.close()
        stop(self.root)

    def zone(self, name: str, text: str = "", *, ttl: int = 60, minimum: int = 30, signed: str = "") -> None:
        """Add a zone, or replace all that is in it. `text`: lines of a zone file below its SOA and NS records, names
        relative to it. `signed`: "" not at all, "good", or "expired" (RFC 4035: a validating resolver says SERVFAIL).
        """
        serial = self._serials[name] = self._serials.get(name, 0) + 1
        content = APEX.format(name=name, ttl=ttl, minimum=minimum, serial=serial) + text.rstrip() + "\n"
        if signed:
            content = self._signer.sign(name, content, expired=signed == "expired")
        (self.root / f"{name}.zone").write_text(content)
        answering = self._answering()
        self._reloaded = time.monotonic()
        if serial == 1:
            self._control("nsd", f"addzone {name} plain")
        else:
            self._control("nsd", f"reload {name}")
        # nsd reads it in a process of its own, and logs what it can't read.
        self._until(f"nsd serves {name}, serial {serial}", lambda: self._serial(name) == serial)
        # Until then the ones before it still take questions, and answer from what they knew.
        self._until("nsd's former processes are gone", lambda: not self._former(answering))
        if signed:
            self._control("unbound", "reload_keep_cache")
            for stub in self._stubs:
                self._stub(stub)
        self.forget(name)

    def reverse(self, network: str, records: dict[str, str]) -> None:
        """The reverse zone of an IPv4 /24 such as "192.0.2": last octet to its record, {"25": "PTR mx.a.test."}."""
        zone = ".".join(reversed(network.split("."))) + ".in-addr.arpa"
        self.zone(zone, "\n".join(f"{octet} {record}" for octet, record in records.items()))

    def blocklist(self, zone: str, *, ttl: int = 60, minimum: int = 30, **datasets: str) -> None:
        """Add a list, or replace it. Each dataset is named for its rbldnsd(8) type and gives its lines:
        `blocklist("bl.test", ip4set="127.0.0.2 :2:Test point")`; only rbldnsd's rewritten apex is added."""
        apex = RBLDNSD_APEX.format(zone=zone, ttl=ttl, minimum=minimum)
        self._lists[zone] = []
        for kind, lines in datasets.items():
            file = f"{zone}.{kind}"
            (self.root / file).write_text(f"{apex}$TTL {ttl}\n{lines.rstrip()}\n")
            self._lists[zone].append(f"{zone}:{kind}:{file}")
            apex = ""
        self._restart_rbldnsd()
        self._charge(zone, self._rbldnsd)

    def misbehaving(self, zone: str) -> MisbehavingServer:
        """The misbehaving server, in charge of this zone from now on; tell it how with `at()` and `below()`."""
        self._charge(zone, self.wrong.port)
        return self.wrong

    def forget(self, zone: str) -> None:
        """Let unbound forget all that it knows of this zone."""
        self._control("unbound", f"flush_zone {zone}")
        self._control("unbound", "flush_infra all")

    def _charge(self, zone: str, port: int) -> None:
        self._stubs.add(zone)
        (self.root / f"{zone}.port").write_text(str(port))
        self._stub(zone)
        # What it is still asking a silent server would else go on to be asked of that.
        self._control("unbound", "flush_requestlist")
        self.forget(zone)

    def _stub(self, zone: str) -> None:
        self._control("unbound", f"stub_add {zone} {LOOPBACK}@{(self.root / f'{zone}.port').read_text()}")

    def _restart_rbldnsd(self) -> None:
        end_process(self.root / "rbldnsd.pid")
        datasets = [dataset for zone in self._lists.values() for dataset in zone]
        options = ("-u", "rbldns", "-w", str(self.root), "-b", f"{LOOPBACK}/{self._rbldnsd}", "-c", "0")
        run("rbldnsd", *options, "-p", str(self.root / "rbldnsd.pid"), *datasets)

    def _answering(self) -> set[int]:
        """The PIDs of nsd's processes that answer: the living children of its main one's children."""
        pid = int((self.root / "nsd.pid").read_text())
        return {each for child in children(pid) for each in children(child) if lives(each)}

    def _former(self, answering: set[int]) -> set[int]:
        """Those that still live; one that outlives its successors' first seconds was forgotten by nsd, and is ended."""
        left = self._answering() & answering
        for each in left:
            if time.monotonic() - self._reloaded > FORGOTTEN:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
        return left

    def _serial(self, name: str) -> int | None:
        reply = ask(self._nsd, name, "SOA")
        found = (
            reply.get_rrset(reply.answer, dns.name.from_text(name), dns.rdataclass.IN, dns.rdatatype.SOA)
            if reply
            else None
        )
        return int(found[0].serial) if found else None

    def _control(self, server: str, command: str) -> None:
        """What nsd-control(8) and unbound-control(8) do, without starting them. Raises RuntimeError when refused."""
        version = {"nsd": "NSDCT1", "unbound": "UBCT1"}[server]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self.root / f"{server}.control"))
            connection.sendall(f"{version} {command}\n".encode())
            said = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        if not said.startswith("ok"):
            raise RuntimeError(f"{server}: {command}: {said.strip()}")

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                logs = "\n".join(log.read_text()[-2000:] for log in self.root.glob("*.log"))
                raise TimeoutError(f"not within {PATIENCE:g} s: {what}\n{logs}")
            time.sleep(0.005)


def ask(port: int, name: str, kind: str) -> dns.message.Message | None:
    """A server's own reply; None when there is none within a second."""
    query = dns.message.make_query(name, kind)
    with contextlib.suppress(dns.exception.Timeout, OSError):
        return dns.query.udp(query, LOOPBACK, port=port, timeout=1)
    return None


def children(pid: int) -> list[int]:
    """Those of a process (proc(5)); none when it is gone."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def free_ports(number: int) -> list[int]:
    """Ports that nobody has, by UDP or TCP."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < number:
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            udp.bind((LOOPBACK, 0))
            with contextlib.suppress(OSError):
                tcp.bind((LOOPBACK, udp.getsockname()[1]))
                found.append(udp.getsockname()[1])
    return found


def run(program: str, *arguments: str) -> None:
    """Start a server that goes to the background by itself."""
    # Output goes to a file: the server that stays behind would hold a pipe open for good.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        )
        output.seek(0)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, [program, *arguments], output.read())


def end_process(pidfile: Path) -> None:
    """End the server of a PID file, if it runs, and wait until it is gone."""
    try:
        pid = int(pidfile.read_text())
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError):
        return
    if not pidfile.name.startswith(program):
        return  # that PID is another's by now
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)
        end = time.monotonic() + PATIENCE / 2
        while time.monotonic() < end:
            if not lives(pid):
                return
            time.sleep(0.002)
    raise RuntimeError(f"{program} (PID {pid}) does not end")


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def stop(root: Path) -> None:
    """Stop the servers in this folder, and remove all of it."""
    for pidfile in root.glob("*.pid"):
        end_process(pidfile)
    shutil.rmtree(root, ignore_errors=True)


def sweep() -> None:
    """Stop and remove what a killed test run left: servers whose owning process is gone."""
    for root in PARENT.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, IndexError):  # one that is just being made, or removed
            if not is_running((root / "owner").read_text()):
                stop(root)
