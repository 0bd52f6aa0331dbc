"""Reads the record: from FHIR JSON to immutable facts.

Pure code: no Django, no sockets, no HTML, and no clock except the argument `now`. There is one
module for each kind of fact (`moments`, `codes`, `texts`, `quantities`, …) and one for each
resource type. `chart` decides what to ask the EHR for, and how to show the facts.
"""
