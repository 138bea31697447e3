import { randomBytes } from "node:crypto";
import { createServer, request as httpRequest, type Server } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { connect as tlsConnect } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { selfSigned } from "../../../tls/certificate.ts";
import { Listener } from "./listener.ts";

const OWN = selfSigned({ names: ["localhost"], nowMs: Date.now(), serial: randomBytes(16) });
const HERE = { host: "127.0.0.1", port: 0 };

describe("a port for https and http", () => {
  let http: Server;
  let listener: Listener;

  beforeEach(() => {
    http = createServer(
      { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50 },
      (_request, response) => response.end("hello"),
    );
    listener = new Listener({ http, tls: OWN, connectionsMax: 4 });
  });
  afterEach(() => listener.close());

  const ask = (port: number, isTls: boolean, host = "127.0.0.1") =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const options = { host, port, agent: false, rejectUnauthorized: false };
      const request = (isTls ? httpsRequest : httpRequest)(options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.once("end", () => resolve({ status: response.statusCode, text }));
      });
      request.once("error", reject).end();
    });

  it("answers both, also on a second port, whose connections are told apart", async () => {
    const arrived: Socket[] = [];
    const first = await listener.open(HERE);
    const second = await listener.openBeside(HERE, (socket) => arrived.push(socket));

    for (const port of [first, second]) {
      expect(await ask(port, false)).toEqual({ status: 200, text: "hello" });
      expect(await ask(port, true)).toEqual({ status: 200, text: "hello" });
    }
    expect(arrived).toHaveLength(2);
  });

  it.each([
    ["plain", (port: number) => connect(port, "127.0.0.1")],
    ["TLS", (port: number) => tlsConnect({ host: "127.0.0.1", port, rejectUnauthorized: false })],
  ])("cuts who never ends the head of a request, over %s", async (_name, dial) => {
    const socket = dial(await listener.open(HERE));
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.write("GET / HTTP/1.1\r\nhost: x");

    await new Promise((resolve) => socket.once("close", resolve));

    expect(text).toMatch(/^HTTP\/1.1 408 /);
  });

  it("closes although somebody is inside and says nothing", async () => {
    const socket = connect(await listener.open(HERE), "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));

    await listener.close();

    await new Promise((resolve) => socket.once("close", resolve));
  });

  const [outside] = Object.values(networkInterfaces())
    .flat()
    .filter((found) => found?.family === "IPv4" && !found.internal);
  it.skipIf(outside === undefined)("takes from another machine https only", async () => {
    const port = await listener.open({ host: "0.0.0.0", port: 0 });

    expect(await ask(port, true, outside?.address)).toMatchObject({ status: 200 });
    expect(await ask(port, false, outside?.address)).toMatchObject({
      status: 426,
      text: expect.stringContaining("https only"),
    });
  });

  it.skipIf(outside === undefined)("lets go of who is refused for that and stays", async () => {
    const port = await listener.open({ host: "0.0.0.0", port: 0 });
    const stubborn: Socket[] = [];
    // More than may come in at once.
    for (let at = 0; at < 6; at++) {
      const socket = connect({ host: outside?.address ?? "", port, allowHalfOpen: true });
      stubborn.push(socket);
      socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      const said = await new Promise<string>((resolve) => {
        socket.once("data", (chunk: Buffer) => resolve(chunk.toString()));
        socket.once("close", () => resolve("closed"));
      });
      expect(said).toContain("https only");
    }
    for (const socket of stubborn) socket.destroy();
  });
});
