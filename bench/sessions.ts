/** How much memory an Electrum server needs for many sessions with subscriptions, and how soon all hear of a block. `sessions --help` says how. */
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Randomness } from "./chain/randomness.ts";
import { readOptions, refuse } from "./command/options.ts";
import { LineClient } from "./electrum/line-client.ts";

const HELP = `Usage: npm run bench -- sessions --server <host>:<port> [...]

  --server <host>:<port>   an Electrum server over TCP
  --pid <number>           its process, to read its memory from /proc
  --sessions 1000          connections that stay open; each hears of headers
  --subscriptions 50       scripts that each connection subscribes to
  --wait 30                seconds to wait for a block that all are told of; 0: do not wait
  --seed 1

Let the server trust us ([gateway] electrum_trusted_addresses = ["127.0.0.1"]), and both processes have enough files open.
`;

const values = readOptions(HELP, {
  server: { type: "string", default: "" },
  pid: { type: "string", default: "" },
  sessions: { type: "string", default: "1000" },
  subscriptions: { type: "string", default: "50" },
  wait: { type: "string", default: "30" },
  seed: { type: "string", default: "1" },
});
const [, host, port] = /^(.+):(\d+)$/.exec(values.server) ?? [];
if (host === undefined) refuse("sessions: say with --server <host>:<port> whom to ask", HELP);

/** Connections that are being opened at once. */
const OPENING = 64;
const sessions = Number(values.sessions);
const subscriptions = Number(values.subscriptions);
const random = new Randomness(Number(values.seed));

/** Resident memory of the server. */
function rssBytes(): number {
  if (values.pid === "") return Number.NaN;
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${values.pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

function say(figure: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ ...figure, load: loadavg()[0] })}\n`);
}

function anyHash(): string {
  return Array.from({ length: 8 }, () => random.u32().toString(16).padStart(8, "0")).join("");
}

const heardAtMs: number[] = [];
const clients: LineClient[] = [];
const before = rssBytes();
let beganMs = performance.now();
const each = async () => {
  while (clients.length < sessions) {
    const at = clients.length;
    clients.length++;
    clients[at] = await LineClient.open(host, Number(port), (line) => {
      if (line.includes("headers.subscribe")) heardAtMs.push(performance.now());
    });
    await clients[at]?.call("blockchain.headers.subscribe", []);
  }
};
await Promise.all(Array.from({ length: OPENING }, each));
const connectedMs = performance.now() - beganMs;
await pause(2_000);
const connected = rssBytes();
say({
  figure: "sessions",
  sessions,
  seconds: round(connectedMs / 1000),
  kilobytesEach: round((connected - before) / sessions / 1024),
  rssMegabytes: round(connected / 1024 / 1024),
});

beganMs = performance.now();
for (let from = 0; from < clients.length; from += OPENING) {
  const some = clients.slice(from, from + OPENING);
  const asked = some.flatMap((client) =>
    Array.from({ length: subscriptions }, () => client.ask("blockchain.scripthash.subscribe", [anyHash()])),
  );
  await Promise.all(asked);
}
const subscribedMs = performance.now() - beganMs;
await pause(2_000);
const subscribed = rssBytes();
const total = sessions * subscriptions;
say({
  figure: "subscriptions",
  subscriptions: total,
  seconds: round(subscribedMs / 1000),
  perSecond: Math.round(total / (subscribedMs / 1000)),
  bytesEach: Math.round((subscribed - connected) / total),
  rssMegabytes: round(subscribed / 1024 / 1024),
});

heardAtMs.length = 0;
const untilMs = performance.now() + Number(values.wait) * 1000;
while (heardAtMs.length < sessions && performance.now() < untilMs) await pause(20);
if (heardAtMs.length > 0) {
  say({
    figure: "a block's header",
    told: heardAtMs.length,
    of: sessions,
    secondsFromFirstToLast: round(((heardAtMs.at(-1) ?? 0) - (heardAtMs[0] ?? 0)) / 1000),
  });
}
for (const client of clients) client.close();
await pause(2_000);
say({ figure: "after all have gone", rssMegabytes: round(rssBytes() / 1024 / 1024) });

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
