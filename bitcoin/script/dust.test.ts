/** Bitcoin Core's known dust thresholds. */
import { expect, it } from "vitest";
import { dustThresholdSat } from "./dust.ts";
import { opReturnScript, p2pkhScript, p2shScript, p2trScript, p2wpkhScript, p2wshScript } from "./script.ts";

const H20 = new Uint8Array(20);
const H32 = new Uint8Array(32);

it.each([
  ["p2pkh", p2pkhScript(H20), 546n],
  ["p2sh", p2shScript(H20), 540n],
  ["p2wpkh", p2wpkhScript(H20), 294n],
  ["p2wsh", p2wshScript(H32), 330n],
  ["p2tr", p2trScript(H32), 330n],
  ["data", opReturnScript(H20), 0n],
])("for %s is %3$i", (_, script, sat) => expect(dustThresholdSat(script)).toBe(sat));

it("follows the feerate", () => expect(dustThresholdSat(p2wpkhScript(H20), 1_000n)).toBe(98n));
