/** Many clients in a process of their own, so that what they take of the processors is told apart from what a server takes. Started by `crowd.ts`. */
import { Randomness } from "../chain/randomness.ts";
import { LineClient } from "../electrum/line-client.ts";
import type { Heard, Order, Report } from "./crowd.ts";
import { machineMs } from "./machine-clock.ts";

/** Connections that are being opened, or that subscribe, at once. */
const OPENING = 64;
const HEADERS = "headers.subscribe";
const SCRIPT = /"params": ?\["([0-9a-f]{64})"/;
const LOOK_MS = 2;

let clients: LineClient[] = [];
/** What clients are told, and when: headers by session, statuses by script. */
let headersAtMs: number[] = [];
let statusAtMs = new Map<string, number>();
let cpu = process.cpuUsage();

function heard(line: string): void {
  if (line.includes(HEADERS)) headersAtMs.push(machineMs());
  else statusAtMs.set(SCRIPT.exec(line)?.[1] ?? "", machineMs());
}

async function connect({ host, port, sessions }: Extract<Order, { kind: "connect" }>): Promise<void> {
  const each = async () => {
    while (clients.length < sessions) {
      const at = clients.length++;
      const client = await LineClient.open(host, port, heard);
      clients[at] = client;
      await client.call("blockchain.headers.subscribe", []);
    }
  };
  await Promise.all(Array.from({ length: OPENING }, each));
}

/** The touched ones are spread evenly among all; nobody uses the others. */
async function subscribe({ each, touched, seed }: Extract<Order, { kind: "subscribe" }>): Promise<void> {
  const random = new Randomness(seed);
  const step = Math.max(1, Math.floor((clients.length * each) / touched.length));
  const scriptOf = (n: number) => (n % step === 0 ? touched[n / step] : undefined) ?? anyHash(random);
  for (let from = 0; from < clients.length; from += OPENING) {
    const some = clients.slice(from, from + OPENING);
    const asked = some.flatMap((client, i) =>
      Array.from({ length: each }, (_, j) =>
        client.ask("blockchain.scripthash.subscribe", [scriptOf((from + i) * each + j)]),
      ),
    );
    await Promise.all(asked);
  }
}

function anyHash(random: Randomness): string {
  return Array.from({ length: 8 }, () => random.u32().toString(16).padStart(8, "0")).join("");
}

function begin(): void {
  headersAtMs = [];
  statusAtMs = new Map();
  cpu = process.cpuUsage();
}

/** When all has been told, or the time is over. */
async function hear({ headers, statuses, waitMs }: Extract<Order, { kind: "hear" }>): Promise<Heard> {
  const dueMs = machineMs() + waitMs;
  const isTold = () => headersAtMs.length >= headers && statusAtMs.size >= statuses;
  while (!isTold() && machineMs() < dueMs) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  const { user, system } = process.cpuUsage(cpu);
  return { headersAtMs, statusesAtMs: [...statusAtMs.values()], cpuMs: (user + system) / 1_000 };
}

async function obey(order: Order): Promise<Heard | undefined> {
  if (order.kind === "connect") await connect(order);
  else if (order.kind === "subscribe") await subscribe(order);
  else if (order.kind === "begin") begin();
  else if (order.kind === "hear") return hear(order);
  else {
    for (const client of clients) client.close();
    clients = [];
  }
  return undefined;
}

process.on("message", (order: Order) => {
  obey(order).then(
    (heard) => process.send?.({ heard } satisfies Report),
    (error: unknown) => process.send?.({ error: String(error) } satisfies Report),
  );
});
// Whoever started us has gone.
process.on("disconnect", () => process.exit(0));
