/** One question to an actor, asked as the operator, and its answer for a person or a program. */
import type { Bus } from "../bus/bus.ts";
import { EXIT } from "./errors.ts";
import { operatorBus } from "./operator-access.ts";
import { type PlaceOptions, requestOf, say, sayJson, type Terminal } from "./terminal-io.ts";

export interface QuestionOptions extends PlaceOptions {
  readonly json?: boolean;
  /** What the bus shows as the name of the connection. */
  readonly command: string;
}

export async function askAsOperator<A>(
  options: QuestionOptions,
  terminal: Terminal,
  question: (bus: Bus) => Promise<A>,
  linesOf: (answer: A) => readonly string[],
): Promise<number> {
  const bus = await operatorBus(requestOf(options, terminal), options.command);
  try {
    const answer = await question(bus);
    if (options.json) sayJson(terminal, answer);
    else for (const line of linesOf(answer)) say(terminal, line);
    return EXIT.ok;
  } finally {
    await bus.close();
  }
}
