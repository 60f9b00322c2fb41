"""The durable job store on Redis: keys, Lua transitions, one method a transition."""
