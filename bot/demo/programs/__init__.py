"""The six programs that the agent calls, with the arguments, texts and exit status of Postfix's own."""
