/** A commitment as text: `P` and 64 hex digits where a maker is asked, the digits alone where makers tell each other. */
import { badMessage } from "./bad-message.ts";
import { argumentsOf, type Command, writeCommand } from "./command.ts";

/** The only kind there is: a proof of discrete logarithm equivalence. */
export const COMMITMENT_TYPE = "P";
const HASH = /^[0-9a-f]{64}$/;

/** In the one form in which it is looked up and stored. */
export function canonicalCommitment(hex: string): string | undefined {
  const lower = hex.length === 64 ? hex.toLowerCase() : "";
  return HASH.test(lower) ? lower : undefined;
}

/** `!hp2`: whoever gets it privately is to publish it; whoever reads it publicly is to refuse that commitment. */
export function writeUsedCommitment(commitment: string): string {
  return writeCommand("hp2", commitment);
}

export function parseUsedCommitment(command: Command): string {
  const [hex = ""] = argumentsOf(command, 1);
  const commitment = canonicalCommitment(hex);
  if (commitment === undefined) throw badMessage(command.name, "the commitment is not 64 hex digits");
  return commitment;
}
