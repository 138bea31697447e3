/** Free ports of this machine, for those whose address must be known before they listen. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** Distinct ports that nothing listened on a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  // All are held until each is chosen: one after the other may get the same port twice.
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}
