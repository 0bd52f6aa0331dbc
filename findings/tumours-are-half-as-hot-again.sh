#!/usr/bin/env bash
# @cornerstonejs/calculate-suv 1.1.0 (npm), for DICOM viewers: the uptake of a tumour in a PET scan is
# its activity, for the dose that was left at the moment to which the image is corrected. That is the
# start of the scan or the injection (PS3.3 C.8.9.1, Decay Correction START or ADMIN). The package has
# DecayCorrection among its inputs and does not use it. In an image of FDG that is corrected to the
# injection, an hour before, each uptake is 46 % too high: 2.5, a usual limit, is 3.7.
# Seen: factor 0.000276308 for START and for ADMIN; right for ADMIN: 70000 g / 370 MBq = 0.000189189.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" \
  @cornerstonejs/calculate-suv@1.1.0 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { calculateSUVScalingFactors } = require("@cornerstonejs/calculate-suv");

const scan = { Units: "BQML", CorrectedImage: ["ATTN", "DECY"], PatientWeight: 70, PatientSex: "F",
               PatientSize: 1.7, RadionuclideHalfLife: 6588, RadionuclideTotalDose: 370e6,
               RadiopharmaceuticalStartDateTime: "20260131120000", SeriesDate: "20260131",
               SeriesTime: "130000", AcquisitionDate: "20260131", AcquisitionTime: "130000",
               FrameReferenceTime: 60000, ActualFrameDuration: 120000 };
const rightForAdmin = (scan.PatientWeight * 1000) / scan.RadionuclideTotalDose;
for (const DecayCorrection of ["START", "ADMIN"]) {
  const [{ suvbw }] = calculateSUVScalingFactors([{ ...scan, DecayCorrection }]);
  console.log(DecayCorrection, suvbw, "of the factor for ADMIN:", suvbw / rightForAdmin);
  assert.strictEqual(suvbw.toFixed(9), "0.000276308");
}
assert.strictEqual(rightForAdmin.toFixed(9), "0.000189189");
NODE
