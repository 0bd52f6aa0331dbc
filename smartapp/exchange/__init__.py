"""Every request of ours to an authorization server: one way for all of them (`pipeline`)."""
