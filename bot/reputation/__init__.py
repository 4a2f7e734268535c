"""Whether the world trusts a mail host: its DNS, its authentication, blocklists, and how it speaks SMTP and TLS."""
