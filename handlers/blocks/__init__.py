"""What Slack shows, made of what is known: pure functions from dataclasses to Block Kit."""
