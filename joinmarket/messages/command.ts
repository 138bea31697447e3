/** A message as words: a command and its arguments; several of them may stand in one message, each after a "!". */
import { badMessage } from "./bad-message.ts";

/** The longest line that every peer takes, in bytes. */
export const MESSAGE_LENGTH_MAX = 40_000;
/** What a channel puts around a message: names, key, signature, and JSON. */
const ENVELOPE_LENGTH_MAX = 400;
export const TEXT_LENGTH_MAX = MESSAGE_LENGTH_MAX - ENVELOPE_LENGTH_MAX;
/** More commands in one message than any maker has offers. */
const COMMANDS_MAX = 64;

const PRINTABLE = /^[\x20-\x7e]*$/;

/** The sealed argument of a command, out of which peers take blanks. */
export function sealedOf({ args }: Command): string {
  return args.join("");
}

export interface Command {
  readonly name: string;
  readonly args: readonly string[];
}

/** The commands of a message whose leading "!" is gone, in their order; none of one that no peer writes. */
export function readCommands(text: string): readonly Command[] {
  if (text.length > MESSAGE_LENGTH_MAX || !PRINTABLE.test(text)) return [];
  const parts = text.split("!", COMMANDS_MAX + 1);
  if (parts.length > COMMANDS_MAX) return [];
  return parts.flatMap((part) => {
    const [name = "", ...args] = part.split(" ").filter((word) => word !== "");
    return name === "" ? [] : [{ name, args }];
  });
}

export function writeCommand(name: string, ...args: readonly string[]): string {
  return [name, ...args].join(" ");
}

/** The first so many arguments; those after them are for newer peers. */
export function argumentsOf(command: Command, count: number): readonly string[] {
  if (command.args.length < count) throw badMessage(command.name, `needs ${count} arguments`);
  return command.args.slice(0, count);
}
