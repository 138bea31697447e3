/** What `tap` shows of a message: decoded, redacted by its contract, harmless to the terminal. */

import type { Delivery } from "../../bus/carrier/transport.ts";
import type { Contract } from "../../bus/contract/contract.ts";
import { parseFactSubject, parseRpcSubject } from "../../bus/subject.ts";
import { SECRET_TEXT } from "../../runtime/secret.ts";
import { clip, harmless, type Paint, size } from "./terminal.ts";

export interface Tapped {
  readonly at: string;
  readonly subject: string;
  readonly lengthBytes: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed body with what the contract hides replaced; absent when no contract speaks of the subject. */
  readonly body?: unknown;
  /** Why there is no body. */
  readonly hidden?: string;
  /** For a reply whose request was seen: how long it took. */
  readonly latencyMs?: number;
  /** For a reply: the subject of its request. */
  readonly repliesTo?: string;
}

/** Requests whose replies may still come; the oldest is forgotten when there are more. */
const REQUESTS_MAX = 4_096;

interface Asked {
  readonly subject: string;
  readonly atMs: number;
}

export class TapReader {
  readonly #contracts: ReadonlyMap<string, Contract>;
  readonly #asked = new Map<string, Asked>();

  constructor(contracts: readonly Contract[]) {
    this.#contracts = new Map(contracts.map((contract) => [contract.name, contract]));
  }

  read(delivery: Delivery, nowMs: number, at: string): Tapped {
    const { subject, reply, headers, body } = delivery;
    const asked = this.#asked.get(subject);
    if (asked !== undefined) this.#asked.delete(subject);
    if (reply !== undefined) this.#remember(reply, { subject, atMs: nowMs });
    const redact = this.#redactionOf(asked?.subject ?? subject);
    return {
      at,
      subject,
      lengthBytes: body.length,
      headers: Object.fromEntries(headers ?? []),
      ...bodyOf(body, redact),
      ...(asked === undefined ? {} : { latencyMs: nowMs - asked.atMs, repliesTo: asked.subject }),
    };
  }

  #remember(reply: string, asked: Asked): void {
    this.#asked.set(reply, asked);
    if (this.#asked.size <= REQUESTS_MAX) return;
    const [oldest] = this.#asked.keys();
    if (oldest !== undefined) this.#asked.delete(oldest);
  }

  /** The paths to hide; undefined when no contract declares the subject, and then nothing of the body is shown. */
  #redactionOf(subject: string): readonly string[] | undefined {
    const rpc = parseRpcSubject(subject);
    if (rpc !== undefined) {
      const declaration = this.#contracts.get(rpc.actor)?.rpcs[rpc.method];
      return declaration === undefined ? undefined : (declaration.redact ?? []);
    }
    const fact = parseFactSubject(subject);
    if (fact === undefined) return undefined;
    const contract = this.#contracts.get(fact.actor);
    const declared = Object.entries((fact.kind === "evt" ? contract?.events : contract?.states) ?? {});
    // A keyed event has its key behind its name.
    const found = declared.find(([name]) => fact.name === name || fact.name.startsWith(`${name}.`));
    return found === undefined ? undefined : (found[1].redact ?? []);
  }
}

function bodyOf(body: Uint8Array, redact: readonly string[] | undefined): Pick<Tapped, "body" | "hidden"> {
  if (body.length === 0) return {};
  if (redact === undefined) return { hidden: "no contract declares this subject" };
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    // Bytes; nothing says which of them are secret.
    return { hidden: "not JSON" };
  }
  for (const path of redact) hide(value, path.split("."));
  return { body: value };
}

/** Replaces what lies at the path, in every item of the arrays on the way. */
export function hide(value: unknown, path: readonly string[]): void {
  if (Array.isArray(value)) {
    for (const item of value) hide(item, path);
    return;
  }
  const [key, ...rest] = path;
  if (key === undefined || typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return;
  const table = value as Record<string, unknown>;
  if (rest.length === 0) table[key] = SECRET_TEXT;
  else hide(table[key], rest);
}

/** `06:12:01.123  evt supervisor.box.child  212 B  {"report":"progress",…}`. */
export function tapLines(tapped: Tapped, paint: Paint, width: number): string[] {
  const time = tapped.at.slice(11, 23);
  const subject = harmless(tapped.subject.replace(/^troupe\.v1\./, ""));
  const latency = tapped.latencyMs === undefined ? "" : `  ${tapped.latencyMs.toFixed(1)} ms`;
  const weight = tapped.lengthBytes < 1_000 ? `${tapped.lengthBytes} B` : size(tapped.lengthBytes);
  const head = `${paint("dim", time)}  ${paint("strong", clip(subject, Math.max(10, width - 26)))}  ${paint("dim", `${weight}${latency}`)}`;
  const body =
    tapped.hidden === undefined
      ? tapped.body === undefined
        ? ""
        : JSON.stringify(tapped.body)
      : `(${tapped.hidden})`;
  const origin =
    tapped.repliesTo === undefined
      ? []
      : [`  ${paint("dim", `reply to ${clip(harmless(tapped.repliesTo), width - 12)}`)}`];
  return [head, ...origin, ...(body === "" ? [] : [`  ${clip(harmless(body), Math.max(10, width - 2))}`])];
}
