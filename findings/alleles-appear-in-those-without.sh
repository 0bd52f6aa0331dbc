#!/usr/bin/env bash
# vcf2fhir 0.1.1 (PyPI): a VCF record may have several alternate alleles; the genotype says which of
# them the sample has. The conversion to FHIR's genomics reporting writes an Observation for each of
# them, with the value "present", whether the genotype has it or not. The name of the change, as SPDI,
# joins the alternates: A to C and A to G are both called A to CG, which is a change of the length.
# Seen: genotype 0/2 of A to C,G: C present, heterozygous; G present, heterozygous; both ...:99:A:CG.
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

with open("sample.vcf", "w") as file:
    file.write("##fileformat=VCFv4.2\n##contig=<ID=chr1>\n")
    file.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
    for line in ("#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT SAMPLE",
                 "chr1 100 . A C,G . PASS . GT 0/2"):
        file.write(line.replace(" ", "\t") + "\n")
vcf2fhir.Converter("sample.vcf", "GRCh38", "1", genomic_source_class="germline").convert("out.json")


def said(component):
    concept = component.get("valueCodeableConcept", {"coding": [{}]})["coding"][0]
    return component.get("valueString") or concept.get("display") or concept.get("code")


found = []
with open("out.json") as file:
    for observation in json.load(file)["contained"]:
        if observation["code"]["coding"][0]["code"] != "69548-6":
            continue
        value = observation["valueCodeableConcept"]["coding"][0]["display"]
        parts = {part["code"]["coding"][0]["code"]: said(part) for part in observation["component"]}
        found.append((parts["69551-0"], value, parts["53034-5"], parts["48004-6"]))
        print(*found[-1])
change = "NC_000001.11:99:A:CG"
assert found == [("C", "present", "heterozygous", change), ("G", "present", "heterozygous", change)]
PYTHON
