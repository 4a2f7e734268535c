"""What the subcommands of `maildesk` do at a shell.

Each module imports what its command needs, and is imported when that is run, so that --help answers at once.
"""
