#!/usr/bin/env bash
# cql-execution 3.3.2 (npm): CQL subtracts quantities of one dimension whatever their units (CQL 1.5,
# Reference, Subtract: "the dimensions of each quantity must be the same, but not necessarily the
# unit"). Here the second quantity is made negative before it is converted, and degrees Celsius and
# Fahrenheit do not have the same zero: a rise from 98.6 °F to 38 °C, one degree, is -34.6 °C. In
# one unit it is 1, and the engine knows that 98.6 °F equal 37 °C.
# Seen: 38 Cel - 37 Cel = 1 Cel; 38 Cel - 98.6 [degF] = -34.55555556 Cel; 37 Cel = 98.6 [degF].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" cql-execution@3.3.2 >/dev/null
node - <<'NODE'
const assert = require("node:assert");
const { Executor, Library, PatientSource } = require("cql-execution");

const quantity = (value, unit) => ({ type: "Quantity", value, unit });
const expression = (name, type, ...operand) => ({ name, context: "Unfiltered", accessLevel: "Public",
                                                  expression: { type, operand } });
const library = new Library({ library: {
  identifier: { id: "Fever", version: "1" },
  schemaIdentifier: { id: "urn:hl7-org:elm", version: "r1" },
  usings: { def: [{ localIdentifier: "System", uri: "urn:hl7-org:elm-types:r1" }] },
  statements: { def: [
    expression("one unit", "Subtract", quantity(38, "Cel"), quantity(37, "Cel")),
    expression("two units", "Subtract", quantity(38, "Cel"), quantity(98.6, "[degF]")),
    expression("equal", "Equal", quantity(37, "Cel"), quantity(98.6, "[degF]")),
  ] },
} });
(async () => {
  const results = await new Executor(library).exec(new PatientSource([]));
  const seen = Object.fromEntries(
    Object.entries(results.unfilteredResults).map(([name, value]) => [name, String(value)]));
  console.log(seen);
  assert.deepStrictEqual(seen, { "one unit": "1 'Cel'", "two units": "-34.55555556 'Cel'",
                                 equal: "true" });
})();
NODE
