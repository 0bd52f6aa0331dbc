#!/usr/bin/env bash
# acmg-calculator 0.2.1 (PyPI): of a genetic variant with criteria for and against pathogenicity, ACMG
# and AMP say that contradictory criteria make it of uncertain significance (Richards et al. 2015, Table
# 5). The calculator asks the benign rules first: two supporting criteria outweigh a very strong and a
# strong one. acmg-points (PyPI) says uncertain by the same rules, and pathogenic by the points of 2020.
# Seen: PVS1 and PS1 Pathogenic; with BP4 and BP7, or BS1 and BP4, Likely Benign; acmg-points uncertain.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet acmg-calculator==0.2.1 acmg-points==0.1.2
"$folder/venv/bin/python" - <<'PYTHON'
from acmg_calculator import calculate_pathogenicity
from acmg_points.core import classify

for criteria, seen, by_rules, by_points in (
    ("PVS1 PS1", "Pathogenic", "Pathogenic", "Pathogenic"),
    ("PVS1 PS1 BP4 BP7", "Likely Benign", "Uncertain significance", "Pathogenic"),
    ("PVS1 PS1 BS1 BP4", "Likely Benign", "Uncertain significance", "Likely pathogenic"),
):
    found = calculate_pathogenicity(criteria.split())
    other = classify(criteria.split())
    print(f"{criteria}: {found}; acmg-points: {other.rules_class}, {other.points_class}")
    assert (found, other.rules_class, other.points_class) == (seen, by_rules, by_points)
PYTHON
