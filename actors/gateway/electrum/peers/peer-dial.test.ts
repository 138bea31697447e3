import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { findProgram } from "../../../../tests/harness/electrum/debian-program.ts";
import { Microsocks } from "../../../../tests/harness/electrum/microsocks.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { tlsIdentity } from "../../tls/tls-identity.ts";
import { type PeerTarget, peerDial } from "./peer-dial.ts";
import { hostOf } from "./peer-host.ts";

const stops: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Says what it was asked under, to whoever comes. */
async function listening(isTls: boolean, onConnection: (socket: Socket) => void): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "troupe-dial-"));
  const { key, certificate: cert } = tlsIdentity({
    door: "electrum",
    certificateFile: undefined,
    keyFile: undefined,
    directory,
    names: ["localhost"],
    nowMs: Date.now(),
  });
  const sockets = new Set<Socket>();
  const server = isTls ? createTlsServer({ key, cert }) : createServer();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  server.on(isTls ? "secureConnection" : "connection", onConnection);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    rmSync(directory, { recursive: true });
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as { port: number }).port;
}

function target(port: number, more: Partial<PeerTarget> = {}): PeerTarget {
  const host = hostOf("127.0.0.1");
  if (host === undefined) throw new Error("no host");
  return { host, address: "127.0.0.1", port, isTls: false, ...more };
}

const never = new AbortController().signal;
/** As servers do: only who is asked answers. */
const greet = (socket: Socket) => void socket.once("data", () => socket.end("hello\n"));

async function heard(socket: Socket): Promise<string> {
  socket.write("?");
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

describe("the way to a peer", () => {
  it("is plain or TLS, whoever has signed the certificate", async () => {
    for (const isTls of [false, true]) {
      const port = await listening(isTls, greet);
      const socket = await peerDial({ socks: undefined, listening: [] })(target(port, { isTls }), never);
      expect(await heard(socket)).toBe("hello\n");
    }
  });

  it("begins where we listen, so that a peer which we ask to add us sees the address that we name", async () => {
    const from: (string | undefined)[] = [];
    const port = await listening(false, (socket) => {
      from.push(socket.remoteAddress);
      greet(socket);
    });
    const ways = [["127.0.0.9"], ["0.0.0.0"], ["::"], ["192.0.2.1"], []];
    for (const listening of ways) {
      await heard(await peerDial({ socks: undefined, listening })(target(port), never));
    }
    expect(from).toEqual(["127.0.0.9", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"]);
  });

  it("is given up when the time is over, whatever step it has come to, and leaves nothing open", async () => {
    const open = new Set<Socket>();
    const silent = await listening(false, (socket) => {
      open.add(socket.resume());
      socket.once("close", () => open.delete(socket));
    });
    const tries = [
      { socks: undefined, where: target(silent, { isTls: true }) },
      { socks: { host: "127.0.0.1", port: silent }, where: target(1, { address: null }) },
    ];
    for (const { socks, where } of tries) {
      const ending = new AbortController();
      const trying = peerDial({ socks, listening: [] })(where, ending.signal);
      await waitFor("somebody to come", () => open.size === 1);
      ending.abort();
      await expect(trying).rejects.toThrow();
      await waitFor("the connection to be closed", () => open.size === 0);
    }
    const over = AbortSignal.abort();
    await expect(peerDial({ socks: undefined, listening: [] })(target(silent), over)).rejects.toThrow();
  });

  it("without Tor's port does not lead to what only Tor can find", async () => {
    const way = peerDial({ socks: undefined, listening: [] });
    await expect(way(target(1, { address: null }), never)).rejects.toThrow(/SocksPort/);
  });
});

const program = findProgram("microsocks");

describe.skipIf(program === undefined)("through a real SOCKS proxy", () => {
  async function proxy(user: string): Promise<Microsocks> {
    const made = await Microsocks.start(program as string, { name: user, password: "electrum" });
    stops.push(() => made.stop());
    return made;
  }

  it("a peer is met as a user of its own name, for which Tor makes a circuit of its own", async () => {
    const { address: socks } = await proxy("127.0.0.1");
    for (const isTls of [false, true]) {
      const port = await listening(isTls, greet);
      const socket = await peerDial({ socks, listening: [] })(target(port, { address: null, isTls }), never);
      expect(await heard(socket)).toBe("hello\n");
    }
    const { address: other } = await proxy("somebody.example");
    const port = await listening(false, greet);
    await expect(
      peerDial({ socks: other, listening: [] })(target(port, { address: null }), never),
    ).rejects.toThrow(/[Aa]uthentication/);
  });

  it("an onion service that the proxy cannot find is a failure and not a lookup of ours", async () => {
    const onion = hostOf(`${"a".repeat(56)}.onion`);
    if (onion === undefined) throw new Error("no onion");
    const { address: socks } = await proxy(onion.text);
    const where = target(50_001, { host: onion, address: null });
    await expect(peerDial({ socks, listening: [] })(where, never)).rejects.toThrow(/[Ss]ocks5/);
  });
});
