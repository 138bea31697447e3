/** How every fuzzer is called: how many inputs, of which seed; and what it says first, so that it can be repeated. */
import { readOptions, refuse } from "../../../bench/command/options.ts";

interface FuzzCall {
  readonly inputs: number;
  readonly seed: number;
  readonly json: boolean;
  readonly say: (line: string) => void;
}

/** `name` is the word after `npm run fuzz --`. With `--json`, where `help` names it, nothing is said. */
export function readFuzz(name: string, help: string, rounds: number): FuzzCall {
  const values = readOptions(help, {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    ...(help.includes("--json") ? { json: { type: "boolean" } as const } : {}),
  });
  const inputs = Number(values.inputs);
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(inputs) || inputs < rounds || !Number.isSafeInteger(seed)) {
    refuse(`fuzz ${name}: --inputs is a whole number from ${rounds} on, --seed a whole number`, help);
  }
  const json = "json" in values && values.json === true;
  const say = (line: string) => void (json || process.stdout.write(`${line}\n`));
  say(`seed ${seed}; again with: npm run fuzz -- ${name} --inputs ${inputs} --seed ${seed}`);
  return { inputs, seed, json, say };
}
