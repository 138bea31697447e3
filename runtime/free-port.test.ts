import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { freePort, freePorts } from "./free-port.ts";

it("chooses as many different ports as are wanted", async () => {
  expect(new Set(await freePorts(20)).size).toBe(20);
});

it("chooses a port on which a server can listen at once", async () => {
  const server = createServer().listen(await freePort(), "127.0.0.1");
  await once(server, "listening");
  await new Promise((resolve) => server.close(resolve));
});
