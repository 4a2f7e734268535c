"""Agents that are a few lines of Python: what a mail host makes of their answers is what is tested."""

import json
import sys
from pathlib import Path

from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink

HELD = json.dumps({"event": "done", "result": {"key": "h-test", "counts": {"held": 1}, "was_active": 0}})
DEPTH = json.dumps({"event": "done", "result": {"taken_at": 1.0, "queues": {"deferred": 3, "hold": None}}})


def agent(folder: Path, script: str) -> MailHost:
    """A mail host whose agent is this piece of Python."""
    path = folder / "agent.py"
    path.write_text("import json, os, signal, sys, time\n" + script)
    return MailHost(CommandLink("mx1", (sys.executable, "-I", str(path))))


def says(*lines: str) -> str:
    return f"sys.stdin.read()\nprint({chr(10).join(lines)!r}, flush=True)\n"


def fails(code: str, text: str) -> str:
    return says(json.dumps({"event": "error", "code": code, "text": text}))
