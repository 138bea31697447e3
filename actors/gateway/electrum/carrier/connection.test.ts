import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import { ManualClock } from "../../../../runtime/clock.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Connection } from "./connection.ts";
import { LineCodec } from "./line-codec.ts";

it("counts a message as coming in parts from its beginning, and not when its rest is here and has not been looked at", async () => {
  const socket = new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() });
  const clock = new ManualClock();
  const connection = new Connection({
    socket: socket as Socket,
    carrier: "tcp",
    address: undefined,
    codec: () => new LineCodec(1_000),
    budget: new ByteBudget(1_000),
    clock,
  });
  const nothing = () => undefined;
  connection.open({ readable: nothing, drained: nothing, ended: nothing, closed: nothing });
  const comes = async (text: string) => {
    socket.push(text);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await comes("the beg");
  expect(connection.hasMessage()).toBe(false);
  for (const drop of ["i", "n", "n"]) {
    clock.advance(10_000);
    await comes(drop);
    expect(connection.hasMessage()).toBe(false);
  }
  expect(connection.partialMs(clock.monotonicMs())).toBe(30_000);

  // Its client reads a long answer slowly, so nothing more of it is looked at.
  await comes("ing, and the rest\n");
  clock.advance(60_000);
  expect(connection.partialMs(clock.monotonicMs())).toBe(0);
  expect(connection.take()?.toString()).toBe("the beginning, and the rest");
  connection.destroy();
});
