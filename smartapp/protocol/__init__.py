"""SMART App Launch 2.2, pure: no Django, no sockets, no clock but a `now` argument."""
