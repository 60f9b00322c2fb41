"""How well one account's rate limit is used, and what an outage costs; all told from outside."""
