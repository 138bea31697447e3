import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { ManualClock } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { Handlers, IdempotencyStore, StoredReply } from "../../bus.ts";
import { MemoryBroker } from "../../carrier/memory.ts";
import { Nkey } from "../../carrier/nkey.ts";
import type { Delivery, HeaderList, Transport } from "../../carrier/transport.ts";
import { ConnectedBus } from "../../connected-bus.ts";
import { contract } from "../../contract/contract.ts";
import { methodHash } from "../../contract/hash.ts";
import { decodeError, type Envelope, formatEnvelope } from "../../envelope.ts";
import { MemoryIdempotencyStore } from "./idempotency.ts";

const callee = contract("walletd", { semver: "1.0.0", doc: "x", instances: "any" })
  .rpc("slow", {
    doc: "Waits until told.",
    input: z.object({ n: z.int() }),
    output: z.object({ n: z.int() }),
    deadlineMs: 1_000,
    idempotency: "idempotent",
    callers: ["maker"],
    concurrency: 1,
    queue: 1,
    requestBytesMax: 64,
  })
  .rpc("pay", {
    doc: "Once per key.",
    input: z.object({ n: z.int() }),
    output: z.object({ n: z.int() }),
    errors: { WALLETD_POOR: z.object({ shortSat: z.int() }) },
    deadlineMs: 10_000,
    idempotency: "key",
    callers: ["maker", "taker"],
    concurrency: 1,
    queue: 1,
  });

const all = { publish: { allow: [">"], deny: [] }, subscribe: { allow: [">"], deny: [] }, allowResponses: 1 };

interface Answer {
  readonly code: string;
  readonly number: string | undefined;
  readonly body: unknown;
  readonly data: Readonly<Record<string, unknown>>;
}

let clock: ManualClock;
let broker: MemoryBroker;
let bus: ConnectedBus;
let caller: Transport;
let lines: string[];
let answers: Map<string, Answer[]>;

function collectingLog(): Log {
  const write = (message: string, context?: object): void => {
    lines.push(`${message} ${JSON.stringify(context)}`);
  };
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  return log;
}

beforeEach(async () => {
  clock = new ManualClock();
  lines = [];
  answers = new Map();
  const users = ["walletd", "maker", "taker", "gateway"];
  broker = new MemoryBroker(
    users.map((name) => ({ name, publicKey: Nkey.create().publicKey, permissions: all })),
  );
  bus = new ConnectedBus(broker.connect("walletd"), { log: collectingLog(), clock });
  caller = broker.connect("maker");
  caller.subscribe("_INBOX.>", {}, hear);
});

afterEach(async () => {
  await caller.close();
  await broker.breakDown();
});

function hear(delivery: Delivery): void {
  const number = delivery.headers?.find(([name]) => name === "Nats-Service-Error-Code")?.[1];
  const error = number === undefined ? undefined : decodeError(delivery.body);
  const body: unknown = JSON.parse(Buffer.from(delivery.body).toString());
  const answer: Answer = { code: error?.code ?? "ok", number, body, data: error?.data ?? {} };
  answers.set(delivery.subject, [...(answers.get(delivery.subject) ?? []), answer]);
}

/** A raw request, as anybody could write it. */
function send(
  method: string,
  body: string,
  envelope: Envelope | string = {},
  more: { as?: string; reply?: string } = {},
): string {
  const reply = more.reply ?? `_INBOX.maker.t.${Math.random().toString(36).slice(2)}`;
  const text = typeof envelope === "string" ? envelope : formatEnvelope(envelope);
  const headers: HeaderList = text === undefined ? [] : [["Troupe", text]];
  caller.publish(`troupe.v1.rpc.walletd.any.${method}.${more.as ?? "maker"}`, Buffer.from(body), {
    reply,
    headers,
  });
  return reply;
}

/** Several turns of the event loop: every message that is on its way arrives. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function answerTo(reply: string): Promise<Answer | undefined> {
  await settle();
  const heard = answers.get(reply) ?? [];
  expect(heard.length).toBeLessThanOrEqual(1);
  return heard[0];
}

function gate(): { wait: () => Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait: () => opened, open };
}

const serve = (handlers: Partial<Handlers<typeof callee>>, idempotency?: IdempotencyStore) =>
  bus.serve(
    callee,
    { slow: ({ n }) => ({ n }), pay: ({ n }) => ({ n }), ...handlers },
    idempotency === undefined ? {} : { idempotency },
  );

describe("the edge", () => {
  test("an answer goes nowhere but to the caller's own inbox", async () => {
    let runs = 0;
    await serve({ slow: ({ n }) => ({ n: n + runs++ }) });

    const foreign = send("slow", '{"n":1}', {}, { reply: "_INBOX.taker.t.1" });
    const event = send("slow", '{"n":1}', {}, { reply: "troupe.v1.evt.taker.x" });
    const lookalike = send("slow", '{"n":1}', {}, { reply: "_INBOX.makers.t.1" });
    await settle();

    expect([answers.get(foreign), answers.get(event), answers.get(lookalike), runs]).toEqual([
      undefined,
      undefined,
      undefined,
      0,
    ]);
    expect(lines.filter((line) => line.includes("reply address"))).toHaveLength(3);
  });

  test("a caller that is not declared is forbidden even when the broker let it through", async () => {
    await serve({});

    const answer = await answerTo(
      send("slow", '{"n":1}', {}, { as: "gateway", reply: "_INBOX.gateway.t.1" }),
    );

    expect(answer).toMatchObject({ code: "BUS_FORBIDDEN", number: "403", data: { outcome: "not_executed" } });
  });

  test.each([
    ["too large", `{"n":1,"pad":"${"x".repeat(64)}"}`, "", "BUS_TOO_LARGE", "413"],
    ["with a broken envelope", '{"n":1}', "d=x", "BUS_BAD_REQUEST", "400"],
    ["whose time is over", '{"n":1}', "d=0", "BUS_DEADLINE", "504"],
    ["that is not JSON", "{n:1}", "", "BUS_BAD_REQUEST", "400"],
    ["that does not fit", '{"n":"1"}', "", "BUS_BAD_REQUEST", "400"],
    ["of another release that does not fit", '{"n":"1"}', "c=00000000", "BUS_CONTRACT_MISMATCH", "426"],
  ])("a request %s is refused without running", async (_what, body, envelope, code, number) => {
    let runs = 0;
    await serve({ slow: ({ n }) => ({ n: n + runs++ }) });

    const answer = await answerTo(send("slow", body, envelope));

    expect(answer).toMatchObject({ code, number, data: { outcome: "not_executed" } });
    expect(runs).toBe(0);
  });

  test("the size is judged before the envelope, the envelope before the body", async () => {
    await serve({});
    const large = `not json ${"x".repeat(64)}`;

    const [size, envelope] = [send("slow", large, "d=x"), send("slow", "not json", "d=x")];

    expect((await answerTo(size))?.code).toBe("BUS_TOO_LARGE");
    expect((await answerTo(envelope))?.body).toMatchObject({ message: expect.stringContaining("header") });
  });

  test("another release's request runs when it fits, and is told of once", async () => {
    await serve({});

    const first = await answerTo(send("slow", '{"n":1}', "c=00000000"));
    const second = await answerTo(send("slow", '{"n":2}', "c=00000000"));

    expect([first?.body, second?.body]).toEqual([{ n: 1 }, { n: 2 }]);
    expect(lines.filter((line) => line.includes("00000000"))).toHaveLength(1);
  });

  test("our own hash is no mismatch", async () => {
    await serve({});

    await answerTo(send("slow", '{"n":1}', { contract: methodHash("walletd", "slow", callee.rpcs.slow) }));

    expect(lines).toEqual([]);
  });

  test("an output that does not fit the contract never leaves", async () => {
    await serve({ slow: () => ({ n: "secret" }) as unknown as { n: number } });

    const answer = await answerTo(send("slow", '{"n":1}'));

    expect(answer).toMatchObject({ code: "BUS_INTERNAL", number: "500", data: { outcome: "executed" } });
    expect(JSON.stringify(answer)).not.toContain("secret");
  });

  test("a refusal whose data does not fit the contract is a fault of the callee", async () => {
    await serve({
      pay: () => {
        throw new TroupeError({ code: "WALLETD_POOR", seed: "abandon" }, "Poor.");
      },
    });

    const answer = await answerTo(send("pay", '{"n":1}', "k=1"));

    expect(answer?.code).toBe("BUS_INTERNAL");
    expect(JSON.stringify(answer)).not.toContain("abandon");
  });

  test("an unforeseen error says only the trace to look for", async () => {
    await serve({
      slow: () => {
        throw new Error("password hunter2");
      },
    });

    const answer = await answerTo(send("slow", '{"n":1}'));

    expect(JSON.stringify(answer)).not.toContain("hunter2");
    expect(lines.join()).toContain("hunter2");
  });
});

describe("the queue", () => {
  test("a full queue refuses with the time to come back", async () => {
    const { wait, open } = gate();
    await serve({ slow: async ({ n }) => wait().then(() => ({ n })) });

    const replies = [1, 2, 3].map((n) => send("slow", `{"n":${n}}`));
    await settle();

    expect(answers.get(replies[2] ?? "")?.[0]).toMatchObject({
      code: "BUS_BUSY",
      number: "429",
      data: { outcome: "not_executed", retryable: true, retryAfterMs: 100 },
    });
    open();
    expect((await answerTo(replies[1] ?? ""))?.body).toEqual({ n: 2 });
  });

  test("a request that waited past its deadline never runs", async () => {
    const { wait, open } = gate();
    const ran: number[] = [];
    await serve({
      slow: async ({ n }) => {
        ran.push(n);
        await wait();
        return { n };
      },
    });
    send("slow", '{"n":1}', "d=1000");
    const late = send("slow", '{"n":2}', "d=500");
    await settle();

    clock.advance(600);
    open();

    expect(await answerTo(late)).toMatchObject({
      code: "BUS_DEADLINE",
      number: "504",
      data: { outcome: "not_executed" },
    });
    expect(ran).toEqual([1]);
  });

  test("a caller cannot ask for more time than the contract gives", async () => {
    let remainingMs = 0;
    await serve({
      slow: ({ n }, call) => {
        remainingMs = call.remainingMs();
        return { n };
      },
    });

    await answerTo(send("slow", '{"n":1}', "d=999999"));

    expect(remainingMs).toBe(1_000);
  });

  test("a handler that looks at its signal hears when the deadline passes", async () => {
    const reasons: unknown[] = [];
    await serve({
      slow: ({ n }, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            resolve({ n });
          });
        }),
    });
    send("slow", '{"n":1}', "d=500");
    await settle();

    clock.advance(499);
    const before = reasons.length;
    clock.advance(50);

    expect(before).toBe(0);
    expect(reasons).toMatchObject([{ code: "BUS_DEADLINE" }]);
  });
});

describe("keyed requests", () => {
  test("need a key", async () => {
    await serve({});

    expect((await answerTo(send("pay", '{"n":1}')))?.code).toBe("BUS_BAD_REQUEST");
  });

  test("run once and answer the same again", async () => {
    let runs = 0;
    await serve({ pay: () => ({ n: ++runs }) });

    const first = await answerTo(send("pay", '{"n":1}', "k=a"));
    const again = await answerTo(send("pay", '{"n":1}', "k=a;a=2"));

    expect([first?.body, again?.body, runs]).toEqual([{ n: 1 }, { n: 1 }, 1]);
  });

  test("share a run that is not yet over", async () => {
    const { wait, open } = gate();
    let runs = 0;
    await serve({ pay: async () => wait().then(() => ({ n: ++runs })) });

    const replies = [1, 2, 3].map(() => send("pay", '{"n":1}', "k=a"));
    await settle();
    open();

    for (const reply of replies) expect((await answerTo(reply))?.body).toEqual({ n: 1 });
  });

  test("with another body under the same key are a conflict, while it runs and after", async () => {
    const { wait, open } = gate();
    await serve({ pay: async ({ n }) => wait().then(() => ({ n })) });
    send("pay", '{"n":1}', "k=a");

    const during = await answerTo(send("pay", '{"n":2}', "k=a"));
    open();
    await settle();
    const after = await answerTo(send("pay", '{"n":2}', "k=a"));

    expect([during?.code, after?.code, after?.number]).toEqual(["BUS_CONFLICT", "BUS_CONFLICT", "409"]);
  });

  test("are the same when the actor says so, and go only to whom it lets ask", async () => {
    const replies = new MemoryIdempotencyStore(clock);
    const store: IdempotencyStore = {
      get: (id) => replies.get(id),
      put: (id, reply) => replies.put(id, reply),
      identity({ method, caller, input }) {
        const { n } = input as { n: number };
        if (n < 0) throw new TroupeError({ code: "WALLETD_POOR", shortSat: -n }, "Nothing is said.");
        if (n === 100) throw new Error("boom");
        return [method, caller, Math.floor(n / 10)];
      },
    };
    const { wait, open } = gate();
    let runs = 0;
    await serve({ pay: async ({ n }) => wait().then(() => ({ n: n + 1_000 * ++runs })) }, store);
    const during = [11, 12].map((n) => send("pay", `{"n":${n}}`, "k=a"));
    const refused = send("pay", '{"n":-5}', "k=a");
    await settle();
    open();

    for (const reply of during) expect((await answerTo(reply))?.body).toEqual({ n: 1_011 });
    expect((await answerTo(send("pay", '{"n":19}', "k=a")))?.body).toEqual({ n: 1_011 });
    expect((await answerTo(send("pay", '{"n":20}', "k=a")))?.code).toBe("BUS_CONFLICT");
    expect(await answerTo(refused)).toMatchObject({ code: "WALLETD_POOR", data: { shortSat: 5 } });
    expect((await answerTo(send("pay", '{"n":100}', "k=a")))?.code).toBe("BUS_INTERNAL");
    expect(runs).toBe(1);
  });

  test("of two callers with the same key are two requests", async () => {
    let runs = 0;
    await serve({ pay: () => ({ n: ++runs }) });

    await answerTo(send("pay", '{"n":1}', "k=a"));
    await answerTo(send("pay", '{"n":1}', "k=a", { as: "taker", reply: "_INBOX.taker.t.1" }));

    expect(runs).toBe(2);
  });

  test("that were refused unrun may run later, those that failed may not", async () => {
    let runs = 0;
    await serve({
      pay: ({ n }) => {
        runs++;
        if (n === 1 && runs === 1) throw new TroupeError({ code: "BUS_PRECONDITION" }, "Locked.");
        if (n === 2) throw new Error("boom");
        return { n };
      },
    });

    const locked = await answerTo(send("pay", '{"n":1}', "k=a"));
    const unlocked = await answerTo(send("pay", '{"n":1}', "k=a"));
    const failed = await answerTo(send("pay", '{"n":2}', "k=b"));
    const failedAgain = await answerTo(send("pay", '{"n":2}', "k=b"));

    expect([locked?.code, unlocked?.code, failed?.code, failedAgain?.code]).toEqual([
      "BUS_PRECONDITION",
      "ok",
      "BUS_INTERNAL",
      "BUS_INTERNAL",
    ]);
    expect(runs).toBe(3);
  });

  test("are forgotten after ten minutes", async () => {
    let runs = 0;
    await serve({ pay: () => ({ n: ++runs }) });
    await answerTo(send("pay", '{"n":1}', "k=a"));

    clock.advance(9 * 60_000);
    const early = await answerTo(send("pay", '{"n":1}', "k=a"));
    clock.advance(2 * 60_000);
    const late = await answerTo(send("pay", '{"n":1}', "k=a"));

    expect([early?.body, late?.body]).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test("run once even when the store cannot take the answer, and not at all when it cannot be read", async () => {
    let runs = 0;
    let canRead = true;
    const store: IdempotencyStore = {
      get: async (): Promise<StoredReply | undefined> => {
        if (!canRead) throw new Error("disk");
        return undefined;
      },
      put: () => Promise.reject(new Error("full")),
    };
    await serve({ pay: () => ({ n: ++runs }) }, store);

    const first = await answerTo(send("pay", '{"n":1}', "k=a"));
    const again = await answerTo(send("pay", '{"n":1}', "k=a"));
    canRead = false;
    const unread = await answerTo(send("pay", '{"n":1}', "k=b"));

    expect([first?.body, again?.body, runs]).toEqual([{ n: 1 }, { n: 1 }, 1]);
    expect(unread).toMatchObject({ code: "BUS_INTERNAL", data: { outcome: "not_executed" } });
  });
});
