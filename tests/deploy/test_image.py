"""What a container build would trip over, told without one: the Dockerfile, its ignore file, its health check."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of each line, continued lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def of(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


def command_of(arguments: str) -> list[str]:
    words = json.loads(arguments[arguments.index("[") :])
    assert isinstance(words, list)
    return words


def test_every_file_that_is_copied_exists_and_is_not_ignored() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [word for line in of("COPY") if not line.startswith("--from") for word in line.split()[:-1]]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert name in let_in, f"{name} does not reach the build: .dockerignore"


def test_base_images_are_pinned_and_of_one_python() -> None:
    bases = {line.split()[0] for line in of("FROM")}
    assert len(bases) == 1, "what was built must run on what it was built for"
    assert re.fullmatch(r"python:3\.1[1-9]-slim-[a-z]+", bases.pop())


def test_dependencies_come_from_the_constraints() -> None:
    (install,) = [line for line in of("RUN") if "pip install" in line]
    assert "--constraint constraints.txt" in install


def test_the_last_stage_ends_as_an_ordinary_user_and_starts_the_bot() -> None:
    last = instructions()[[name for name, _ in instructions()].index("FROM", 1) :]
    (user,) = [arguments for name, arguments in last if name == "USER"]
    assert user not in ("root", "0")
    assert command_of(of("CMD")[-1]) == ["maildesk", "run"], "in exec form, so that it gets the signals itself"
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert command_of(of("HEALTHCHECK")[0])[0] == "python"


def test_the_command_that_it_starts_exists() -> None:
    done = subprocess.run([sys.executable, "-m", "bot", "run", "--help"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_health_check_sees_an_established_connection_and_its_end() -> None:
    spec = importlib.util.spec_from_file_location("healthcheck", ROOT / "deploy" / "healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    healthcheck = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(healthcheck)
    with socket.create_server(("127.0.0.1", 0)) as slack:
        port = slack.getsockname()[1]
        assert not healthcheck.connected(port), "it listens, but nobody is connected"
        with socket.create_connection(slack.getsockname()), slack.accept()[0]:
            assert healthcheck.connected(port)
    assert not healthcheck.connected(port)


@pytest.mark.parametrize(
    ("environment", "port"),
    [
        ({}, 443),
        ({"SLACK_API_URL": "http://127.0.0.1:8080/api/"}, 8080),
        ({"SLACK_API_URL": "http://slack.test/"}, 80),
        ({"HTTPS_PROXY": "http://proxy.test:3128"}, 3128),
    ],
)
def test_the_health_check_looks_at_the_port_that_leads_to_slack(environment: dict[str, str], port: int) -> None:
    code = f"import healthcheck; print(healthcheck.slack_port({environment!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "deploy", capture_output=True, text=True, check=True)
    assert int(done.stdout) == port
