/** `supervisor tap`: listens to the bus as `operator`, who may hear and not speak. */
import { connectNats } from "../../bus/carrier/nats.ts";
import type { Transport } from "../../bus/carrier/transport.ts";
import { allContracts } from "../../bus/contracts/all.ts";
import { isPattern } from "../../bus/subject.ts";
import { systemClock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { EXIT, misuse } from "../errors.ts";
import { operatorAccess } from "../operator-access.ts";
import { type PlaceOptions, paintOf, requestOf, say, type Terminal, widthOf } from "../terminal-io.ts";
import { TapReader, tapLines } from "../view/tap-view.ts";

export interface TapOptions extends PlaceOptions {
  readonly json?: boolean;
  readonly count?: string;
}

/** Whose reader is so slow loses messages and is told so; memory stays bounded. */
const UNWRITTEN_BYTES_MAX = 8 * 1024 * 1024;
const EVERYTHING = ["troupe.v1.evt.>", "troupe.v1.state.>"];

export async function tap(
  pattern: string | undefined,
  options: TapOptions,
  terminal: Terminal,
): Promise<number> {
  const patterns = patternsOf(pattern);
  const count = countOf(options.count);
  const access = await operatorAccess(requestOf(options, terminal));
  const transport = await connectNats(access, { connectionName: "supervisor tap" });
  try {
    await listen(transport, patterns, count, options, terminal);
  } finally {
    await transport.close();
  }
  return EXIT.ok;
}

/** Full subjects, or without their common beginning; nothing means all that may be heard. */
export function patternsOf(pattern: string | undefined): string[] {
  if (pattern === undefined || pattern === ">" || pattern === "troupe.v1.>") return EVERYTHING;
  const whole = /^(troupe\.|_INBOX\.|\$SRV)/.test(pattern) ? pattern : `troupe.v1.${pattern}`;
  if (!isPattern(whole))
    throw misuse(`"${pattern}" is no pattern: tokens parted by dots, * for one, > for the rest.`);
  return [whole];
}

function listen(
  transport: Transport,
  patterns: readonly string[],
  count: number,
  options: TapOptions,
  terminal: Terminal,
): Promise<void> {
  const reader = new TapReader(allContracts);
  const paint = paintOf(terminal);
  let told = 0;
  let lost = 0;
  return new Promise((resolve, reject) => {
    const leave = () => resolve();
    process.once("SIGINT", leave).once("SIGTERM", leave);
    terminal.stdout.on("error", leave);
    transport.onStatus((status) => {
      if (status.kind === "denied") reject(denied(status.subject));
      else if (status.kind === "closed")
        reject(new TroupeError({ code: "BUS_CLOSED" }, `The bus has ended: ${status.reason}`));
      else if (status.kind === "down") terminal.stderr.write(`the bus is away: ${status.reason}\n`);
    });
    for (const pattern of patterns) {
      transport.subscribe(pattern, {}, (delivery) => {
        if (told >= count) return;
        if (terminal.stdout.writableLength > UNWRITTEN_BYTES_MAX) {
          lost++;
          return;
        }
        if (lost > 0)
          terminal.stderr.write(`${lost} messages were left out: they came faster than they were read\n`);
        lost = 0;
        const tapped = reader.read(
          delivery,
          systemClock.monotonicMs(),
          new Date(systemClock.now()).toISOString(),
        );
        if (options.json) say(terminal, JSON.stringify(tapped));
        else for (const line of tapLines(tapped, paint, widthOf(terminal))) say(terminal, line);
        if (++told >= count) resolve();
      });
    }
    if (!options.json && terminal.stderr.isTTY)
      terminal.stderr.write(`listening to ${patterns.join(" and ")}; Ctrl-C leaves\n`);
  });
}

function denied(subject: string): TroupeError {
  return new TroupeError(
    { code: "CLI_TAP_DENIED", subject },
    `The broker does not let "operator" hear ${subject}. Events and states may be heard: supervisor tap 'evt.>' or 'state.>'`,
  );
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw misuse(`--count takes a whole number above 0, not "${text}".`);
}
