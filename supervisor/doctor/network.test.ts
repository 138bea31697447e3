import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { checkDoor, checkNatsServer, checkTorControl, checkTorSocks } from "./network.ts";

describe("the doctor's look at sockets", () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  /** A server that says `greeting` at once, or `reply` to the first bytes it hears. */
  function answering({ greeting, reply }: { greeting?: string; reply?: string | Buffer }): Promise<number> {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      if (greeting !== undefined) socket.write(greeting);
      socket.on("data", () => socket.end(reply ?? ""));
    });
    servers.push(server);
    return new Promise((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
    );
  }

  const door = (port: number) => ({
    name: "gateway http",
    host: "127.0.0.1",
    port,
    key: "[gateway] http_listen",
  });

  it("fails a door whose port another program holds, and names the key to change", async () => {
    const port = await answering({});

    expect(await checkDoor(door(port), new Set())).toMatchObject({
      verdict: "fail",
      message: `127.0.0.1:${port} is in use by another program`,
      remedy: expect.stringContaining("[gateway] http_listen"),
    });
  });

  it("passes a door that our own supervisor holds", async () => {
    const port = await answering({});

    expect(await checkDoor(door(port), new Set([`127.0.0.1:${port}`]))).toMatchObject({ verdict: "ok" });
  });

  it("passes a free port and leaves it free", async () => {
    const port = await answering({});
    await new Promise((resolve) => servers.pop()?.close(resolve));

    expect((await checkDoor(door(port), new Set())).verdict).toBe("ok");
    expect((await checkDoor(door(port), new Set())).verdict).toBe("ok");
  });

  it("tells Tor's SOCKS port from another program, and from nothing", async () => {
    const tor = await answering({ reply: Buffer.from([5, 0]) });
    const other = await answering({ reply: "HTTP/1.1 400 Bad Request\r\n" });

    expect((await checkTorSocks("127.0.0.1", tor)).verdict).toBe("ok");
    expect((await checkTorSocks("127.0.0.1", other)).verdict).toBe("fail");
    expect((await checkTorSocks("127.0.0.1", 1)).verdict).toBe("warn");
  });

  it("reads Tor's version from its control port", async () => {
    const port = await answering({
      reply:
        '250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE,SAFECOOKIE\r\n250-VERSION Tor="0.4.9.11"\r\n250 OK\r\n',
    });

    expect(await checkTorControl("127.0.0.1", port)).toMatchObject({
      verdict: "ok",
      message: `127.0.0.1:${port} answers, Tor 0.4.9.11`,
    });
  });

  it("knows a NATS server by its greeting", async () => {
    const nats = await answering({ greeting: 'INFO {"server_id":"A","version":"2.9.10"}\r\n' });
    const other = await answering({ greeting: "220 mail.example ESMTP\r\n" });

    expect(await checkNatsServer(`nats://127.0.0.1:${nats}`)).toMatchObject({
      verdict: "ok",
      message: expect.stringContaining("2.9.10"),
    });
    expect((await checkNatsServer(`nats://127.0.0.1:${other}`)).verdict).toBe("fail");
    expect((await checkNatsServer("nats://127.0.0.1:1")).verdict).toBe("fail");
  });
});
