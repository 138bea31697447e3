import { beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../../../../bus/fake.ts";
import { systemClock } from "../../../../runtime/clock.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import type { ChainFeed } from "../chain/chain-feed.ts";
import type { ScriptStatus } from "../chain/history.ts";
import type { ScriptAnswers } from "../chain/script-answers.ts";
import type { EncodedJson } from "../encoded-json.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { Session } from "../session.ts";
import { Notifier } from "./notifier.ts";

/** More than two rounds. */
const SCRIPTS = Array.from({ length: 1_100 }, (_, i) => i.toString(16).padStart(64, "0"));
/** Those that somebody had used before they were subscribed to. */
const USED = SCRIPTS.filter((_, i) => i % 2 === 0);
const [FIRST = "", SECOND_ROUND = ""] = [SCRIPTS[0], SCRIPTS[600]];

let asked: string[];
let answers: Map<string, { resolve(status: string | null): void; reject(error: Error): void }>;
let told: string[][];
let rehearsed: (readonly string[])[];
let dropped: number;
let session: Session;
let notifier: Notifier;

beforeEach(async () => {
  asked = [];
  answers = new Map();
  told = [];
  rehearsed = [];
  const feed: Partial<ChainFeed> = { tip: { height: 1, hash: "11", header: "" }, isLevel: true };
  const scripts: Partial<ScriptAnswers> = {
    rehearse: async (scripthashes) => void rehearsed.push(scripthashes),
    status: (scripthash) => {
      asked.push(scripthash);
      return new Promise((resolve, reject) => {
        answers.set(scripthash, {
          resolve: (status) => resolve({ status, length: 1 } as ScriptStatus),
          reject,
        });
      });
    },
  };
  dropped = 0;
  const fake: Partial<Session> = {
    isClosed: false,
    addSubscription: () => {},
    dropSubscription: () => void dropped++,
    charge: () => {},
    notify: (_, params) => void told.push(JSON.parse((params as EncodedJson).text ?? "") as string[]),
  };
  session = fake as Session;
  notifier = new Notifier({
    feed: feed as ChainFeed,
    scripts: scripts as ScriptAnswers,
    clock: systemClock,
    log: silentLog(),
  });
  const subscribing = SCRIPTS.map((one) => notifier.subscribeScript(session, one));
  for (const one of SCRIPTS) answer([one], USED.includes(one) ? "00" : null);
  await Promise.all(subscribing);
  asked = [];
  notifier.scriptsTouched(SCRIPTS);
  await waitFor("all to be asked about", () => asked.length === SCRIPTS.length);
});

function answer(scripts: readonly string[], status: string | null): void {
  for (const one of scripts) answers.get(one)?.resolve(status?.padStart(64, "0") ?? null);
}

describe("scripts that are touched", () => {
  it("are looked at however many they are, each asked about once and told once", async () => {
    answer(SCRIPTS, "aa");
    await waitFor("all to be told", () => told.length >= SCRIPTS.length);

    expect(asked.toSorted()).toEqual(SCRIPTS);
    // Rounds work side by side: their order is nobody's promise.
    expect(told.map(([scripthash]) => scripthash ?? "").toSorted()).toEqual(SCRIPTS);
  });

  it("once more are asked about again when the older answer has come, and only the newer is told", async () => {
    notifier.scriptsTouched([FIRST]);
    // A whole round is answered: others may begin.
    answer(SCRIPTS.slice(500, 1_000), "aa");
    await waitFor("the second round", () => told.some(([scripthash]) => scripthash === SECOND_ROUND));
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(asked.filter((one) => one === FIRST)).toHaveLength(1);

    answer(SCRIPTS, "aa");
    await waitFor("the next question", () => asked.filter((one) => one === FIRST).length === 2);
    answer([FIRST], "bb");
    await waitFor("the newer status", () => told.some(([scripthash]) => scripthash === FIRST));
    expect(told.filter(([scripthash]) => scripthash === FIRST)).toEqual([[FIRST, "bb".padStart(64, "0")]]);
  });
});

describe("a script whose history has become too long", () => {
  it("is told as one without a status and followed no longer, and holds up no other", async () => {
    const tooLong = new ProtocolError(PROTOCOL_CODES.historyTooLarge, "history too large");
    answers.get(FIRST)?.reject(tooLong);
    answer(SCRIPTS, "aa");
    await waitFor("all to be told", () => told.length >= SCRIPTS.length);

    expect(told.filter(([scripthash]) => scripthash === FIRST)).toEqual([[FIRST, null]]);
    expect(notifier.isLooking).toBe(false);
    // Longer than it waits before it asks again about what could not be asked for.
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(asked.filter((one) => one === FIRST)).toHaveLength(1);
    expect([notifier.scriptSubscriptions, dropped]).toEqual([SCRIPTS.length - 1, 1]);

    // Who subscribes is not told that there is nothing.
    const again = notifier.subscribeScript(session, FIRST) as Promise<unknown>;
    answers.get(FIRST)?.reject(tooLong);
    await expect(again).rejects.toBe(tooLong);
  });
});

describe("the first hundreds of scripts, and of those with a history", () => {
  it("are asked for once as after a block, of which nobody is told", () => {
    expect(rehearsed).toEqual([SCRIPTS.slice(0, 500), USED.slice(0, 500)]);
    expect(told).toEqual([]);
  });
});
