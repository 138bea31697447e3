import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { selfSigned } from "../../tls/certificate.ts";
import type { Carrier } from "./connection.ts";
import { Listener } from "./listener.ts";

const { key, certificate } = selfSigned({
  names: ["localhost"],
  nowMs: Date.now(),
  serial: Buffer.alloc(16, 7),
});
const opened: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** Who comes in, as the system has given him to us. */
async function listening(
  carrier: Carrier,
  handshakeMs = 10_000,
): Promise<{ port: number; inside: Set<Socket>; entered: Socket[] }> {
  const inside = new Set<Socket>();
  const entered: Socket[] = [];
  const listener = new Listener({
    carrier,
    where: { host: "127.0.0.1", port: 0 },
    tls: { key, certificate },
    requestBytesMax: 1_000,
    handshakeMs,
    admit: (socket) => {
      inside.add(socket);
      entered.push(socket);
      socket.once("close", () => inside.delete(socket));
      return true;
    },
    arrive: () => undefined,
  });
  const port = await listener.open();
  opened.push(() => {
    listener.cut();
    return listener.close();
  });
  return { port, inside, entered };
}

/** It stays when the other side has ended. */
function stubborn(port: number): Socket {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.on("error", () => undefined);
  opened.push(() => void socket.destroy());
  return socket;
}

describe("who is refused, and does not go by itself, is let go", () => {
  it.each([
    ["that is no HTTP", "x\r\n\r\n", "400"],
    [
      "without a key",
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      "400",
    ],
    ["of a browser", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "426"],
  ])("after an opening %s", async (_what, opening, status) => {
    for (const carrier of ["ws", "wss"] as const) {
      const { port, inside } = await listening(carrier);
      const plain = stubborn(port);
      // Below TLS too; an option that its types leave out.
      const overPlain = { socket: plain, rejectUnauthorized: false, allowHalfOpen: true };
      const socket = carrier === "ws" ? plain : connectTls(overPlain);
      socket.on("error", () => undefined);
      let said = "";
      socket.on("data", (chunk: Buffer) => {
        said += chunk.toString("latin1");
      });
      socket.write(opening);
      await waitFor("the refusal", () => said.includes("\r\n\r\n"));
      await waitFor("it to be let go", () => inside.size === 0);

      expect(said).toContain(`HTTP/1.1 ${status} `);
    }
  });
});

describe("who does not get further than the beginning is let go in time", () => {
  it.each([
    ["tls", ""],
    ["tls", "\u0016\u0003\u0001"],
    ["wss", ""],
    ["wss", "\u0016\u0003\u0001"],
    ["ws", ""],
    ["ws", "GET / HT"],
  ] as const)("over %s after %j", async (carrier, beginning) => {
    const { port, inside, entered } = await listening(carrier, 100);
    const socket = stubborn(port);
    socket.resume();
    if (beginning !== "") socket.write(beginning, "latin1");
    await waitFor("it to have come in, and be let go", () => entered.length === 1 && inside.size === 0);
  });

  it("over TLS when it speaks another language", async () => {
    const { port, inside, entered } = await listening("tls");
    const socket = stubborn(port);
    socket.resume();
    socket.write("hello?\r\n");
    await waitFor("it to have come in, and be let go", () => entered.length === 1 && inside.size === 0);
  });
});
