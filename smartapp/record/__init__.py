"""Reads the record: FHIR JSON in, immutable facts out.

Pure: no Django, no sockets, no HTML, no clock but a `now`. One module per kind of fact (`moments`,
`codes`, `texts`, `quantities`, …) and one per resource type. What is asked of the EHR, and how
facts are drawn, is `chart`'s.
"""
