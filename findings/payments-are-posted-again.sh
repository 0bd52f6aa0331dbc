#!/usr/bin/env bash
# node-x12 1.7.1 (npm) reads X12, such as the remittances (835) in which an insurance says what it has paid
# for each claim. Each file is one interchange, from ISA to IEA. A parser that has read a file gives, of the
# next one, what was in both: the payments of yesterday's file are in today's a second time. By default the
# result is one interchange like any other; in strict mode it is one of several, as of a file with several
# interchanges. A new parser for each file reads it rightly. The documentation says neither.
# Seen: of the second file A1: 80 and B1: 150, with a new parser B1: 150, in both modes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" node-x12@1.7.1 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { X12Parser } = require("node-x12");

const remittance = (number, claim, paid) => [
  "ISA*00*          *00*          *ZZ*PAYER          *ZZ*PROVIDER       *260131*1015*^*00501" +
    `*00000000${number}*0*P*:`,
  `GS*HP*PAYER*PROVIDER*20260131*1015*${number}*X*005010X221A1`, "ST*835*0001",
  `BPR*I*${paid}*C*ACH*CCP*01*1*DA*1*1**01*1*DA*1*20260131`, `TRN*1*${number}*1`, "N1*PR*PAYER",
  "N1*PE*PROVIDER*XX*1234567893", "LX*1", `CLP*${claim}*1*${paid}*${paid}**12*${number}`,
  `SVC*HC:99213*${paid}*${paid}`, "SE*9*0001", `GE*1*${number}`, `IEA*1*00000000${number}`, "",
].join("~");
const interchanges = (parsed) => Array.from(parsed.interchanges ?? [parsed]);
const payments = (parsed) => interchanges(parsed).flatMap(({ functionalGroups }) =>
  functionalGroups.flatMap(({ transactions }) => transactions.flatMap(({ segments }) =>
    segments.filter(({ tag }) => tag === "CLP").map((one) => `${one.valueOf(1)}: ${one.valueOf(4)}`))));

for (const strict of [false, true]) {
  const parser = new X12Parser(strict);
  const first = parser.parse(remittance(1, "A1", 80));
  const before = payments(first);
  const second = parser.parse(remittance(2, "B1", 150));
  const alone = new X12Parser(strict).parse(remittance(2, "B1", 150));
  const seen = [before, payments(second), payments(alone)];
  console.log(strict ? "strict" : "default", second.constructor.name, ...seen);
  assert.deepStrictEqual(seen, [["A1: 80"], ["A1: 80", "B1: 150"], ["B1: 150"]]);
  assert.strictEqual(second.constructor.name, strict ? "X12FatInterchange" : "X12Interchange");
}
NODE
