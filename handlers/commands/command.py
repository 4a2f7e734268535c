"""What a subcommand of `/mail` is."""

from dataclasses import dataclass

from bot.actors import NEEDED, Role
from handlers.door import Deed


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table of commands. `name` is also the verb whose role it needs; `also` is what else may be typed.

    In the examples mx1 stands for the first mail host, and is named wherever one of several has to be.
    """

    name: str
    usage: str
    summary: str
    examples: tuple[str, ...]
    run: Deed
    also: tuple[str, ...] = ()

    @property
    def role(self) -> Role:
        return NEEDED[self.name]
