/** Free ports of this machine, for those whose address must be known before they listen. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Systems give out ports above to whoever asks for any, and to every connection that goes out: one of those may be gone a moment later. */
const FIRST = 10_000;
const END = 32_768;
const TRIES = 100;

/** Distinct ports that nothing listened on a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  try {
    // All are held until each is chosen: one after the other may get the same port twice.
    for (let tries = 0; held.size < count; tries++) {
      const port = randomInt(FIRST, END);
      const server = createServer().listen(port, "127.0.0.1");
      try {
        await once(server, "listening");
        held.set(port, server);
      } catch (error) {
        // Somebody has it: another one is as good.
        if (tries >= TRIES * count) throw error;
      }
    }
    return [...held.keys()];
  } finally {
    await Promise.all([...held.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}
