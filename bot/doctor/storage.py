"""The database: there, of this version, writable, with its key, and its record in order."""

from pathlib import Path

from bot.doctor.lines import Line, ok, problem, warning
from bot.errors import StoreError
from bot.store.database import Store

ABOUT = "database"
NEW = "does not exist"


async def lines(store: Store) -> list[Line]:
    """Of a store that is open. Its key was held against the database when it was opened."""
    name = store.database.name
    try:
        await store.try_writing()
        found = await store.audit.examine()
    except StoreError as error:
        return [trouble(error)]
    if found.problems:
        text = f"The audit chain in {name} is not in order: {found.problems[0].text}"
        return [problem(ABOUT, text, "maildesk audit verify")]
    return [ok(ABOUT, f"{name} can be written, and the {found.rows} rows of its audit chain are in order.")]


def trouble(error: StoreError) -> Line:
    """What hinders; its text names the database and ends with what to do."""
    what, _, mend = str(error).partition(". ")
    return problem(ABOUT, f"{what.rstrip('.')}.", mend or "Look at DATABASE_URL in the settings")


def missing(file: Path) -> Line:
    """No file yet: the first start makes it, if it may."""
    if file.parent.is_dir():
        return warning(ABOUT, f"There is no {file} yet; the bot makes it when it starts.", "maildesk run")
    mend = f"mkdir -m 700 {file.parent}; it has to belong to the user that the bot runs as"
    return problem(ABOUT, f"There is no {file}, and no folder to make it in.", mend)


def is_there(file: Path) -> bool:
    """Whether there is such a file, or it can't be found out, which opening it tells better."""
    try:
        return file.exists()
    except OSError:
        return True
