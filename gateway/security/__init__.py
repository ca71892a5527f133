"""Who may do what: tokens, keys, users, profiles, roles, and the rights they add up to."""
