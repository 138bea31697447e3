import { expect, test } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { Transport, TransportStatus } from "../carrier/transport.ts";
import { confirmSubscriptions } from "./confirm.ts";

/** A carrier that is down until it is told otherwise. */
class AbsentCarrier {
  isUp = false;
  readonly listeners = new Set<(status: TransportStatus) => void>();

  flush(): Promise<void> {
    return this.isUp
      ? Promise.resolve()
      : Promise.reject(new TroupeError({ code: "BUS_UNAVAILABLE" }, "away"));
  }

  onStatus(listener: (status: TransportStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(status: TransportStatus): void {
    for (const listener of [...this.listeners]) listener(status);
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a broker that comes back is waited for, and what it refuses then is told", async () => {
  const carrier = new AbsentCarrier();
  const clock = new ManualClock();
  const confirming = confirmSubscriptions(
    { transport: carrier as unknown as Transport, clock },
    () => undefined,
  );
  await turn();

  carrier.isUp = true;
  carrier.tell({ kind: "up" });
  carrier.tell({ kind: "denied", operation: "subscribe", subject: "not.yours" });

  expect([...(await confirming)]).toEqual(["not.yours"]);
  expect(carrier.listeners.size).toBe(0);
});

test("a broker that stays away for half a minute, or a carrier that was closed, ends the wait with the bus's own error", async () => {
  for (const end of ["time", "closed"]) {
    const carrier = new AbsentCarrier();
    const clock = new ManualClock();
    const confirming = confirmSubscriptions(
      { transport: carrier as unknown as Transport, clock },
      () => undefined,
    );
    const refused = expect(confirming).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
    await turn();

    if (end === "time") clock.advance(30_000);
    else carrier.tell({ kind: "closed", reason: "closed by its owner" });

    await refused;
    expect(carrier.listeners.size).toBe(0);
  }
});
