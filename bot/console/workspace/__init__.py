"""A local Slack on loopback, for the terminal and the tests: HTTP Web API, response URLs and Socket Mode."""

from bot.console.workspace.answers import NotFilled
from bot.console.workspace.calls import Call
from bot.console.workspace.people import ConfirmNeeded
from bot.console.workspace.reading import Control, NotThere, controls, live, text_of
from bot.console.workspace.sockets import Receipt
from bot.console.workspace.state import Channel, Message, User, Usergroup, View
from bot.console.workspace.workspace import Workspace

__all__ = [
    "Call",
    "Channel",
    "ConfirmNeeded",
    "Control",
    "Message",
    "NotFilled",
    "NotThere",
    "Receipt",
    "User",
    "Usergroup",
    "View",
    "Workspace",
    "controls",
    "live",
    "text_of",
]
