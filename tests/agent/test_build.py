"""The installed agent as one file: what it starts with, what it refuses, and the oldest Python that it runs on."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

from bot.agent.build import build
from tests.agent.standin import Answer, answer_of, request


def run_installed(path: Path, data: bytes, *arguments: str, python: str = "") -> Answer:
    command = [python, "-I", str(path)] if python else [str(path)]
    done = subprocess.run([*command, *arguments], input=data, capture_output=True, check=False)
    return answer_of(done.returncode, done.stdout, done.stderr.decode())


def test_the_installed_agent_is_one_file_that_starts_isolated(tmp_path: Path) -> None:
    build(tmp_path / "agent")
    build(tmp_path / "again")
    data = (tmp_path / "agent").read_bytes()
    assert data.startswith(b"#!/usr/bin/python3 -I\n")
    assert data == (tmp_path / "again").read_bytes()
    assert (tmp_path / "agent").stat().st_mode & 0o7777 == 0o755


def test_the_installed_agent_takes_no_arguments(tmp_path: Path) -> None:
    build(tmp_path / "agent")
    answer = run_installed(tmp_path / "agent", request("info"), "--ini", "/tmp/x")  # noqa: S108
    assert (answer.status, answer.code) == (64, "bad_request")


def test_the_installed_agent_believes_nothing_below_a_folder_that_others_can_write(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    build(folder / "agent")
    answer = run_installed(folder / "agent", request("info"))
    assert (answer.status, answer.code) == (77, "denied")


def oldest_python() -> str:
    """The oldest Python from 3.9 on that works here; `/usr/bin/python3` is what the installed agent starts with."""
    for python in ("python3.9", "python3.10", "/usr/bin/python3"):
        if shutil.which(python) and not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
            return python
    return "python3"


def test_the_installed_agent_runs_on_an_old_python(tmp_path: Path) -> None:
    build(tmp_path / "agent")
    python = oldest_python()
    assert run_installed(tmp_path / "agent", b"{}", "x", python=python).code == "bad_request"
    for module in ("listing", "hold", "release", "flush", "show", "info"):
        code = f"import sys; sys.path.insert(0, {str(tmp_path / 'agent')!r}); import bot.agent.{module}"
        subprocess.run([python, "-I", "-c", code], check=True)


def precompiled(path: Path) -> Path:
    """As the installation does it: by the agent's own code, and the Python that it runs by."""
    build(path)
    code = "import sys, pathlib; sys.path.insert(0, sys.argv[1]); from bot.agent.build import precompile; "
    code += "precompile(pathlib.Path(sys.argv[1]))"
    subprocess.run(["/usr/bin/python3", "-I", "-c", code, str(path)], check=True)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, content: dict[str, bytes]) -> None:
    with path.open("wb") as file:
        file.write(b"#!/usr/bin/python3 -I\n")
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)


def test_bytecode_stands_beside_the_very_sources_and_is_used(tmp_path: Path) -> None:
    build(tmp_path / "agent")
    sources, both = members(tmp_path / "agent"), members(precompiled(tmp_path / "fast"))
    assert {name: both[name] for name in sources} == sources
    assert set(both) - set(sources) == {f"{name}c" for name in sources}
    assert (tmp_path / "fast").stat().st_mode & 0o7777 == 0o755
    write(tmp_path / "fast", {name: b"no Python (" if name.endswith(".py") else both[name] for name in both})
    assert run_installed(tmp_path / "fast", b"{}", "x").code == "bad_request", "the sources were not looked at"


def test_another_python_passes_over_the_bytecode_and_compiles_the_sources(tmp_path: Path) -> None:
    path = precompiled(tmp_path / "fast")
    magic = subprocess.run(
        ["/usr/bin/python3", "-c", "import importlib.util as u, sys; sys.stdout.buffer.write(u.MAGIC_NUMBER)"],
        check=True,
        capture_output=True,
    ).stdout
    other = b"\x00\x00\r\n"
    changed = {
        name: data.replace(magic, other, 1) if name.endswith("c") else data for name, data in members(path).items()
    }
    assert all(data.startswith(other) for name, data in changed.items() if name.endswith("c"))
    write(path, changed)
    assert run_installed(path, b"{}", "x").code == "bad_request"
