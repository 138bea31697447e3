/** What a typed call costs above the bare carrier: CPU per call of caller and callee together, in one thread, turn by turn. */
import { z } from "zod";
import { Broker } from "../bus/broker/broker.ts";
import { MemoryBroker } from "../bus/carrier/memory.ts";
import { connectNats } from "../bus/carrier/nats.ts";
import { Nkey } from "../bus/carrier/nkey.ts";
import type { Transport } from "../bus/carrier/transport.ts";
import { ConnectedBus } from "../bus/connected-bus.ts";
import { contract } from "../bus/contract/contract.ts";
import { permissionsOf } from "../bus/contract/permissions.ts";
import { silentLog } from "../bus/fake.ts";

const echo = contract("echo", { semver: "1.0.0", doc: "Echo.", instances: "any" })
  .rpc("say", {
    doc: "Echo.",
    input: z.object({ text: z.string(), count: z.int(), tags: z.array(z.string()) }),
    output: z.object({ text: z.string(), count: z.int(), tags: z.array(z.string()) }),
    deadlineMs: 30_000,
    idempotency: "idempotent",
    callers: ["asker"],
    concurrency: 256,
  })
  .rpc("bytes", {
    doc: "Echo.",
    input: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
    output: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
    content: "bytes",
    requestContent: "bytes",
    deadlineMs: 30_000,
    idempotency: "idempotent",
    callers: ["asker"],
    concurrency: 256,
  });

/** 200 bytes of JSON. */
const message = { text: "x".repeat(140), count: 12_345, tags: ["alpha", "beta"] };
const body = Buffer.from(JSON.stringify(message));
const IN_FLIGHT = 64;
const CALLS = 20_000;
const ROUNDS = 7;

type Ask = () => Promise<unknown>;

/** The least that a request can be: a subject, a reply subject, the bytes. */
function rawAsker(server: Transport, client: Transport): Ask {
  server.subscribe("raw.echo", {}, ({ reply, body: bytes }) => {
    if (reply !== undefined) server.publish(reply, bytes);
  });
  const pending = new Map<string, (bytes: Uint8Array) => void>();
  client.subscribe("_INBOX.asker.raw.*", {}, (delivery) => {
    const token = delivery.subject.slice("_INBOX.asker.raw.".length);
    pending.get(token)?.(delivery.body);
    pending.delete(token);
  });
  let count = 0;
  return () =>
    new Promise((resolve) => {
      const token = (count++).toString(36);
      pending.set(token, resolve);
      client.publish("raw.echo", body, { reply: `_INBOX.asker.raw.${token}` });
    });
}

async function measure(ask: Ask): Promise<{ cpuUs: number; perSecond: number }> {
  const before = process.cpuUsage();
  const startMs = performance.now();
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < CALLS) {
      started++;
      await ask();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: (user + system) / CALLS, perSecond: CALLS / ((performance.now() - startMs) / 1000) };
}

const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function compare(carrier: string, connect: (user: string) => Promise<Transport>): Promise<void> {
  const [server, client] = [await connect("echo"), await connect("asker")];
  const [serving, asking] = [server, client].map(
    (transport) => new ConnectedBus(transport, { log: silentLog() }),
  );
  if (serving === undefined || asking === undefined) return;
  await serving.serve(echo, { say: (input) => input, bytes: (input) => input });
  const stub = asking.client(echo);
  const askers: Record<string, Ask> = {
    raw: rawAsker(server, client),
    json: () => stub.say(message),
    bytes: () => stub.bytes(body),
  };
  await server.flush();
  const cpu: Record<string, number[]> = {};
  const rate: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [layer, ask] of Object.entries(askers)) {
      const { cpuUs, perSecond } = await measure(ask);
      if (round === 0) continue;
      cpu[layer] = [...(cpu[layer] ?? []), cpuUs];
      rate[layer] = [...(rate[layer] ?? []), perSecond];
    }
  }
  const rawUs = median(cpu["raw"] ?? []);
  for (const layer of Object.keys(askers)) {
    const cpuUs = median(cpu[layer] ?? []);
    const figure = {
      carrier,
      layer,
      payloadBytes: body.byteLength,
      cpuUsPerCall: round1(cpuUs),
      addedUsPerSide: round1((cpuUs - rawUs) / 2),
      callsPerSecond: Math.round(median(rate[layer] ?? [])),
    };
    process.stdout.write(`${JSON.stringify(figure)}\n`);
  }
  await asking.close();
  await serving.close();
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

const keys = { echo: Nkey.create(), asker: Nkey.create() };
const users = Object.entries(keys).map(([name, { publicKey }]) => {
  const { publish, subscribe, allowResponses } = permissionsOf(name, [echo]);
  const permissions = {
    publish: { allow: [...publish.allow, ...(name === "asker" ? ["raw.echo"] : [])], deny: [] },
    subscribe: { allow: [...subscribe.allow, "raw.echo"], deny: [] },
    allowResponses,
  };
  return { name, publicKey, permissions };
});

const memory = new MemoryBroker(users);
await compare("memory", async (user) => memory.connect(user));
const broker = await Broker.listen({ users });
await compare("embedded", (user) =>
  connectNats({
    servers: [`nats://127.0.0.1:${broker.port}`],
    user,
    seed: keys[user as keyof typeof keys].revealSeed(),
    connectTimeoutMs: 10_000,
  }),
);
await broker.close();
