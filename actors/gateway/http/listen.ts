/** How a door of HTTP opens: where it got its port, or a person's way out when it got none. */
import type { FastifyInstance } from "fastify";
import type { HostPort } from "../../../runtime/config/config-values.ts";
import { hostAndPort } from "../address.ts";
import { listenFailure, type RefusedDoor } from "../listen-failure.ts";

/** The URL that it is found at. Throws `GATEWAY_PORT_IN_USE` or `GATEWAY_LISTEN_FAILED`. */
export async function listenAt(
  server: FastifyInstance,
  { host, port }: HostPort,
  named: Pick<RefusedDoor, "door" | "hint">,
): Promise<string> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    throw listenFailure({ ...named, where: hostAndPort({ host, port }) }, error);
  }
  const bound = server.server.address();
  return `http://${hostAndPort({ host, port: typeof bound === "object" && bound !== null ? bound.port : port })}`;
}
