"""What is missing in this installation, and the command or setting that mends it."""

from bot.doctor.doctor import Doctor, Outside
from bot.doctor.lines import Level, Line, exit_status

__all__ = ["Doctor", "Level", "Line", "Outside", "exit_status"]
