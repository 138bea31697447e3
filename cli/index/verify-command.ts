/** `supervisor index verify`: looks whether the index is what the node's blocks make, while it goes on serving. */
import { randomInt } from "node:crypto";
import { indexerContract } from "../../bus/contracts/indexer.ts";
import { systemClock } from "../../runtime/clock.ts";
import { EXIT, misuse } from "../errors.ts";
import { operatorBus } from "../operator-access.ts";
import {
  commandName,
  type PlaceOptions,
  paintOf,
  requestOf,
  retyped,
  say,
  sayJson,
  type Terminal,
} from "../terminal-io.ts";
import { harmless } from "../view/terminal.ts";
import { ProgressView } from "./progress-view.ts";
import { type VerifyReport, type VerifyTools, verifyAll, verifySample } from "./verification.ts";

export interface VerifyOptions extends PlaceOptions {
  readonly all?: boolean;
  readonly sample?: string;
  readonly seed?: string;
  readonly json?: boolean;
}

const SAMPLE_BLOCKS = 100;
const SAMPLE_MAX = 1_000_000;
const SEED_MAX = 0xffff_ffff;

export async function indexVerify(options: VerifyOptions, terminal: Terminal): Promise<number> {
  const sample = sampleOptions(options);
  const bus = await operatorBus(requestOf(options, terminal), "supervisor index verify");
  const left = new AbortController();
  const leave = () => left.abort(misuse("It was interrupted; nothing was changed."));
  process.once("SIGINT", leave).once("SIGTERM", leave);
  const view = new ProgressView(options.json ? undefined : terminal.stdout, systemClock);
  try {
    const client = bus.client(indexerContract);
    const tools: VerifyTools = {
      clock: systemClock,
      progress: (progress) => view.show(progress),
      signal: left.signal,
    };
    const report = await (sample === undefined
      ? verifyAll(client, tools)
      : verifySample(client, sample, tools));
    view.close();
    if (options.json) sayJson(terminal, { mode: sample === undefined ? "all" : "sample", ...report });
    else for (const line of reportLines(report, options, terminal)) say(terminal, line);
    return report.isSound ? EXIT.ok : EXIT.failed;
  } finally {
    view.close();
    process.off("SIGINT", leave).off("SIGTERM", leave);
    await bus.close();
  }
}

/** Nothing for all of it. */
function sampleOptions({ all, sample, seed }: VerifyOptions): { blocks: number; seed: number } | undefined {
  if (all && (sample !== undefined || seed !== undefined)) {
    throw misuse("--all looks at everything; --sample and --seed have no meaning with it.");
  }
  const blocks = whole("--sample", sample ?? String(SAMPLE_BLOCKS), 1, SAMPLE_MAX);
  const drawn = seed === undefined ? randomInt(SEED_MAX) : whole("--seed", seed, 0, SEED_MAX);
  return all ? undefined : { blocks, seed: drawn };
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw misuse(`${name} takes a whole number from ${min} to ${max.toLocaleString("en")}, not "${text}".`);
}

function reportLines(report: VerifyReport, options: VerifyOptions, terminal: Terminal): string[] {
  const paint = paintOf(terminal);
  const number = (value: number) => value.toLocaleString("en");
  const { height, blocks, transactions, rows, seed, differences, differenceCount } = report;
  const seen = `${number(blocks)} of ${number(height + 1)} blocks, with ${number(transactions)} transactions in ${number(rows)} rows`;
  const again = seed === undefined ? "" : ` (--sample ${options.sample ?? SAMPLE_BLOCKS} --seed ${seed})`;
  if (report.isSound)
    return [
      `${paint("good", "Sound:")} ${seen} were made anew and stand in the index as they should${again}.`,
    ];
  const named = differences.map(({ where, height, what }) => {
    return `  ${height === null ? "" : `block ${number(height)}, `}${where}: ${harmless(what)}`;
  });
  const more = differenceCount - differences.length;
  return [
    `${paint("bad", `${number(differenceCount)} ${differenceCount === 1 ? "difference" : "differences"}`)} in ${seen}${again}:`,
    ...named,
    ...(more > 0 ? [`  and ${number(more)} more`] : []),
    "",
    "The index cannot be mended in part. Look for the cause first (the disk, the memory, the node's blocks), then have it built again:",
    `  ${commandName(terminal)} index rebuild${retyped(options)}`,
  ];
}
