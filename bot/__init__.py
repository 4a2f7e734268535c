"""Maildesk: a team runs its Postfix mail hosts from Slack.

Everything under `bot` stays true if Slack vanished; what mentions a channel or a button lives in `handlers`.
This file is read by the agent on the mail host too: standard library only, Python 3.9.
"""

__version__ = "0.1.0"
