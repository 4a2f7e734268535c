"""A mail host that needs no Postfix: real queue files, programs of Postfix's names, a queue manager that works.

The agent runs on it unchanged. Nothing here shares code with the agent, so that a mistake in one can't hide in the
other; `tests/demo` holds both the demo and a real Postfix to the same tests.
"""
