"""Every error that a person may read. Each says what happened, to which mail host, what was not done, what to do.

MaildeskError
├── SettingsError             the installation's settings have mistakes (one line each)
├── UserError                 what was typed or pressed cannot be done
│   ├── SelectorError         a selector was not understood
│   ├── NotAllowed            this person may not do this; says who may
│   └── AlreadyDecided        somebody was faster, or the time was over; says who and when
├── StoreError                the database can't be used as it is
└── HostError                 something about one mail host
    ├── HostUnreachable       the agent could not be started: nothing was asked of it
    ├── AgentRefused          the agent said no: a verb taken away, a permission, a mistake in the request
    ├── MailSystemDown        Postfix does not run there
    ├── HostBusy              another change is under way there
    ├── OutcomeUnknown        a change was asked for and the answer never came: it may have happened
    └── AgentFault            the agent itself failed, or answered what this bot does not understand
"""


class MaildeskError(Exception):
    """The root: its text is written for the person who reads it."""


class SettingsError(MaildeskError):
    """The settings have mistakes; `problems` holds one readable line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UserError(MaildeskError):
    """What was typed or pressed cannot be done, and the text says what can be."""


class SelectorError(UserError):
    """A selector was not understood; the text quotes what was not, and gives an example."""


class NotAllowed(UserError):
    """This person may not do this; the text says why. `who` has the roster's entries that may, where that helps."""

    def __init__(self, text: str, who: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.who = who


class AlreadyDecided(UserError):
    """The request was decided before, or its time was over; the text says by whom and when."""


class StoreError(MaildeskError):
    """The database can't be opened, read or written; the text names it, without a password."""


class HostError(MaildeskError):
    """Something about one mail host, whose name stands in front of the text.

    `mend` is the command or setting that mends it, where whoever raises this knows; else it is empty.
    """

    def __init__(self, host: str, text: str, mend: str = "") -> None:
        super().__init__(f"{host}: {text}")
        self.host = host
        self.text = text
        self.mend = mend


class HostUnreachable(HostError):
    """The agent could not be started, so nothing was asked of it and nothing was changed."""


class AgentRefused(HostError):
    """The agent said no; nothing was changed."""


class MailSystemDown(HostError):
    """Postfix does not run on that host; nothing was changed."""


class HostBusy(HostError):
    """Another change is under way on that host; nothing was changed."""


class OutcomeUnknown(HostError):
    """A change was asked for and the answer never came: it may have happened, wholly or in part."""


class AgentFault(HostError):
    """The agent failed, or answered in a way that this bot does not understand."""
