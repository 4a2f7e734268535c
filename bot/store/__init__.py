"""What must outlive the bot: requests, the audit chain, and what Slack must get. SQLite, or PostgreSQL by URL."""
