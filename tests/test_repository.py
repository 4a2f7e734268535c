"""The repository around the code: pins, make's targets, the scripts that set a machine up for the tests."""

from __future__ import annotations

import os
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "tests").glob("*.sh"))


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def needed_by(name: str, extras: frozenset[str] = frozenset()) -> dict[str, Requirement]:
    """Everything that a distribution needs, directly or not, on this Python."""
    found: dict[str, Requirement] = {}
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": x}) for x in extras or {""}):
            found[canonicalize_name(requirement.name)] = requirement
            found |= needed_by(requirement.name, frozenset(requirement.extras))
    return found


def test_every_dependency_is_pinned_to_a_version_that_is_allowed() -> None:
    needed = needed_by("maildesk-bot")
    assert "slack-bolt" in needed
    for name, requirement in needed.items():
        assert name in pins(), f"{name} is missing in constraints.txt: make constraints"
        assert requirement.specifier.contains(pins()[name]), f"{name} {pins()[name]} is not {requirement}"


def test_pins_name_versions_and_no_places() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


def test_make_help_tells_of_each_target_that_people_use() -> None:
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("help", "demo", "check", "test", "fast", "bench", "soak", "setup", "clean"):
        assert re.search(rf"(?m)^  make {target} +\S", told), target


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_plain_shell(script: Path) -> None:
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0


def test_ci_runs_check_and_test_and_lets_nothing_be_skipped() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text()
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    order = [text.index(f"\n{line}\n") for line in ("export MAILDESK_REQUIRE_REAL=1", "make check", "make test")]
    assert order == sorted(order)


class Machine:
    """A machine as `install-servers.sh` sees it: programs of ours in its PATH, which act on files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.packages = folder / "packages"
        self.policy = folder / "policy-rc.d"
        self.calls = folder / "calls"
        self.calls.touch()
        self.packages.touch()
        for name in ("awk", "rm", "chmod", "sleep", "sh", "cat", "grep"):
            (self.programs / name).symlink_to(Path("/usr/bin", name))
        # "NAME PROVIDES" lines are what is installed.
        self.program(
            "dpkg-query",
            f'case "$*" in *--search*) exit 1;; *Package*) awk \'{{ print "installed", $0 }}\' {self.packages};;'
            f' *) for name; do :; done; grep -q "^$name " {self.packages} && printf installed || exit 1;; esac',
        )
        self.program(
            "apt-get",
            f'echo "$*" >>{self.calls}; [ -x {self.policy} ] && {self.policy} || echo "services: $?" >>{self.calls};'
            f" if [ -e {folder}/broken ]; then rm {folder}/broken; exit 100; fi",
        )
        self.program("debconf-set-selections", f"cat >>{self.calls}")
        self.program("id", "echo 0")
        self.program("sleep", ":")
        self.broken = folder / "broken"

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def install_servers(self) -> str:
        done = subprocess.run(
            ["/bin/sh", ROOT / "tests" / "install-servers.sh"],
            env={"PATH": str(self.programs), "POLICY_RC_D": str(self.policy)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    @property
    def installed(self) -> list[str]:
        return re.findall(r"(?m) install --no-install-recommends (.*)", self.calls.read_text())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_missing_servers_are_installed_unconfigured_and_never_started(machine: Machine) -> None:
    machine.packages.write_text("bash -\n")
    machine.program("dpkg-query", 'case "$*" in *--search*) exit 0;; *Package*) ;; *) exit 1;; esac')
    machine.install_servers()
    assert machine.installed == ["postfix postgresql sudo openssh-server nsd rbldnsd unbound"]
    assert "main_mailer_type select No configuration" in machine.calls.read_text()
    assert "services: 101" in machine.calls.read_text(), "Debian's scripts were told not to start anything"
    assert not machine.policy.exists(), "and the machine is afterwards as it was"


def test_nothing_is_installed_where_all_is_there(machine: Machine) -> None:
    machine.packages.write_text(
        "postfix mail-transport-agent\npostgresql -\nsudo -\nopenssh-server -\nnsd -\nrbldnsd -\nunbound -\n"
    )
    assert machine.install_servers() == ""
    assert machine.calls.read_text() == ""


def test_postfix_is_never_installed_over_another_mail_transport_agent(machine: Machine) -> None:
    machine.packages.write_text("exim4-daemon-light mail-transport-agent\n")
    assert "exim4-daemon-light" in machine.install_servers()
    assert machine.installed == ["postgresql sudo openssh-server nsd rbldnsd unbound"]


def test_a_policy_that_the_machine_has_is_left_alone(machine: Machine) -> None:
    machine.packages.write_text("postfix mail-transport-agent\n")
    machine.policy.write_text("#!/bin/sh\nexit 104\n")
    machine.policy.chmod(0o755)
    machine.install_servers()
    assert machine.policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_a_failing_apt_is_tried_once_more(machine: Machine) -> None:
    machine.packages.write_text("postfix mail-transport-agent\n")
    machine.broken.touch()
    machine.install_servers()
    assert machine.installed == ["postgresql sudo openssh-server nsd rbldnsd unbound"]


def test_who_may_not_install_is_told_the_command(machine: Machine) -> None:
    machine.packages.write_text("postfix mail-transport-agent\n")
    machine.program("id", "echo 1000")
    assert "sudo make test" in machine.install_servers()
    assert machine.calls.read_text() == ""
