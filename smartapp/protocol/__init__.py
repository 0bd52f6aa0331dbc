"""SMART App Launch 2.2 as pure functions: no Django, no sockets, and time only as a `now`
argument."""
