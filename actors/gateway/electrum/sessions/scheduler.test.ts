import { describe, expect, it, vi } from "vitest";
import { Scheduler, type Turned } from "./scheduler.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A client whose every flush keeps the thread for a while. */
class SlowClient implements Turned {
  isQueued = false;
  isAnswered = false;
  flushes = 0;
  readonly #busyMs: number;

  constructor(busyMs: number) {
    this.#busyMs = busyMs;
  }

  step(): boolean {
    return false;
  }

  flush(): void {
    this.flushes += 1;
    const untilMs = performance.now() + this.#busyMs;
    while (performance.now() < untilMs);
  }
}

describe("the scheduler", () => {
  it("sends answers at the end of the turn, however many are still to be notified", async () => {
    const scheduler = new Scheduler(10);
    const crowd = Array.from({ length: 100 }, () => new SlowClient(1));
    for (const client of crowd) scheduler.notifySoon(client, true);
    await turn();
    const told = () => crowd.filter(({ flushes }) => flushes > 0).length;
    expect(told()).toBeGreaterThan(0);
    expect(told()).toBeLessThan(100);

    const asker = new SlowClient(0);
    scheduler.answerSoon(asker);
    await turn();
    expect(asker.flushes).toBe(1);
    expect(told()).toBeLessThan(100);

    for (let turns = 0; turns < 100; turns++) await turn();
    expect(crowd.map(({ flushes }) => flushes)).toEqual(crowd.map(() => 1));
  });

  it("tells what concerns few before what is told to all", async () => {
    const scheduler = new Scheduler(10);
    const crowd = Array.from({ length: 100 }, () => new SlowClient(1));
    for (const client of crowd) scheduler.notifySoon(client, true);
    await turn();
    const last = crowd.at(-1) as SlowClient;
    scheduler.notifySoon(last, false);
    await turn();
    expect(last.flushes).toBe(1);
    expect(crowd.filter(({ flushes }) => flushes > 0).length).toBeLessThan(100);
  });

  it("holds back what is told to all while more is on its way to few", async () => {
    let isTelling = true;
    const scheduler = new Scheduler(10, () => isTelling, Number.POSITIVE_INFINITY);
    const one = new SlowClient(0);
    const other = new SlowClient(0);
    scheduler.notifySoon(one, true);
    scheduler.notifySoon(other, true);
    await turn();
    expect([one.flushes, other.flushes]).toEqual([0, 0]);

    scheduler.notifySoon(one, false);
    await turn();
    expect([one.flushes, other.flushes]).toEqual([1, 0]);

    isTelling = false;
    await vi.waitFor(() => expect(other.flushes).toBe(1), { timeout: 20_000 });
    scheduler.stop();
  });

  it("holds it back not for long", async () => {
    const scheduler = new Scheduler(10, () => true, 20);
    const other = new SlowClient(0);
    scheduler.notifySoon(other, true);
    await vi.waitFor(() => expect(other.flushes).toBe(1), { timeout: 20_000 });
    scheduler.stop();
  });

  it("sends once what is answered and notified in one turn, and again what comes later", async () => {
    const scheduler = new Scheduler(10);
    const client = new SlowClient(0);
    scheduler.notifySoon(client, false);
    scheduler.notifySoon(client, false);
    await turn();
    expect(client.flushes).toBe(1);
    scheduler.notifySoon(client, false);
    await turn();
    expect(client.flushes).toBe(2);
  });
});
