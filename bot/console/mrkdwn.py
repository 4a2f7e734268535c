"""Slack's mrkdwn as styled text (docs.slack.dev/messaging/formatting-message-text), with nothing hostile left in it."""

import re
from collections.abc import Mapping

from rich.emoji import Emoji
from rich.style import Style
from rich.text import Text

from bot.text import presentable

_TOKEN = re.compile(
    r"```(?P<pre>.*?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<link>[^<>\n]+)>"
    r"|(?<![\w*])\*(?P<bold>(?=\S)[^*\n]+(?<=\S))\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>(?=\S)[^_\n]+(?<=\S))_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>(?=\S)[^~\n]+(?<=\S))~(?![\w~])",
    re.DOTALL,
)
_STYLES = {"bold": Style(bold=True), "italic": Style(italic=True), "strike": Style(strike=True)}
CODE = Style(color="cyan")
MENTION = Style(color="blue", bold=True)
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def safe(text: str) -> str:
    """Text with its lines kept and every other control, bidi or invisible character shown as an escape."""
    # The variation selector that makes an emoji colourful has no width; an escape would litter the app's own text.
    lines = text.replace("\r\n", "\n").replace("\t", "    ").replace("\ufe0f", "").split("\n")
    return "\n".join(presentable(line, 50_000) for line in lines)


def plain(text: str) -> Text:
    """A plain_text object: emoji names become emoji, nothing else means anything."""
    return Text(safe(Emoji.replace(text)))


def mrkdwn(source: str, names: Mapping[str, str]) -> Text:
    """A mrkdwn text; `names` maps the IDs of people, groups and channels to what to call them."""
    styled = Text()
    lines = source.split("\n")
    for index, line in enumerate(_joined_fences(lines)):
        if index:
            styled.append("\n")
        quoted = line.startswith(("&gt;", ">"))
        if quoted:
            styled.append("│ ", Style(dim=True))
            line = line.removeprefix("&gt;").removeprefix(">").removeprefix(" ")
        _append(styled, line, Style.null(), names)
    return styled


def _joined_fences(lines: list[str]) -> list[str]:
    """Lines, but a ``` block that spans several is one."""
    joined: list[str] = []
    for line in lines:
        if joined and joined[-1].count("```") % 2:
            joined[-1] += f"\n{line}"
        else:
            joined.append(line)
    return joined


def _append(styled: Text, source: str, style: Style, names: Mapping[str, str]) -> None:
    start = 0
    for match in _TOKEN.finditer(source):
        styled.append(_literal(source[start : match.start()]), style)
        start = match.end()
        kind, inner = str(match.lastgroup), str(match[str(match.lastgroup)])
        if kind in _STYLES:
            _append(styled, inner, style + _STYLES[kind], names)
        elif kind == "link":
            styled.append(*_linked(inner, style, names))
        else:
            styled.append(_unescaped(inner.strip("\n") if kind == "pre" else inner), style + CODE)
    styled.append(_literal(source[start:]), style)


def _linked(inner: str, style: Style, names: Mapping[str, str]) -> tuple[str, Style]:
    """What stands between angle brackets: a mention, a special word, a date, or a link shown with its target."""
    target, _, label = inner.partition("|")
    label = _unescaped(label)
    if target[:1] in ("@", "#"):
        return f"{target[0]}{safe(names.get(target[1:], '')) or label or safe(target[1:])}", style + MENTION
    if target.startswith("!date"):
        return label or safe(target), style
    if target.startswith("!"):
        return label or f"@{safe(names.get(target.rpartition('^')[2], '') or target[1:])}", style + MENTION
    target = _unescaped(target)
    shown = target if label in ("", target, target.removeprefix("mailto:")) else f"{label} ({target})"
    return shown, style + Style(underline=True)


def _literal(text: str) -> str:
    return _unescaped(Emoji.replace(text))


def _unescaped(text: str) -> str:
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return safe(text)
