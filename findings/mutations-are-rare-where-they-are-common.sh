#!/usr/bin/env bash
# vcf2fhir 0.1.1 (PyPI): VCF's AD has the read depth of each allele, the reference first. For
# mitochondrial DNA the conversion to FHIR takes the first as the depth of the mutation: the sample's
# variant allele frequency is one less what it is, and its state follows. How much of the DNA is mutated
# tells how ill a patient is likely to be.
# Seen: m.3243A>G in 980 of 1000 reads: frequency 0.02, heteroplasmic; in 5 of 1000: 0.995, homoplasmic.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vcf2fhir==0.1.1 pandas==2.3.3 pyranges==0.1.7 \
  PyVCF3==1.0.4 'setuptools<81'
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json

import vcf2fhir

HEADER = """##fileformat=VCFv4.2
##contig=<ID=chrM>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Read depth for each allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Read depth">
"""


def reported(reference, alternate):
    with open("sample.vcf", "w") as file:
        file.write(HEADER)
        for line in ("#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT SAMPLE",
                     f"chrM 3243 . A G . PASS . GT:AD:DP 1:{reference},{alternate}:1000"):
            file.write(line.replace(" ", "\t") + "\n")
    vcf2fhir.Converter("sample.vcf", "GRCh38", "1",
                       genomic_source_class="germline").convert("out.json")
    with open("out.json") as file:
        variant = json.load(file)["contained"][0]
    parts = {part["code"]["coding"][0]["code"]: part for part in variant["component"]}
    state = parts["53034-5"]["valueCodeableConcept"]["coding"][0]["display"]
    return parts["81258-6"]["valueQuantity"]["value"], state


for (reference, alternate), seen in (((20, 980), (0.02, "heteroplasmic")),
                                     ((995, 5), (0.995, "homoplasmic"))):
    print(alternate, "of 1000 reads:", *reported(reference, alternate))
    assert reported(reference, alternate) == seen
PYTHON
