/** `!error`: why a peer does not go on, in free text that is only ever shown or searched for a word. */
import { type Command, writeCommand } from "./command.ts";

const REASON_LENGTH_MAX = 200;

export function writeRefusal(reason: string): string {
  return writeCommand("error", reason);
}

export function readRefusal({ args }: Command): string {
  return args.join(" ").slice(0, REASON_LENGTH_MAX);
}
