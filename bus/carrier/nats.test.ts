/** Tests of the NATS carrier where a server misbehaves: refused users, silent and dying servers, certificates. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { findNatsServer, NatsServer } from "../../tests/harness/nats-server.ts";
import { Broker } from "../broker/broker.ts";
import { connectNats } from "./nats.ts";
import { Nkey } from "./nkey.ts";
import type { BusUser, Permissions } from "./transport.ts";

const ALL: Permissions = {
  publish: { allow: [">"], deny: [] },
  subscribe: { allow: [">"], deny: [] },
  allowResponses: 1,
};
const nkey = Nkey.create();
const USER: BusUser = { name: "a", publicKey: nkey.publicKey, permissions: ALL };
const access = (servers: string[], seed = nkey.revealSeed(), connectTimeoutMs = 20_000) => ({
  servers,
  user: "a",
  seed,
  connectTimeoutMs,
});

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listenOnAnyPort(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("connecting", () => {
  it("says at once that the user is not accepted, however long it might try", async () => {
    const broker = await Broker.listen({ users: [USER] });
    ends.push(() => broker.close());

    const attempt = connectNats(access([broker.address], Nkey.create().revealSeed(), 3_600_000));

    await expect(attempt).rejects.toMatchObject({ code: "BUS_UNAUTHENTICATED", data: { user: "a" } });
  });

  it("gives up when its time is over and nobody listens", async () => {
    const server = createServer();
    const port = await listenOnAnyPort(server);
    await new Promise((resolve) => server.close(resolve));

    const attempt = connectNats(access([`nats://127.0.0.1:${port}`], nkey.revealSeed(), 300));

    await expect(attempt).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
  });

  it("gives up on a server that accepts and says nothing", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      sockets.push(socket);
    });
    const port = await listenOnAnyPort(server);
    ends.push(
      () => server.close(),
      () => sockets.forEach((socket) => void socket.destroy()),
    );

    const attempt = connectNats(access([`nats://127.0.0.1:${port}`], nkey.revealSeed(), 300));

    await expect(attempt).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
    expect(sockets.length).toBeGreaterThan(0);
  });

  it("ends when whoever wanted it does not want it any more", async () => {
    const server = createServer();
    const port = await listenOnAnyPort(server);
    await new Promise((resolve) => server.close(resolve));
    const unwanted = new AbortController();

    const attempt = connectNats(access([`nats://127.0.0.1:${port}`], nkey.revealSeed(), 3_600_000), {
      signal: unwanted.signal,
    });
    unwanted.abort(new Error("never mind"));

    await expect(attempt).rejects.toThrow("never mind");
  });

  it("waits for a broker that comes up later", async () => {
    const first = await Broker.listen({ users: [USER] });
    await first.close();

    const attempt = connectNats(access([first.address]));
    const broker = await Broker.listen({ users: [USER], port: first.port });
    ends.push(() => broker.close());
    const transport = await attempt;
    ends.push(() => transport.close());

    expect(transport.isUp).toBe(true);
  });

  it("refuses what is no seed before it dials", async () => {
    await expect(connectNats(access(["nats://127.0.0.1:1"], "hunter2"))).rejects.toMatchObject({
      code: "BUS_BAD_SEED",
    });
  });
});

describe("staying connected", () => {
  it("hears on every subscription again after many deaths of the broker", async () => {
    let broker = await Broker.listen({ users: [USER] });
    ends.push(() => broker.close());
    const transport = await connectNats(access([broker.address]));
    ends.push(() => transport.close());
    const heard: string[] = [];
    transport.subscribe("one", {}, ({ subject }) => heard.push(subject));
    transport.subscribe("two.*", { queue: "q" }, ({ subject }) => heard.push(subject));

    for (let life = 0; life < 5; life++) {
      const isBack = new Promise<void>((resolve) => {
        const off = transport.onStatus(({ kind }) => {
          if (kind !== "up") return;
          off();
          resolve();
        });
      });
      await broker.close();
      broker = await Broker.listen({ users: [USER], port: broker.port });
      await isBack;
      transport.publish("one", new Uint8Array(0));
      transport.publish(`two.${life}`, new Uint8Array(0));
      await transport.flush();
    }

    expect(heard).toEqual(["one", "two.0", "one", "two.1", "one", "two.2", "one", "two.3", "one", "two.4"]);
    expect(broker.stats().subscriptions).toBe(2);
  });
});

describe("TLS", () => {
  const canTest = findNatsServer() !== undefined && hasOpenssl();

  it.skipIf(!canTest)(
    "talks to a server with a certificate of the given authority, and to no other",
    async () => {
      const directory = mkdtempSync(join(tmpdir(), "troupe-tls-"));
      ends.push(() => rmSync(directory, { recursive: true, force: true }));
      const { certFile, keyFile } = makeCertificate(directory);
      const server = await NatsServer.start({ users: [USER], tls: { certFile, keyFile } });
      ends.push(() => server.stop());
      const ca = readFileSync(certFile, "utf8");

      const transport = await connectNats({ ...access([server.url]), tls: { ca } });
      ends.push(() => transport.close());
      await transport.flush();

      expect(transport.isUp).toBe(true);
      await expect(
        connectNats({ ...access([server.url], nkey.revealSeed(), 300), tls: {} }),
      ).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
    },
  );

  it("does not go on in the clear when TLS was asked for", async () => {
    const broker = await Broker.listen({ users: [USER] });
    ends.push(() => broker.close());

    const attempt = connectNats({ ...access([broker.address], nkey.revealSeed(), 300), tls: {} });

    await expect(attempt).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
    expect(broker.stats().clients).toEqual([]);
  });
});

function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    // without it no certificate can be made for the test
    return false;
  }
}

function makeCertificate(directory: string): { certFile: string; keyFile: string } {
  const certFile = join(directory, "cert.pem");
  const keyFile = join(directory, "key.pem");
  const config = join(directory, "openssl.conf");
  writeFileSync(config, "[req]\ndistinguished_name=dn\n[dn]\n");
  execFileSync(
    "openssl",
    [
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ["-config", config, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
      ["-keyout", keyFile, "-out", certFile],
    ].flat(),
    { stdio: "ignore" },
  );
  return { certFile, keyFile };
}
