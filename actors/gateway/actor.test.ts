import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { gatewayContract } from "../../bus/contracts/gateway.ts";
import { supervisorContract, type Tree } from "../../bus/contracts/supervisor.ts";
import { fakeActor, silentLog } from "../../bus/fake.ts";
import { ManualClock } from "../../runtime/clock.ts";
import { EventReader, type GatewayOptions, GatewayUnderTest } from "../../tests/harness/gateway/gateway.ts";
import { childOf, treeOf } from "../../tests/harness/gateway/trees.ts";

const opened: { stop(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.stop();
});

async function gatewayWith(options: GatewayOptions = {}): Promise<GatewayUnderTest> {
  const made = await GatewayUnderTest.start(options);
  opened.push(made);
  return made;
}

function reader(under: GatewayUnderTest): EventReader {
  const made = new EventReader(under.port);
  opened.push({ stop: () => made.close() });
  return made;
}

interface Told {
  readonly health: { readonly ok: boolean; readonly busUp: boolean };
  readonly hosts: readonly {
    readonly host: string;
    readonly presence: string;
    readonly tree: Tree | null;
  }[];
}

const READY = treeOf([childOf("walletd", "ready", { critical: true }), childOf("maker", "backoff")]);
const NOT_READY = treeOf(
  [
    childOf("walletd", "ready", { critical: true }),
    childOf("chain", "ready", {
      kind: "supervisor",
      children: [
        childOf("indexer", "syncing", {
          critical: true,
          progress: "block 5 of 10",
          lastError: { at: "2026-01-01T00:00:00.000Z", code: "NODE_DOWN", message: "no node" },
        }),
      ],
    }),
  ],
  { ready: false },
);

/** Until the gateway has heard the tree: it begins to listen before the supervisor speaks. */
async function untilHeard(under: GatewayUnderTest): Promise<void> {
  await reader(under).next<Told>(({ hosts }) => hosts[0]?.tree != null);
}

describe("the doors", () => {
  it("are told to the supervisor and on the bus once they are open", async () => {
    const under = await gatewayWith();
    const asker = new ConnectedBus(await under.world.connect("supervisor"), { log: silentLog() });
    opened.push({ stop: () => asker.close() });

    const { doors } = await asker.client(gatewayContract, "box").doors({});

    expect(doors).toEqual(under.openedDoors);
    expect(doors).toEqual([
      {
        name: "http",
        address: `http://127.0.0.1:${under.port}`,
        doc: "The live page, /healthz, /readyz and /metrics.",
      },
    ]);
  });

  it("are none when the configuration says so", async () => {
    const under = await gatewayWith({ config: { http_listen: "" } });

    expect(under.openedDoors).toEqual([]);
  });

  it("cannot be opened where another program listens, and the message says what to do", async () => {
    const other = await listen();
    const { port } = other.address() as { port: number };
    const under = await GatewayUnderTest.make({ config: { http_listen: `127.0.0.1:${port}` } });
    opened.push(under);

    await expect(under.actor.start()).rejects.toMatchObject({
      code: "GATEWAY_PORT_IN_USE",
      data: { address: `127.0.0.1:${port}` },
      message: expect.stringMatching(
        /Another program already listens .* http_listen in the section \[gateway\]/,
      ),
    });
  });

  it("cannot be opened on an address that is not ours", async () => {
    const under = await GatewayUnderTest.make({ config: { http_listen: "203.0.113.1:28180" } });
    opened.push(under);

    await expect(under.actor.start()).rejects.toMatchObject({ code: "GATEWAY_LISTEN_FAILED" });
  });

  it("close at once, although pages are live", async () => {
    const under = await gatewayWith({ tree: READY });
    const page = reader(under);
    await page.next(() => true);

    await under.stop();

    await page.ended();
  });
});

describe("health and readiness", () => {
  it("are good when the supervisor was heard and every critical child is ready", async () => {
    const under = await gatewayWith({ tree: READY });
    await untilHeard(under);

    const [health, readiness] = [await under.ask("/healthz"), await under.ask("/readyz")];

    expect(health.status).toBe(200);
    expect(JSON.parse(health.text)).toMatchObject({ ok: true, busUp: true });
    expect(readiness.status).toBe(200);
    expect(JSON.parse(readiness.text)).toEqual({ ready: true, waitingFor: [] });
  });

  it("name the critical child that is not ready, how far it is and what went wrong", async () => {
    const under = await gatewayWith({ tree: NOT_READY });
    await untilHeard(under);

    const readiness = await under.ask("/readyz");

    expect((await under.ask("/healthz")).status).toBe(200);
    expect(readiness.status).toBe(503);
    expect(JSON.parse(readiness.text)).toEqual({
      ready: false,
      reason: "not every critical part is ready",
      waitingFor: [
        {
          host: "box",
          id: "indexer",
          state: "syncing",
          progress: "block 5 of 10",
          lastError: { code: "NODE_DOWN", message: "no node" },
        },
      ],
    });
  });

  it("are bad before the supervisor was heard", async () => {
    const under = await gatewayWith();

    const [health, readiness, tree] = [
      await under.ask("/healthz"),
      await under.ask("/readyz"),
      await under.ask("/api/tree"),
    ];

    expect([health.status, readiness.status, tree.status]).toEqual([503, 503, 503]);
    expect(JSON.parse(health.text)).toMatchObject({ reason: "the supervisor has not been heard yet" });
  });

  it("are bad when the bus is down, and good again when it is back", async () => {
    const under = await gatewayWith({ tree: READY });
    const page = reader(under);
    await page.next<Told>(({ hosts }) => hosts[0]?.tree != null);

    await under.world.breakDown();
    const down = await under.ask("/healthz");
    await page.next<Told>(({ health }) => !health.busUp);
    await under.world.restore();
    await page.next<Told>(({ health }) => health.busUp);

    expect(down.status).toBe(503);
    expect(JSON.parse(down.text)).toMatchObject({ ok: false, busUp: false, reason: "the bus is down" });
    expect((await under.ask("/healthz")).status).toBe(200);
  });

  it("are bad when the supervisor has fallen silent", async () => {
    const clock = new ManualClock();
    const under = await gatewayWith({ tree: READY, clock });
    await untilHeard(under);
    await under.supervisor.stop();

    clock.advance(26_000);
    const health = await under.ask("/healthz");

    expect(health.status).toBe(503);
    expect(JSON.parse(health.text)).toMatchObject({ reason: "the supervisor is silent" });
  });
});

describe("the live page", () => {
  it("follows each change of the tree", async () => {
    const under = await gatewayWith({ tree: READY });
    const page = reader(under);
    const first = await page.next<Told>(({ hosts }) => hosts[0]?.tree != null);

    under.supervisor.publisher.state("tree", NOT_READY);
    const second = await page.next<Told>(({ hosts }) => hosts[0]?.tree?.ready === false);

    expect(first?.hosts[0]?.tree).toEqual(READY);
    expect(second?.hosts[0]?.tree).toEqual(NOT_READY);
    expect(JSON.parse((await under.ask("/api/tree")).text).hosts[0].tree).toEqual(NOT_READY);
  });

  it("is refused when a quarter of the connections are live already", async () => {
    const under = await gatewayWith({ tree: READY, config: { http_connections_max: 8 } });
    const pages = [reader(under), reader(under)];
    for (const page of pages) await page.next(() => true);

    const third = await under.ask("/api/events");
    pages[0]?.close();
    await pages[0]?.ended();

    expect(third.status).toBe(503);
    expect(third.headers["retry-after"]).toBe("30");
    expect((await under.ask("/healthz")).status).toBe(200);
  });

  it("is told to come back when the gateway goes", async () => {
    const under = await gatewayWith({ tree: READY });
    const page = reader(under);

    expect(await page.status()).toBe(200);
    await under.stop();
    await page.ended();
  });
});

describe("metrics", () => {
  it("are those of all actors, each with its name", async () => {
    const under = await gatewayWith({
      metricsText: '# TYPE troupe_bus_up gauge\ntroupe_bus_up{actor="gateway"} 1\n',
    });

    const metrics = await under.ask("/metrics");

    expect(metrics.status).toBe(200);
    expect(metrics.headers["content-type"]).toContain("version=0.0.4");
    expect(metrics.text).toBe('# TYPE troupe_bus_up gauge\ntroupe_bus_up{actor="gateway",host="box"} 1\n');
  });

  it("are missing, and said to be, while no supervisor answers", async () => {
    const under = await gatewayWith({});
    await under.supervisor.stop();

    const metrics = await under.ask("/metrics");

    expect(metrics.status).toBe(503);
    expect(metrics.text).toContain("the supervisor does not answer");
  });
});

describe("several hosts", () => {
  const other = (more: Partial<Tree> = {}) =>
    treeOf([childOf("indexer", "ready", { critical: true })], { host: "attic", ...more });
  const own = treeOf(
    [
      childOf("bus", "elsewhere", { kind: "bus", critical: true }),
      childOf("indexer", "elsewhere", { critical: true }),
    ],
    { ready: true },
  );

  /** A supervisor on another host of the same bus. */
  async function joins(under: GatewayUnderTest, tree: Tree, metricsText = "") {
    const supervisor = await fakeActor(
      under.world,
      supervisorContract,
      { tree: () => tree, metrics: () => ({ actors: [{ actor: "indexer", text: metricsText }] }) },
      { instance: tree.host },
    );
    opened.push(supervisor);
    supervisor.publisher.state("tree", tree);
    await reader(under).next<Told>(({ hosts }) => hosts.some(({ host }) => host === tree.host));
    return supervisor;
  }

  async function readinessOf(under: GatewayUnderTest) {
    const { status, text } = await under.ask("/readyz");
    return { status, ...JSON.parse(text) };
  }

  it("are all shown, our own first, each as its own supervisor tells it", async () => {
    const under = await gatewayWith({ tree: own });
    await untilHeard(under);
    await joins(under, other());

    const { hosts } = JSON.parse((await under.ask("/api/tree")).text) as Told;

    expect(hosts.map(({ host, presence, tree }) => [host, presence, tree?.host])).toEqual([
      ["box", "heard", "box"],
      ["attic", "heard", "attic"],
    ]);
  });

  it("are ready together: what runs elsewhere has to run somewhere", async () => {
    const under = await gatewayWith({ tree: own });
    await untilHeard(under);

    const alone = await readinessOf(under);
    const supervisor = await joins(under, other());
    const together = await readinessOf(under);
    supervisor.publisher.state(
      "tree",
      treeOf([childOf("indexer", "backoff", { critical: true })], { host: "attic", ready: false }),
    );
    await reader(under).next<Told>(({ hosts }) => hosts[1]?.tree?.ready === false);
    const failing = await readinessOf(under);

    expect(alone).toMatchObject({
      status: 503,
      waitingFor: [{ host: "box", id: "indexer", state: "elsewhere" }],
    });
    expect(together).toEqual({ status: 200, ready: true, waitingFor: [] });
    expect(failing).toMatchObject({
      status: 503,
      waitingFor: [{ host: "attic", id: "indexer", state: "backoff" }],
    });
  });

  it("that fall silent keep the whole from being ready, and not this gateway from being healthy", async () => {
    const clock = new ManualClock();
    const under = await gatewayWith({ tree: own, clock });
    await untilHeard(under);
    const supervisor = await joins(under, other());
    const page = reader(under);
    await supervisor.stop();

    clock.advance(20_000);
    under.supervisor.publisher.state("tree", { ...own, version: "0.1.1" });
    await page.next<Told>(({ hosts }) => hosts[0]?.tree?.version === "0.1.1");
    clock.advance(6_000);
    await page.next<Told>(({ hosts }) => hosts[1]?.presence === "silent");

    expect(await readinessOf(under)).toMatchObject({ status: 503, reason: "host attic is silent" });
    expect((await under.ask("/healthz")).status).toBe(200);
  });

  it("whose connection to the bus has ended are missed as soon as they had time to come back", async () => {
    const clock = new ManualClock();
    const under = await gatewayWith({ tree: own, clock });
    await untilHeard(under);
    const supervisor = await joins(under, other());
    const presence = async () => {
      const { hosts } = JSON.parse((await under.ask("/api/tree")).text) as Told;
      return hosts.find(({ host }) => host === "attic")?.presence;
    };
    /** Answers come over the real bus while the gateway's clock stands still. */
    const passes = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        clock.advance(1_000);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await passes(60);
    expect(await presence()).toBe("heard");

    await supervisor.stop();
    await passes(6);
    expect(await presence()).toBe("heard");
    // Sooner than by the age of its last tree, which is 25 s.
    for (let second = 0; second < 16 && (await presence()) === "heard"; second++) await passes(1);

    expect(await presence()).toBe("silent");
    await joins(under, other());
    await reader(under).next<Told>(({ hosts }) => hosts[1]?.presence === "heard");
  });

  it("that say farewell are shown as stopped", async () => {
    const under = await gatewayWith({ tree: own });
    await untilHeard(under);
    const supervisor = await joins(under, other());
    const tree = other({ ready: false });

    supervisor.publisher.state("tree", { ...tree, root: { ...tree.root, state: "stopped" } });
    await reader(under).next<Told>(({ hosts }) => hosts[1]?.presence === "stopped");

    expect(await readinessOf(under)).toMatchObject({ status: 503, reason: "host attic has stopped" });
  });

  it("give their metrics under their own names, and one that does not answer takes nothing from the others", async () => {
    const text = "# TYPE troupe_heap_bytes gauge\ntroupe_heap_bytes 5\n";
    const under = await gatewayWith({ tree: own, metricsText: text });
    await untilHeard(under);
    const supervisor = await joins(under, other(), text);

    const both = await under.ask("/metrics");

    expect(both.text).toBe(
      '# TYPE troupe_heap_bytes gauge\ntroupe_heap_bytes{host="box"} 5\ntroupe_heap_bytes{host="attic"} 5\n',
    );
    await supervisor.stop();
    await expect
      .poll(async () => (await under.ask("/metrics")).text, { timeout: 20_000, interval: 200 })
      .toBe('# TYPE troupe_heap_bytes gauge\ntroupe_heap_bytes{host="box"} 5\n');
  });
});

function listen(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => resolve(server));
    opened.push({ stop: () => void server.close() });
  });
}
