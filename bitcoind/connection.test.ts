/** The connection and the RPC on it, against a server that answers as the test says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../runtime/clock.ts";
import { waitFor } from "../tests/harness/wait-for.ts";
import { NodeConnection } from "./connection.ts";
import { cookieCredentials } from "./credentials.ts";
import { rpcBatch, rpcCall } from "./rpc.ts";

let directory: string;
let cookie: string;
let server: Server;
let connection: NodeConnection;
let answer: (body: string, request: IncomingMessage, response: ServerResponse) => void;
let requests: { body: string; authorization: string | undefined }[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "troupe-connection-"));
  cookie = join(directory, ".cookie");
  writeFileSync(cookie, "__cookie__:first");
  requests = [];
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    requests.push({ body, authorization: request.headers.authorization });
    answer(body, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  connection = open((server.address() as AddressInfo).port);
});

afterEach(async () => {
  await connection.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

function open(port: number, timeoutMs = 10_000): NodeConnection {
  return new NodeConnection({
    url: `http://127.0.0.1:${port}`,
    credentials: cookieCredentials(cookie),
    clock: systemClock,
    timeoutMs,
    connections: 2,
  });
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const reply = (body: unknown, status = 200) => {
  answer = (_, __, response) => response.writeHead(status).end(JSON.stringify(body));
};

describe("a connection to a node", () => {
  it("reads the cookie again, once, when the node refuses it", async () => {
    answer = (_, request, response) => {
      const isKnown = request.headers.authorization === basic("__cookie__:second");
      response.writeHead(isKnown ? 200 : 401).end(isKnown ? '{"result":7,"id":0}' : "");
    };
    writeFileSync(cookie, "__cookie__:first");
    await rpcCall(connection, "x").catch(() => undefined);
    writeFileSync(cookie, "__cookie__:second");

    expect(await rpcCall(connection, "getblockcount")).toBe(7);
    expect(requests.map((request) => request.authorization)).toEqual([
      basic("__cookie__:first"),
      basic("__cookie__:first"),
      basic("__cookie__:first"),
      basic("__cookie__:second"),
    ]);
  });

  it("says that it is refused when the new cookie is refused too", async () => {
    reply("", 401);
    await expect(rpcCall(connection, "x")).rejects.toMatchObject({ code: "NODE_AUTH_REFUSED" });
    expect(requests).toHaveLength(2);
  });

  it.each([
    [403, "", "NODE_AUTH_REFUSED"],
    [503, "Work queue depth exceeded", "NODE_BUSY"],
    [200, { error: { code: -28, message: "Loading block index…" }, result: null }, "NODE_WARMING_UP"],
    [500, { error: { code: -8, message: "Block height out of range" }, result: null }, "NODE_RPC_ERROR"],
    [200, [], "NODE_BAD_REPLY"],
    [200, "text", "NODE_BAD_REPLY"],
    [200, { error: "broken" }, "NODE_BAD_REPLY"],
  ])("turns status %i with %j into %s", async (status, body, code) => {
    reply(body, status);
    await expect(rpcCall(connection, "x")).rejects.toMatchObject({ code });
  });

  it("takes what is not JSON for a bad answer", async () => {
    answer = (_, __, response) => response.end("<html>hello");
    await expect(rpcCall(connection, "x")).rejects.toMatchObject({ code: "NODE_BAD_REPLY" });
    answer = (_, __, response) => response.end();
    await expect(rpcCall(connection, "x")).rejects.toMatchObject({ code: "NODE_BAD_REPLY" });
  });

  it("gives up an answer that takes too long", async () => {
    answer = () => undefined;
    await expect(rpcCall(connection, "x", [], { timeoutMs: 50 })).rejects.toMatchObject({
      code: "NODE_TIMEOUT",
      data: { method: "x", timeoutMs: 50 },
    });
  });

  it("gives up an answer that begins and does not end", async () => {
    answer = (_, __, response) => response.writeHead(200).write('{"result":');
    await expect(rpcCall(connection, "x", [], { timeoutMs: 100 })).rejects.toMatchObject({
      code: "NODE_TIMEOUT",
    });
  });

  it("gives up when its caller does, with the caller's reason", async () => {
    const abort = new AbortController();
    answer = () => abort.abort(new Error("enough"));
    await expect(rpcCall(connection, "x", [], { signal: abort.signal })).rejects.toThrow("enough");
  });

  it.each([true, false])(
    "refuses an answer that is too long (its length announced: %s)",
    async (isAnnounced) => {
      answer = (_, __, response) => {
        if (isAnnounced) response.setHeader("Content-Length", 2_000);
        response.write("x".repeat(1_000));
        response.end("x".repeat(1_000));
      };
      await expect(rpcCall(connection, "x", [], { replyMaxBytes: 1_500 })).rejects.toMatchObject({
        code: "NODE_REPLY_TOO_LARGE",
      });
    },
  );

  it("takes no answer for one that was too long: as many connections as before are there for the next", async () => {
    answer = (_, __, response) => {
      response.writeHead(200, { "Content-Length": 2 ** 30 });
      response.flushHeaders();
    };
    // More than there are connections.
    for (let i = 0; i < 3; i++) {
      await expect(connection.rest("x")).rejects.toMatchObject({ code: "NODE_REPLY_TOO_LARGE" });
    }
    reply({ result: 7, id: 0 });
    expect(await rpcCall(connection, "getblockcount")).toBe(7);
  });

  it("says that nobody is there, and does not name the password", async () => {
    const nobody = open(1);
    const failure = await rpcCall(nobody, "x").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "NODE_UNREACHABLE", data: { node: "127.0.0.1:1" } });
    expect(JSON.stringify(failure)).not.toContain("first");
    await nobody.close();
  });

  it("says that an answer was cut off", async () => {
    answer = (_, request, response) => {
      response.writeHead(200, { "Content-Length": 2_000 }).write("x".repeat(1_000));
      setImmediate(() => request.socket.destroy());
    };
    await expect(rpcCall(connection, "x")).rejects.toMatchObject({ code: "NODE_UNREACHABLE" });
  });

  it("asks by as many connections as it may, and uses them again", async () => {
    const sockets = new Set<unknown>();
    answer = (_, request, response) => {
      sockets.add(request.socket);
      setImmediate(() => response.end('{"result":7}'));
    };
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 5 }, () => rpcCall(connection, "x")));
    }
    expect(requests).toHaveLength(15);
    expect(sockets.size).toBe(2);
  });

  it("closed, fails what is asked, what waits for its turn, and what comes later", async () => {
    answer = () => undefined;
    const asked = Promise.allSettled(Array.from({ length: 5 }, () => rpcCall(connection, "x")));
    await waitFor("two requests at the node", () => requests.length === 2);

    await connection.close();

    const failed = { status: "rejected", reason: expect.objectContaining({ code: "NODE_UNREACHABLE" }) };
    expect(await asked).toEqual(Array(5).fill(failed));
    await expect(rpcCall(connection, "x")).rejects.toMatchObject({ code: "NODE_UNREACHABLE" });
    expect(requests).toHaveLength(2);
  });

  it("says that the cookie is not there", async () => {
    rmSync(cookie);
    await expect(rpcCall(connection, "x")).rejects.toMatchObject({ code: "NODE_COOKIE_UNREADABLE" });
    writeFileSync(cookie, "no cookie at all");
    await expect(rpcCall(connection, "x")).rejects.toMatchObject({ code: "NODE_COOKIE_UNREADABLE" });
  });
});

describe("a batch", () => {
  it("keeps the order of the calls whatever the order of the answers, each with its own fate", async () => {
    reply([
      { id: 2, result: "c" },
      { id: 0, result: "a" },
      { id: 1, error: { code: -5, message: "no such thing" } },
    ]);
    const [a, b, c] = await rpcBatch(connection, [
      { method: "m", params: [1] },
      { method: "m", params: [2] },
      { method: "m", params: [3] },
    ]);
    expect([a, c]).toEqual([{ value: "a" }, { value: "c" }]);
    expect(b).toMatchObject({ error: { code: "NODE_RPC_ERROR", data: { rpcCode: -5 } } });
  });

  it("is cut into requests of at most 500 calls", async () => {
    answer = (body, _, response) => {
      const calls = JSON.parse(body) as { id: number; params: number[] }[];
      response.end(JSON.stringify(calls.map(({ id, params }) => ({ id, result: params[0] }))));
    };
    const calls = Array.from({ length: 1_201 }, (_, i) => ({ method: "m", params: [i] }));
    const answers = await rpcBatch(connection, calls);
    expect(answers).toEqual(calls.map(({ params }) => ({ value: params[0] })));
    expect(requests.map(({ body }) => (JSON.parse(body) as unknown[]).length)).toEqual([500, 500, 201]);
  });

  it("fails as a whole when an answer is missing or the node is starting", async () => {
    reply([{ id: 0, result: 1 }]);
    const calls = [
      { method: "m", params: [] },
      { method: "m", params: [] },
    ];
    await expect(rpcBatch(connection, calls)).rejects.toMatchObject({ code: "NODE_BAD_REPLY" });
    reply({ error: { code: -28, message: "Verifying blocks…" } });
    await expect(rpcBatch(connection, calls)).rejects.toMatchObject({ code: "NODE_WARMING_UP" });
  });
});
