import { beforeEach, expect, it } from "vitest";
import { silentLog } from "../../../../bus/fake.ts";
import { systemClock } from "../../../../runtime/clock.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import type { Outpoint, OutpointAnswers } from "../chain/outpoint-answers.ts";
import { badRequest } from "../protocol-error.ts";
import type { Session } from "../session.ts";
import { OutpointNotifier } from "./outpoint-notifier.ts";

/** More than two rounds. */
const OUTPUTS: readonly Outpoint[] = Array.from({ length: 1_100 }, (_, index) => ({
  txid: "ab".repeat(32),
  index,
}));

let asked: number[];
let underWay: number;
let underWayMax: number;
let refusedIndex: number | undefined;
let room: number;
let told: number;
let height: number;
let notifier: OutpointNotifier;
let session: Session;

beforeEach(() => {
  asked = [];
  underWay = 0;
  underWayMax = 0;
  refusedIndex = undefined;
  room = OUTPUTS.length;
  told = 0;
  height = 0;
  const answers: Partial<OutpointAnswers> = {
    status: async ({ index }) => {
      asked.push(index);
      underWay += 1;
      underWayMax = Math.max(underWayMax, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      if (index === refusedIndex) throw new Error("the index is away");
      return { funder_height: height };
    },
  };
  notifier = new OutpointNotifier({
    answers: answers as OutpointAnswers,
    clock: systemClock,
    log: silentLog(),
  });
  const fake: Partial<Session> = {
    isClosed: false,
    charge: () => {},
    notify: () => void told++,
    addSubscription: () => {
      if (room === 0) throw badRequest("subscription limit reached");
      room -= 1;
    },
  };
  session = fake as Session;
});

async function followAll(): Promise<void> {
  for (const outpoint of OUTPUTS) await notifier.subscribe(session, outpoint);
  await waitFor("the first looks to end", () => underWay === 0);
  asked = [];
  underWayMax = 0;
}

it("outputs are looked at in rounds at each block, and one that cannot be asked for does not have all others asked for again", async () => {
  await followAll();
  height = 1;
  refusedIndex = 3;
  notifier.tipChanged();
  await waitFor("the others to be told", () => told === OUTPUTS.length - 1);
  await waitFor("the one to be asked for again", () => asked.filter((index) => index === 3).length === 3);

  expect(underWayMax).toBeLessThanOrEqual(500);
  expect(asked.filter((index) => index !== 3)).toHaveLength(OUTPUTS.length - 1);
  refusedIndex = undefined;
  await waitFor("it to be told", () => told === OUTPUTS.length);
  notifier.stop();
});

it("an output for which its client has no room is not followed", async () => {
  room = 2;
  const [first, second, third] = OUTPUTS as readonly [Outpoint, Outpoint, Outpoint];
  for (const outpoint of [first, first, second]) await notifier.subscribe(session, outpoint);
  await expect(notifier.subscribe(session, third)).rejects.toMatchObject({ code: 1 });
  // One that is followed already needs none.
  await notifier.subscribe(session, second);
  await waitFor("the first looks to end", () => underWay === 0);
  asked = [];
  notifier.tipChanged();
  await waitFor("the outputs to be looked at", () => asked.length >= 2);
  await new Promise((resolve) => setTimeout(resolve, 20));

  expect(asked.toSorted()).toEqual([0, 1]);
  notifier.stop();
});
