"""The terminal front end and the local Slack that it drives."""
