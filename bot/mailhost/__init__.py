"""The bot's side of a mail host: how it is reached, its verbs as coroutines, and the selectors that people type."""
