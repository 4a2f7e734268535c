"""Asks for what a press or a modal needs: a choice, a yes, one field after another."""

from collections.abc import Awaitable, Callable
from typing import Any

from rich.style import Style
from rich.text import Text

from bot.console.mrkdwn import safe
from bot.console.screen import Screen
from bot.console.workspace import Control, NotFilled, View, Workspace, controls
from bot.console.workspace.answers import FIELDS, STATELESS

Ask = Callable[[str], Awaitable[str]]

_YES = ("y", "yes")
_NO = ("n", "no", "")
CANCEL = ":cancel"
LEAVES = f"{CANCEL} leaves this; then commands are taken again."


class Cancelled(Exception):
    """The person (or the end of the input) broke the question off."""


class Forms:
    """Questions to one person. `ask` prints a prompt and returns a line; it raises Cancelled at the end of input.

    A line that begins with `command`, or with a colon, is meant for the console, and answers no question.
    """

    def __init__(self, workspace: Workspace, screen: Screen, ask: Ask, command: str) -> None:
        self._workspace = workspace
        self._screen = screen
        self._ask = ask
        self._command = command

    async def confirmed(self, control: Control) -> bool | None:
        """The control's confirm dialog as a yes or no; None if it has none."""
        dialog = control.confirm
        if dialog is None:
            return None
        self._screen.say(dialog["title"]["text"], "bold")
        self._screen.say(dialog["text"]["text"])
        yes = dialog.get("confirm", {}).get("text", "Yes")
        no = dialog.get("deny", {}).get("text", "Cancel")
        return await self._yes(f"y: {yes}, n: {no}")

    async def option(self, control: Control, given: str) -> str | None:
        """The value of the option chosen; None for a button. `given` is a number or label, or empty to ask."""
        if not control.options:
            return await self._free(control, given) if control.type != "button" else None
        while True:
            if not given:
                self._list(control)
                given = await self._line(f"1-{len(control.options)}, or {CANCEL}")
            chosen = _chosen(control, given)
            if chosen is not None:
                return chosen
            self._screen.say(f"{given!r} is none of these. {LEAVES}")
            given = ""

    async def fill(self, user: str, view: View) -> None:
        """Asks the fields of the modal in turn, submits it, and asks again what was refused.

        Raises Cancelled; then the modal is closed.
        """
        answers: dict[str, Any] = {}
        fields = [control for control in controls(view) if control.block["type"] == "input"]
        wanted = fields
        while True:
            for field in wanted:
                answer = await self._field(field)
                if answer is not None:
                    answers[field.block_id] = answer
            if not fields and not await self._yes(f"y: {view.body['submit']['text']}, n: close"):
                raise Cancelled
            problems = await self._submitted(user, view, answers)
            if not problems:
                return
            for field in fields:
                if field.block_id in problems:
                    self._screen.say(f"{field.label}: {problems[field.block_id]}", "yellow")
            self._screen.say(LEAVES)
            wanted = [field for field in fields if field.block_id in problems]

    async def _submitted(self, user: str, view: View, answers: dict[str, Any]) -> dict[str, str]:
        try:
            receipt = await self._workspace.submit(user, view, answers)
        except NotFilled as refusal:
            return refusal.problems
        if receipt.error:
            self._screen.say(f"The app did not answer ({receipt.error}). Whether it took this is not known.", "yellow")
            raise Cancelled
        return receipt.errors

    async def _field(self, field: Control) -> Any:
        """One field's answer; None keeps what it began with."""
        hint = field.block.get("hint", {}).get("text", "")
        optional = " (optional)" if field.block.get("optional") else ""
        self._screen.print(Text(f"{safe(field.label)}{optional}", Style(bold=True)))
        if hint:
            self._screen.say(hint, "dim")
        many = FIELDS[field.type][0] == "selected_options"
        if field.options:
            self._list(field)
        while True:
            line = await self._line(f"{_hint(field, many)}, or {CANCEL}")
            if not line.strip():
                return None
            if not field.options:
                return line.strip()
            chosen = [_chosen(field, part.strip()) for part in (line.split(",") if many else [line.strip()])]
            if None not in chosen:
                return chosen if many else chosen[0]
            self._screen.say(f"{line!r} is none of these. {LEAVES}")

    async def _free(self, control: Control, given: str) -> str | None:
        """What a select without a list of options wants, such as a user or a date."""
        if control.type in STATELESS:
            return None
        return given or await self._line(f"{control.label}, or {CANCEL}")

    async def _yes(self, prompt: str) -> bool:
        while True:
            line = (await self._line(prompt)).strip().casefold()
            if line in _YES or line in _NO:
                return line in _YES
            self._screen.say(f"Please answer y or n. {LEAVES}")

    async def _line(self, prompt: str) -> str:
        while True:
            line = await self._ask(f"  {safe(prompt)}: ")
            said = line.strip()
            if said == CANCEL:
                raise Cancelled
            if not said.startswith(":") and said.partition(" ")[0] != self._command:
                return line
            self._screen.say(f"{said!r} was not done: a question is open. {LEAVES}")

    def _list(self, control: Control) -> None:
        for number, option in enumerate(control.options, 1):
            text = Text(f"  {number}. ", Style(bold=True)).append(safe(option.label), Style(bold=False))
            if description := option.json.get("description"):
                text.append(f" ({safe(description['text'])})", Style(bold=False, dim=True))
            self._screen.print(text)


def _hint(field: Control, many: bool) -> str:
    """What the prompt of a field says: how to answer, and what an empty line keeps."""
    given = field.element.get(FIELDS[field.type][1]) or ""
    kept = [item["text"]["text"] for item in (given if isinstance(given, list) else [given]) if isinstance(item, dict)]
    kept = kept or [str(given)]
    how = "numbers, with commas" if many else f"1-{len(field.options)}" if field.options else "text"
    return f"{how} [{', '.join(kept)}]" if any(kept) else how


def _chosen(control: Control, given: str) -> str | None:
    """The value of the option with this number or label."""
    options = control.options
    if given.isdecimal() and 1 <= int(given) <= len(options):
        return options[int(given) - 1].value
    return next((option.value for option in options if option.label.casefold() == given.casefold()), None)
