/** What `supervisor directory …` does: asks our directory node over the bus as the operator, and prints what it says. */
import type { Client } from "../../bus/bus.ts";
import { DIRECTORY_PEERS_MAX, directoryContract } from "../../bus/contracts/directory.ts";
import { systemClock } from "../../runtime/clock.ts";
import { askAsOperator } from "../operator-question.ts";
import { lineWidth, type PlaceOptions, paintOf, type Terminal } from "../terminal-io.ts";
import { wholeNumber } from "../whole-number.ts";
import { banLines, peerLines, statsLines } from "./directory-view.ts";

interface DirectoryOptions extends PlaceOptions {
  readonly json?: boolean;
}

const MINUTES_MAX = 60 * 24 * 365 * 10;

export function peers(
  options: DirectoryOptions & { readonly lines: string },
  terminal: Terminal,
): Promise<number> {
  const limit = wholeNumber("--lines", options.lines, 1, DIRECTORY_PEERS_MAX);
  return ask(
    options,
    terminal,
    (directory) => directory.peers({ limit }),
    (answer) => peerLines(answer, paintOf(terminal), lineWidth(terminal)),
  );
}

export function stats(options: DirectoryOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (directory) => directory.stats({}),
    (answer) => statsLines(answer, paintOf(terminal)),
  );
}

export function ban(
  name: string,
  options: DirectoryOptions & { readonly minutes?: string },
  terminal: Terminal,
): Promise<number> {
  const { minutes } = options;
  const asked = minutes === undefined ? {} : { minutes: wholeNumber("--minutes", minutes, 1, MINUTES_MAX) };
  return ask(
    options,
    terminal,
    (directory) => directory.ban({ name, ...asked }),
    ({ ban: made, shownOut }) => [
      `Banned ${made.name}${minutes === undefined ? "" : ` for ${minutes} minutes`}; ${shownOut} shown out.`,
    ],
  );
}

export function unban(name: string, options: DirectoryOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (directory) => directory.unban({ name }),
    ({ wasBanned }) => [wasBanned ? `${name} may come in again.` : `${name} was not banned.`],
  );
}

export function bans(options: DirectoryOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (directory) => directory.bans({}),
    (answer) => banLines(answer, systemClock.now()),
  );
}

function ask<A>(
  options: DirectoryOptions,
  terminal: Terminal,
  question: (directory: Client<typeof directoryContract>) => Promise<A>,
  linesOf: (answer: A) => readonly string[],
): Promise<number> {
  return askAsOperator(
    { ...options, command: "supervisor directory" },
    terminal,
    (bus) => question(bus.client(directoryContract)),
    linesOf,
  );
}
