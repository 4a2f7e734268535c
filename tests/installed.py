"""The agent as an admin installs it, on a real Postfix, and an ordinary user who may start it through a real sudo."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.agent.build import build
from tests.ordinary_user import OrdinaryUser
from tests.postfix.instance import PREFIX, PrivatePostfix

SETTINGS = Path("/etc/maildesk")
OPT = Path("/opt")
MARK = "; written by the tests of Maildesk, which remove it again\n"


@dataclass(frozen=True, slots=True)
class Installed:
    """The agent as an admin installs it, and the ordinary user who may start it and nothing else."""

    agent: Path
    user: OrdinaryUser

    def ask(
        self, verb: str, *targets: Sequence[object], options: tuple[str, ...] = (), **args: object
    ) -> dict[str, object]:
        """The last event of one request through sudo."""
        return self.answer(self.user.sudo(str(self.agent), stdin=request(verb, *targets, **args), options=options))

    def answer(self, done: subprocess.CompletedProcess[str]) -> dict[str, object]:
        assert done.stdout, done.stderr
        event: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return event


def request(verb: str, *targets: Sequence[object], **args: object) -> str:
    if targets:
        args["targets"] = len(targets)
    lines = [json.dumps({"v": 1, "verb": verb, "instance": "default", "args": args})]
    return "\n".join([*lines, *map(json.dumps, targets)]) + "\n"


@pytest.fixture
def installed(ordinary_user: OrdinaryUser, postfix: PrivatePostfix) -> Iterator[Installed]:
    """/etc/maildesk is the machine's own, so one test at a time uses it, and never over somebody's real file."""
    with Path("/run/lock/maildesk-tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ini = SETTINGS / "agent.ini"
        if ini.exists() and not ini.read_text().startswith(MARK):
            pytest.skip(f"{ini} belongs to a real installation, and this test would have to replace it")
        for left in OPT.glob(f"{PREFIX}*"):  # by a run that was killed, and so has the lock no more
            shutil.rmtree(left)
        # Not in tmp_path: the installed agent refuses to lie below a folder that others can write to, such as /tmp.
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=OPT))
        folder.chmod(0o755)
        try:
            SETTINGS.mkdir(mode=0o755, exist_ok=True)
            ini.write_text(f"{MARK}[default]\nconfig_directory = {postfix.config_directory}\n")
            ini.chmod(0o644)
            agent = folder / "maildesk-agent"
            build(agent)
            ordinary_user.allow(f'{{user}} ALL=(root) NOPASSWD: {agent} ""')
            yield Installed(agent, ordinary_user)
        finally:
            shutil.rmtree(folder)
            ini.unlink(missing_ok=True)
            SETTINGS.rmdir()
