"""FHIR JSON in, facts out. Pure: no Django, no sockets, no HTML, no clock but a `now`."""
