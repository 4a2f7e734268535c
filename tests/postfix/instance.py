"""A private, real Postfix for tests (postfix(1), postconf(5), master(5)): own configuration, queue, data and log.

Nothing of the machine's own instance is read or changed. Everything lies in one folder, root-owned at every level,
which the mail owner can walk through: `/var/spool/maildesk-test-XXXXXXXX/{etc,queue,data,log}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import pwd
import shutil
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.postfix.processes import identity, is_running, running_master, stop_master
from tests.postfix.waiting import wait_until
from tests.postfix.world import World

PARENT = Path("/var/spool")
MEMORY = Path("/dev/shm")  # noqa: S108 (mkdtemp makes the folder)
"""Where forcing to disk takes no time, for an instance that wants that."""
PREFIX = "maildesk-test-"
SMTP_PORT = 2525
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")

MASTER_CF = """\
{address}:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - y - - smtp
relay     unix  - - y - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    delay_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `postqueue -j`, read by the tests' own few lines, so that the product's can be held against it."""

    queue_name: str
    queue_id: str
    arrival_time: int
    message_size: int
    sender: str
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class Injected:
    """A message that this Postfix took: its queue ID and its Message-ID, by which `World.delivered` finds it."""

    queue_id: str
    message_id: str


class PrivatePostfix:
    """One instance; nothing runs before `start()`. `close()` stops it and leaves nothing behind.

    `long_ids` sets enable_long_queue_ids; `hashed` leaves hash_queue_names as it is by default (deferred and defer).
    `settings` are further lines of main.cf.
    """

    def __init__(
        self, world: World, *, long_ids: bool = True, hashed: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        self.world = world
        self.address = world.own_address()
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT))
        self.name = self.root.name
        self.config_directory = self.root / "etc"
        self.queue_directory = self.root / "queue"
        self.data_directory = self.root / "data"
        self.maillog = self.root / "log" / "maillog"
        self._messages = 0
        self._lay_out()
        self._settings = {
            "compatibility_level": "3.6",
            "queue_directory": str(self.queue_directory),
            "data_directory": str(self.data_directory),
            "maillog_file": str(self.maillog),
            "maillog_file_prefixes": str(self.root),
            "syslog_name": self.name,
            "myhostname": "mx1.mail.test",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "0.0.0.0/0",
            "mydestination": "",
            "local_recipient_maps": "",
            "alias_maps": "",
            "alias_database": "",
            "relay_domains": "",
            "smtpd_peername_lookup": "no",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
            "smtpd_client_connection_count_limit": "0",
            "notify_classes": "",
            "smtp_tls_security_level": "none",
            "enable_long_queue_ids": "yes" if long_ids else "no",
            # The list may not be empty; a test that wants `hold` hashed too says so in its settings.
            "hash_queue_names": "deferred, defer" if hashed else "trace",
            # The queue stays as a test left it: nothing is tried again unless it is flushed.
            "queue_run_delay": "4h",
            "minimal_backoff_time": "4h",
            "maximal_backoff_time": "8h",
            **(settings or {}),
        }
        self.configure()

    def __enter__(self) -> PrivatePostfix:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lay_out(self) -> None:
        self.root.chmod(0o755)
        own(self.root)
        for folder in (self.config_directory, self.queue_directory, self.data_directory, self.maillog.parent):
            folder.mkdir(mode=0o755)
        owner = pwd.getpwnam("postfix")
        os.chown(self.data_directory, owner.pw_uid, owner.pw_gid)
        self.data_directory.chmod(0o700)
        (self.config_directory / "master.cf").write_text(MASTER_CF.format(address=self.address, port=SMTP_PORT))
        # The smtp client lives in a jail, the queue directory, and so asks the name server that is named there.
        etc = self.queue_directory / "etc"
        etc.mkdir(mode=0o755)
        (etc / "resolv.conf").write_text(f"nameserver {self.world.resolver}\noptions timeout:2 attempts:1\n")
        for name in ("services", "nsswitch.conf", "localtime"):
            if (original := Path("/etc", name)).exists():
                shutil.copyfile(original, etc / name)

    def configure(self, **settings: str) -> None:
        """Write main.cf, with these lines changed; what runs reads them after `reload()` or a start."""
        self._settings.update(settings)
        lines = "".join(f"{name} = {value}\n" for name, value in self._settings.items())
        main_cf = self.config_directory / "main.cf"
        main_cf.write_text(lines)
        # Postfix waits before it reads a file that changed within the last second or two; this one is whole.
        os.utime(main_cf, (time.time() - 10,) * 2)

    # Starting and stopping

    @property
    def master_pid(self) -> int | None:
        """The PID of this instance's master(8), or None when it does not run."""
        return running_master(self.queue_directory)

    def start(self) -> None:
        """Raises RuntimeError with Postfix's own words when it does not start."""
        if self.master_pid is None:
            self.run("postfix", "start", check=False)
            if self.master_pid is None:
                words = _at_a_terminal("postfix", "-c", str(self.config_directory), "start")
                raise RuntimeError(f"The private Postfix did not start.\n{words}\n{self.log()}")

    def stop(self) -> None:
        """The mail system is down after this, and all of its processes are gone."""
        stop_master(self.queue_directory)

    def restart(self) -> None:
        self.stop()
        self.start()

    def reload(self) -> None:
        self.run("postfix", "reload")

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.root)

    # Talking to it

    def run(
        self, program: str, *arguments: str, stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a Postfix command on this instance (`postqueue -c CONFIG …`); raises CalledProcessError."""
        return subprocess.run(
            [program, "-c", str(self.config_directory), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=check,
        )

    def log(self) -> str:
        return self.maillog.read_text(errors="replace") if self.maillog.exists() else ""

    def queue(self, queue_name: str | None = None) -> list[Entry]:
        """The queue as `postqueue -j` tells it, of one queue or of all."""
        lines = self.run("postqueue", "-j").stdout.splitlines()
        entries = [_entry(json.loads(line)) for line in lines]
        return [entry for entry in entries if queue_name in (None, entry.queue_name)]

    def count(self, queue_name: str) -> int:
        """Queue files of one queue, counted in the spool: quick, and true while Postfix is down."""
        return sum(1 for _ in self.files(queue_name))

    def files(self, queue_name: str) -> Iterable[Path]:
        return (path for path in (self.queue_directory / queue_name).rglob("*") if path.is_file())

    def inject(
        self,
        sender: str,
        recipients: str | Sequence[str],
        *,
        count: int = 1,
        size: int = 0,
        headers: Mapping[str, str] | None = None,
        login: str | None = None,
        client: str | None = None,
    ) -> list[Injected]:
        """Hand in `count` messages over SMTP, each with at least `size` bytes of body.

        `login` and `client` make Postfix record that SASL login and client address (by XCLIENT); addresses go out as
        they are, so hostile ones can be tried. Raises AssertionError with the reply when Postfix refuses.
        """
        to = [recipients] if isinstance(recipients, str) else list(recipients)
        with smtplib.SMTP(self.address, SMTP_PORT, local_hostname="client.test", timeout=30) as smtp:
            smtp.ehlo()
            if login or client:
                attributes = [("ADDR", client), ("LOGIN", login)]
                _expect(smtp, 220, "XCLIENT " + " ".join(f"{key}={value}" for key, value in attributes if value))
                smtp.ehlo()
            return [self._inject_one(smtp, sender, to, size, headers or {}) for _ in range(count)]

    def _inject_one(
        self, smtp: smtplib.SMTP, sender: str, recipients: list[str], size: int, headers: Mapping[str, str]
    ) -> Injected:
        self._messages += 1
        message_id = f"<{self._messages}.{time.time_ns()}@{self.name}>"
        fields = {
            "From": sender or "MAILER-DAEMON@mail.test",
            "To": ", ".join(recipients),
            "Subject": f"Message {self._messages}",
            "Message-ID": message_id,
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        body = ("x" * 70 + "\r\n") * (size // 72 + 1)
        _expect(smtp, 250, f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            _expect(smtp, 250, f"RCPT TO:<{recipient}>")
        _expect(smtp, 354, "DATA")
        smtp.send(f"{head}\r\n{body}.\r\n".encode())
        code, reply = smtp.getreply()
        assert code == 250, reply
        return Injected(reply.decode().rpartition(" as ")[2].strip(), message_id)

    def submit(self, sender: str, recipient: str, text: str = "Subject: submitted\n\nHello\n") -> None:
        """Hand in one message as a local program does: sendmail(1), which puts it into the maildrop queue."""
        subprocess.run(
            ["sendmail", "-C", str(self.config_directory), "-i", "-f", sender, recipient],
            input=text.encode(),
            check=True,
            capture_output=True,
        )

    def settled(self) -> bool:
        """Nothing is incoming, active or in the maildrop any more."""
        return not any(self.count(name) for name in ("maildrop", "incoming", "active"))

    def defer(
        self, sender: str, recipients: str | Sequence[str], *, timeout: float = 20, **more: object
    ) -> list[Injected]:
        """`inject`, then wait until delivery has been tried and all of it lies deferred."""
        injected = self.inject(sender, recipients, **more)  # type: ignore[arg-type]
        wait_until(lambda: self.settled(), timeout=timeout, what="the new mail was tried")
        return injected

    def active(self, n: int, domain: str, *, sender: str = "newsletter@shop.test") -> list[Injected]:
        """Put n messages into the active queue, some in delivery, the rest behind them; `domain` must HANG."""
        before = self.count("active")
        injected = [self.inject(sender, f"user{number}@{domain}")[0] for number in range(n)]
        wait_until(lambda: self.count("active") >= before + n, what=f"{n} messages are active")
        wait_until(lambda: self.world.connections(domain) > 0, what=f"a delivery to {domain} has begun")
        return injected

    def empty(self) -> None:
        """Back to an empty queue and a queue manager that remembers nothing; running afterwards."""
        self.stop()
        for folder in (*QUEUES, "corrupt", "saved", "defer", "bounce", "trace", "flush"):
            for path in list(self.files(folder)):
                path.unlink()
        shutil.rmtree(self.queue_directory / "maildesk-trash", ignore_errors=True)
        self.maillog.unlink(missing_ok=True)
        if (self.queue_directory / "pid").exists():
            (self.queue_directory / "quick-start").touch()  # as `postfix quick-stop` does: nothing is left to check
        self.start()


def _expect(smtp: smtplib.SMTP, code: int, command: str) -> None:
    answer, reply = smtp.docmd(command)
    assert answer == code, f"{command}: {answer} {reply.decode(errors='replace')}"


def _entry(line: dict[str, object]) -> Entry:
    recipients = line.pop("recipients")
    assert isinstance(recipients, list)
    known = {name: line[name] for name in Entry.__slots__ if name != "recipients"}
    return Entry(**known, recipients=tuple(Recipient(each["address"], each.get("delay_reason")) for each in recipients))  # type: ignore[arg-type]


def _at_a_terminal(*command: str) -> str:
    """Run a command whose complaints go to the terminal only (postfix(1) start), and return what it says there."""
    try:
        ours, theirs = pty.openpty()
    except OSError:
        return f"(Run `{' '.join(command)}` at a terminal to read why.)"
    try:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, check=False)
        os.set_blocking(ours, False)
        with contextlib.suppress(BlockingIOError):
            return os.read(ours, 65536).decode(errors="replace")
        return ""
    finally:
        os.close(ours)
        os.close(theirs)


def own(root: Path) -> None:
    """Say in a folder whose name begins with PREFIX that it is this process's, for sweep()."""
    (root / "owner").write_text(identity(str(os.getpid())))


def sweep() -> None:
    """Stop and remove what a killed test run left: instances whose owning process is gone."""
    for root in (*PARENT.glob(f"{PREFIX}*"), *MEMORY.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError, IndexError):  # one that is just being made, or removed
            owner = (root / "owner").read_text()
            if not is_running(owner):
                stop_master(root / "queue")
                shutil.rmtree(root, ignore_errors=True)
