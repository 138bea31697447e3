/** The XMPP door: how soon it is online, how many commands it answers in a second, how long it takes to ask 10,000 people; as JSON. */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { accepting, ComponentLink } from "../../tests/harness/xmpp/component-link.ts";
import { DoorUnderTest, WALLET } from "../../tests/harness/xmpp/door.ts";
import { ScriptedServer } from "../../tests/harness/xmpp/scripted-server.ts";

const STARTS = 50;
const AT_ONCE = 200;

const { values } = parseArgs({
  options: { people: { type: "string", default: "10000" }, commands: { type: "string", default: "5000" } },
});

const soon = () => new Promise((resolve) => setImmediate(resolve));

/** From the first byte to a server of this process until the door may speak: the median, and the longest. */
async function online(): Promise<{ medianMs: number; longestMs: number }> {
  const server = await ScriptedServer.start(accepting);
  const tookMs: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    const beganMs = performance.now();
    const under = new ComponentLink(server.port);
    while (under.link.state !== "online") await soon();
    tookMs.push(performance.now() - beganMs);
    await under.stop();
  }
  await server.stop();
  tookMs.sort((a, b) => a - b);
  return { medianMs: tookMs[STARTS / 2] ?? 0, longestMs: tookMs.at(-1) ?? 0 };
}

/** Each by a person of his own, so that nobody is too fast: read, understood, asked of a bank in this process, and answered. */
async function answered(count: number): Promise<{ count: number; perCpuSecond: number; perSecond: number }> {
  const under = await DoorUnderTest.start();
  try {
    const people = Array.from({ length: AT_ONCE }, (_, at) => under.bank.open(`person${at}`, 1_000).jid);
    const before = process.cpuUsage();
    const beganMs = performance.now();
    for (let asked = 0; asked < count; asked += AT_ONCE) {
      const since = under.sent.length;
      for (const jid of people) under.tell(jid, WALLET, "balance");
      const replies = () => under.sent.slice(since).filter(({ name }) => name === "message").length;
      while (replies() < AT_ONCE) await soon();
    }
    const { user, system } = process.cpuUsage(before);
    return {
      count,
      perCpuSecond: (count * 1e6) / (user + system),
      perSecond: (count * 1e3) / (performance.now() - beganMs),
    };
  } finally {
    await under.stop();
  }
}

/** After a new link, by the door's own clock, which the pace is set by: until all have been asked whether they are there. */
async function announced(count: number) {
  const under = await DoorUnderTest.start();
  try {
    for (let at = 0; at < count; at++) {
      under.bank.open(`person${at}`, 1_000);
      under.clock.advance(1_000);
      const since = under.sent.length;
      under.presence(`person${at}@example.test`, WALLET, "subscribe");
      if (at % AT_ONCE === AT_ONCE - 1 || at === count - 1)
        await waitFor("the subscriptions", () =>
          under.sent.slice(since).some(({ attrs }) => attrs["type"] === undefined),
        );
    }
    under.link.lose();
    const since = under.sent.length;
    const beganMs = under.clock.monotonicMs();
    let most = 0;
    let inLastSecond: number[] = [];
    const before = process.cpuUsage();
    under.link.start();
    const asked = () => under.sent.length - since;
    while (asked() < count) {
      const told = asked();
      under.clock.advance(100);
      await soon();
      inLastSecond = [...inLastSecond, asked() - told].slice(-10);
      most = Math.max(
        most,
        inLastSecond.reduce((sum, one) => sum + one, 0),
      );
    }
    const { user, system } = process.cpuUsage(before);
    return {
      people: count,
      tookSeconds: (under.clock.monotonicMs() - beganMs) / 1e3,
      mostStanzasInASecond: most,
      cpuSeconds: (user + system) / 1e6,
    };
  } finally {
    await under.stop();
  }
}

const report = {
  online: await online(),
  commands: await answered(Number(values.commands)),
  announced: await announced(Number(values.people)),
  machine: { cores: cpus().length, load: loadavg()[0] },
};
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
