"""The console at a real (pseudo) terminal, in a process of its own."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
from bot.console.terminal import run
from bot.console.workspace import Workspace
from tests.console.app import ANA, BEN, OPS, client_of, people, running
from tests.console.test_terminal import Shop

async def main():
    shop = Shop()
    async with Workspace() as workspace:
        people(workspace)
        async with running(workspace, shop.register):
            async def later():
                await asyncio.sleep(1.2)
                await client_of(workspace).chat_postMessage(channel=OPS, text="news from elsewhere")
            news = asyncio.create_task(later()) if "news" in sys.argv else None
            await run(workspace, users=[ANA, BEN], channel=OPS, idle=shop.background.idle,
                      stdin=sys.stdin, stdout=sys.stdout)
    print("ended well")

asyncio.run(main())
"""
ROOT = Path(__file__).parents[2]


class Terminal:
    """A program on a pseudo-terminal: what it printed, and keys to send."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", PROGRAM, *arguments]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=environment, start_new_session=True
        )
        self.slave = slave
        self.seen = ""

    def until(self, words: str, seconds: float = 15) -> str:
        """Everything printed up to and with these words. Fails if they don't come."""
        end = time.monotonic() + seconds
        while words not in self.seen and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
        assert words in self.seen, self.seen
        before, _, self.seen = self.seen.partition(words)
        return before + words

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    terminal = Terminal(*getattr(request, "param", ()))
    yield terminal
    terminal.stop()


def piped(source: int) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, cwd=ROOT, env=environment, text=True)


def test_a_pipe_gets_its_answer_before_it_sends_the_next_line() -> None:
    with piped(subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line, answer in (("card", "Count: 0"), ("1", "Count: 1")):
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            lines = iter(process.stdout.readline, "")
            assert next(read for read in lines if read.startswith(">")) == f"> {line}\n"
            assert next(read for read in lines if "Count" in read).strip() == answer
        process.stdin.close()
        assert "ended well" in process.stdout.read()
        assert process.wait(5) == 0


def test_no_input_at_all_ends_at_once() -> None:
    with piped(subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "ended well\n"
        assert process.wait(5) == 0


def test_one_types_presses_and_leaves(terminal: Terminal) -> None:
    assert "You are ana in #ops." in terminal.until("ana in #ops> ")
    terminal.type("cardx\x7f\n")
    assert "\x1b[1mCount\x1b[0m: 0" in terminal.until("ana in #ops> ")
    terminal.type("1\n")
    terminal.until(": 1")
    terminal.until("ana in #ops> ")
    terminal.type("2\n")
    terminal.until("y: Drop, n: Cancel: ")
    terminal.type("n\n")
    terminal.until("Not done.")
    terminal.until("ana in #ops> ")
    terminal.type("\x04")
    terminal.until("ended well")
    assert terminal.process.wait(5) == 0


def test_progress_is_seen_on_the_way_and_replaced(terminal: Terminal) -> None:
    terminal.until("ana in #ops> ")
    terminal.type("slow\n")
    shown = terminal.until("ana in #ops> ")
    assert shown.index("1 of 3") < shown.index("All 3 done")
    assert "\x1b[2K" in shown
    assert "1 of 3" not in shown[shown.rindex("\x1b[2K") :]


def test_an_answer_taller_than_the_terminal_is_left_there_once(terminal: Terminal) -> None:
    terminal.until("ana in #ops> ")
    termios.tcsetwinsize(terminal.master, (10, 80))
    terminal.type(f"{'x' * 3000} end\n")
    terminal.until("I don't know")
    shown = terminal.until("ana in #ops> ")
    assert shown.count("end'.") == 1, "what has scrolled off the terminal can't be wiped away any more"


@pytest.mark.parametrize("terminal", [("news",)], indirect=True)
def test_what_arrives_by_itself_is_shown_above_what_is_being_typed(terminal: Terminal) -> None:
    terminal.until("ana in #ops> ")
    terminal.type("ca")
    terminal.until("news from elsewhere")
    terminal.until("ana in #ops> ca")
    terminal.type("rd\n")
    terminal.until(": 0")


def test_ctrl_c_ends_cleanly_and_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.until("ana in #ops> ")
    terminal.process.send_signal(signal.SIGINT)
    assert "Traceback" not in terminal.until("ended well")
    assert terminal.process.wait(5) == 0
    assert termios.tcgetattr(terminal.slave)[3] == terminal.before[3]
