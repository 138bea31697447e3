/** `supervisor doctor`: what would go wrong on this host, and what to do about it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Tree } from "../../bus/contracts/supervisor.ts";
import { AdminClient } from "../../supervisor/admin/client.ts";
import { runDoctor } from "../../supervisor/doctor/doctor.ts";
import { type Finding, fail, type Verdict } from "../../supervisor/doctor/finding.ts";
import { doctorFacts } from "../../supervisor/plan/doctor-facts.ts";
import { findDataPaths, readSettings, type Settings } from "../../supervisor/plan/settings.ts";
import { EXIT } from "../errors.ts";
import {
  type PlaceOptions,
  paintOf,
  requestOf,
  say,
  sayJson,
  type Terminal,
  widthOf,
} from "../terminal-io.ts";
import { fit, harmless, type Ink, wrap } from "../view/terminal.ts";

export async function doctor(
  options: PlaceOptions & { json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const findings = await examine(options, terminal);
  if (options.json) sayJson(terminal, { findings });
  else
    for (const line of [...findingLines(findings, terminal), "", summaryLine(findings, terminal)])
      say(terminal, line);
  return findings.some(({ verdict }) => verdict === "fail") ? EXIT.failed : EXIT.ok;
}

async function examine(options: PlaceOptions, terminal: Terminal): Promise<Finding[]> {
  let settings: Settings;
  let running: Tree | undefined;
  try {
    const request = requestOf(options, terminal);
    running = await runningTree(findDataPaths(request).socket);
    // It may have been started as a sandbox: then its node is its own, and no other is asked.
    const isOwn = running === undefined ? hadOwnNode(findDataPaths(request).actors) : hasOwnNode(running);
    settings = readSettings({ ...request, sandbox: request.sandbox || isOwn });
  } catch (error) {
    // Without a configuration there is nothing to examine the host for.
    return (error as Error).message
      .split("\n")
      .map((line) => fail("configuration", line, "mend it, then type: supervisor config check"));
  }
  return runDoctor(doctorFacts(settings, running));
}

function hasOwnNode({ root }: Tree): boolean {
  return root.children.some(({ id }) => id === "node");
}

/** Nothing runs there: a sandbox has left its chain. */
function hadOwnNode(actorsDirectory: string): boolean {
  return existsSync(join(actorsDirectory, "node"));
}

async function runningTree(socket: string): Promise<Tree | undefined> {
  let admin: AdminClient | undefined;
  try {
    admin = await AdminClient.connect(socket);
    return await admin.call("tree", {}, { deadlineMs: 5_000 });
  } catch {
    // It does not run, or does not answer: then nothing is known to be ours.
    return undefined;
  } finally {
    admin?.close();
  }
}

const MARKS: Readonly<Record<Verdict, readonly [mark: string, ink: Ink]>> = {
  ok: ["✓", "good"],
  warn: ["!", "warn"],
  fail: ["✗", "bad"],
};

/** What was found, with what to do about it. */
export function findingLines(findings: readonly Finding[], terminal: Terminal): string[] {
  const paint = paintOf(terminal);
  const nameWidth = Math.min(26, Math.max(...findings.map(({ check }) => check.length)));
  const indent = " ".repeat(nameWidth + 4);
  const room = Math.max(20, widthOf(terminal) - nameWidth - 6);
  return findings.flatMap(({ check, verdict, message, remedy }) => {
    const [mark, ink] = MARKS[verdict];
    const [first = "", ...rest] = wrap(harmless(message), room);
    const advice = remedy === undefined ? [] : wrap(harmless(remedy), room - 2);
    return [
      `${paint(ink, mark)} ${fit(harmless(check), nameWidth)}  ${first}`,
      ...rest.map((line) => `${indent}${line}`),
      ...advice.map((line, index) => `${indent}${paint("busy", `${index === 0 ? "→" : " "} ${line}`)}`),
    ];
  });
}

function summaryLine(findings: readonly Finding[], terminal: Terminal): string {
  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const summary = `${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} to mend`;
  const ink = count("fail") > 0 ? "bad" : count("warn") > 0 ? "warn" : "good";
  return paintOf(terminal)(ink, summary);
}
