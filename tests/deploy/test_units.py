"""The systemd units, the samples for sudo and sshd, the compose file: each held against what it has to fit."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.commands import install
from bot.settings import INSTALLED_AGENT, HostSettings
from tests.deploy.test_image import of
from tests.installed import Installed, request
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import GREYLIST
from tests.postfix.world import World

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
USER = HostSettings("mx1").user
TIGHT, LOOSE = DEPLOY / "maildesk.service", DEPLOY / "maildesk-sudo.service"

FORBID_SUDO = {
    *("NoNewPrivileges", "SystemCallFilter", "SystemCallArchitectures", "RestrictAddressFamilies", "DynamicUser"),
    *("RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "PrivateDevices", "PrivateUsers", "ProtectClock"),
    *("ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectHostname", "LockPersonality"),
    "MemoryDenyWriteExecute",
}
"""Each sets no_new_privs for an ordinary user (systemd.exec(5)), or takes root away altogether."""
HIDE_FROM_THE_AGENT = {"ProtectProc", "ProcSubset", "ReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem"}


def unit(path: Path) -> dict[str, str]:
    """The section [Service]; of a setting that is given twice, the last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return dict(parser["Service"])


def test_both_units_start_the_bot_as_an_ordinary_user_where_its_settings_lie() -> None:
    for path in (TIGHT, LOOSE):
        service = unit(path)
        assert service["User"] == USER
        assert service["ExecStart"] == "/opt/maildesk/bin/maildesk run"
        assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
        assert (service["StateDirectoryMode"], service["UMask"]) == ("0700", "0077")


def test_the_looser_unit_has_nothing_that_forbids_sudo_or_hides_from_the_agent_what_it_needs() -> None:
    assert not set(unit(LOOSE)) & (FORBID_SUDO | HIDE_FROM_THE_AGENT)
    assert unit(LOOSE)["ProtectSystem"] == "full", "strict would make the queue read-only for the agent"
    assert unit(TIGHT)["NoNewPrivileges"] == "yes"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze (package systemd)")
@pytest.mark.parametrize("path", [TIGHT, LOOSE], ids=lambda path: path.stem)
def test_the_score_that_the_documentation_states_is_the_score(path: Path) -> None:
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    (score,) = re.findall(rf"Overall exposure level for {path.name}: ([0-9.]+)", told)
    (stated,) = re.findall(rf"`deploy/{path.name}` \|.*\| ([0-9.]+) ", (ROOT / "docs" / "install.md").read_text())
    # Another systemd counts some settings more.
    assert abs(float(score) - float(stated)) <= 0.5


@pytest.mark.real("postfix")
@pytest.mark.real("sudo")
def test_the_capabilities_that_the_looser_unit_leaves_are_enough(
    installed: Installed, postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    entries = postfix.queue("deferred")
    left = [name.removeprefix("CAP_").lower() for name in unit(LOOSE)["CapabilityBoundingSet"].split()]
    account = installed.user.account
    shut_in = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    shut_in += [f"--bounding-set=-all,{','.join(f'+{name}' for name in left)}", "sudo", "-n", str(installed.agent)]

    def ask(verb: str, *targets: list[object], **args: object) -> dict[str, object]:
        done = subprocess.run(
            shut_in, input=request(verb, *targets, **args), capture_output=True, text=True, check=False, cwd="/"
        )
        event: dict[str, object] = json.loads((done.stdout or done.stderr).splitlines()[-1])
        assert event["event"] == "done", event
        result = event["result"]
        assert isinstance(result, dict)
        return result

    targets: list[list[object]] = [[e.queue_id, e.arrival_time, e.message_size, e.sender] for e in entries]
    assert ask("info")["mail_system_up"] is True
    assert ask("info")["trash_refuses"] == ""
    assert ask("delete", *targets, key="57-k3qf")["counts"] == {"deleted": 3}
    assert ask("restore", key="57-k3qf")["counts"] == {"restored": 3}
    assert {entry.queue_id for entry in postfix.queue()} == {entry.queue_id for entry in entries}
    held = ask("hold", *[target[:1] for target in targets], key="h-test")
    assert held["counts"] == {"held": 3}
    ask("release", key="h-test")
    ask("flush")


def test_the_samples_are_what_the_installation_writes(tmp_path: Path) -> None:
    (rule,) = [line for line in (DEPLOY / "sudoers").read_text().splitlines() if not line.startswith("#")]
    assert rule == f'{USER} ALL=(root) NOPASSWD: {INSTALLED_AGENT} ""'
    assert '$user ALL=(root) NOPASSWD: $agent \\"\\"' in install.SCRIPT.read_text()
    (line,) = [line for line in (DEPLOY / "authorized_keys").read_text().splitlines() if not line.startswith("#")]
    key = tmp_path / "key.pub"
    key.write_text(line.removeprefix(install.FORCED).strip())
    assert install.authorized(key) == line


@pytest.mark.real("sudo")
def test_visudo_takes_the_sample() -> None:
    assert subprocess.run(["visudo", "-cqf", DEPLOY / "sudoers"], check=False).returncode == 0


def test_the_compose_file_fits_the_image() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    service = compose["services"]["maildesk"]
    assert (DEPLOY / service["build"]["context"] / "Dockerfile").exists()
    (volume,) = service["volumes"]
    name, place = volume.split(":")
    assert name in compose["volumes"]
    assert of("VOLUME") == [place], "what the bot keeps outlives the container"
    assert "user" not in service and "command" not in service, "the image says it"
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert (DEPLOY / service["env_file"]).resolve() == ROOT / ".env"


def test_what_the_compose_file_says_about_the_key_puts_it_there_for_its_owner_alone(tmp_path: Path) -> None:
    said = re.findall(r"sh -c '([^']+)' <", (DEPLOY / "compose.yaml").read_text())
    for script in said:
        subprocess.run(["sh", "-c", script], input=b"what was piped", cwd=tmp_path, check=True)
    put = {path.name: (path.read_bytes(), path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert put == dict.fromkeys(("id_maildesk", "known_hosts"), (b"what was piped", 0o600))
