import { expect, it } from "vitest";
import { silentLog } from "../../../../bus/fake.ts";
import { systemClock } from "../../../../runtime/clock.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import type { ChainFeed, ChainTip } from "../chain/chain-feed.ts";
import type { ScriptAnswers } from "../chain/script-answers.ts";
import type { EncodedJson } from "../encoded-json.ts";
import type { Session } from "../session.ts";
import { Notifier } from "./notifier.ts";

const FIRST: ChainTip = { height: 5, hash: "05".repeat(32), header: "first" };
const RIVAL: ChainTip = { height: 5, hash: "55".repeat(32), header: "rival" };

function sessionThatKeeps(told: unknown[]): Session {
  const session: Partial<Session> = {
    isClosed: false,
    addSubscription: () => {},
    notify: (_, params) => void told.push(...(JSON.parse((params as EncodedJson).text ?? "") as unknown[])),
  };
  return session as Session;
}

it("a tip that is left before all have been told of it is taken back from those who have", async () => {
  const feed = { tip: FIRST, isLevel: true };
  const notifier = new Notifier({
    feed: feed as unknown as ChainFeed,
    scripts: {} as ScriptAnswers,
    clock: systemClock,
    log: silentLog(),
  });
  const [early, late]: [unknown[], unknown[]] = [[], []];
  notifier.subscribeHeaders(sessionThatKeeps(early));
  notifier.tipChanged();
  await new Promise((resolve) => setImmediate(resolve));
  notifier.turnedBackTo();
  feed.tip = RIVAL;
  notifier.tipChanged();
  expect(notifier.subscribeHeaders(sessionThatKeeps(late))).toBe(RIVAL);
  feed.tip = FIRST;
  notifier.tipChanged();

  await waitFor("the late one to be told", () => late.length > 0);
  expect(late).toEqual([{ hex: "first", height: 5 }]);
  expect(early).toEqual([]);
  notifier.stop();
});
