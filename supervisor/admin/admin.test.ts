/** The admin socket between a supervisor and a terminal, with a real socket. */
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Tree } from "../../bus/contracts/supervisor.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log/log.ts";
import { AdminClient } from "./client.ts";
import { lineReader, REQUEST_BYTES_MAX, type Step } from "./protocol.ts";
import { type AdminHandlers, AdminServer, checkSocketPath } from "./server.ts";

const tree: Tree = {
  host: "h",
  version: "0.1.0",
  network: "regtest",
  pid: 1,
  startedAt: "2026-01-01T00:00:00.000Z",
  dataDirectory: "/d",
  bus: { mode: "embedded", address: "nats://127.0.0.1:1", up: true, jetstream: false },
  ready: true,
  root: {
    id: "root",
    kind: "supervisor",
    state: "ready",
    placement: "process 1",
    critical: true,
    restarts: 0,
    doors: [],
    children: [],
  },
};
const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

function handlers(changes: Partial<AdminHandlers> = {}): AdminHandlers {
  return {
    tree: async () => tree,
    stop: async () => ({}),
    restart: async ({ child }) => ({ restarted: [child ?? "all"] }),
    logLevel: async () => ({ isSet: true }),
    access: async () => ({
      servers: ["nats://127.0.0.1:1"],
      user: "operator",
      seed: "SU",
      connectTimeoutMs: 1,
    }),
    ...changes,
  };
}

let directory: string;
let path: string;
let server: AdminServer | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-admin-"));
  path = join(directory, "s.sock");
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(directory, { recursive: true });
});

test("answers and tells steps on the way", async () => {
  const step: Step = { what: "gateway", phase: "done", verb: "stop", tookMs: 12 };
  server = await AdminServer.listen(
    path,
    handlers({
      stop: async (_params, tell) => {
        tell(step);
        return {};
      },
    }),
    silent,
  );
  const client = await AdminClient.connect(path);
  const steps: Step[] = [];

  expect(await client.call("tree", {}, { deadlineMs: 5_000 })).toEqual(tree);
  expect(await client.call("restart", { child: "gateway" }, { deadlineMs: 5_000 })).toEqual({
    restarted: ["gateway"],
  });
  await client.call("stop", {}, { deadlineMs: 5_000, onStep: (told) => steps.push(told) });

  expect(steps).toEqual([step]);
  client.close();
});

test("only its owner may open the socket", async () => {
  server = await AdminServer.listen(path, handlers(), silent);

  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("passes a refusal on with its code and hides the message of no error", async () => {
  const refusal = new TroupeError({ code: "SUPERVISOR_NO_SUCH_CHILD", child: "x" }, "No child is called x.");
  server = await AdminServer.listen(path, handlers({ restart: () => Promise.reject(refusal) }), silent);
  const client = await AdminClient.connect(path);

  await expect(client.call("restart", { child: "x" }, { deadlineMs: 5_000 })).rejects.toMatchObject({
    code: "SUPERVISOR_NO_SUCH_CHILD",
    message: "No child is called x.",
    data: { child: "x" },
  });
  client.close();
});

test("a socket file that a killed supervisor left behind is replaced", async () => {
  writeFileSync(path, "");

  server = await AdminServer.listen(path, handlers(), silent);

  const client = await AdminClient.connect(path);
  expect(await client.call("tree", {}, { deadlineMs: 5_000 })).toEqual(tree);
  client.close();
});

test("a socket that somebody serves is not taken away", async () => {
  server = await AdminServer.listen(path, handlers(), silent);

  await expect(AdminServer.listen(path, handlers(), silent)).rejects.toMatchObject({
    code: "SUPERVISOR_ALREADY_RUNNING",
  });
});

test("calling where nobody listens says how to start", async () => {
  await expect(AdminClient.connect(path)).rejects.toMatchObject({
    code: "SUPERVISOR_NOT_RUNNING",
    message: expect.stringContaining("supervisor start"),
  });
});

test("what is pending when the supervisor dies is rejected at once", async () => {
  server = await AdminServer.listen(path, handlers({ restart: () => new Promise(() => {}) }), silent);
  const client = await AdminClient.connect(path);
  const call = client.call("restart", {}, { deadlineMs: 60_000 });
  const settled = expect(call).rejects.toMatchObject({ code: "SUPERVISOR_GONE" });
  await client.call("tree", {}, { deadlineMs: 5_000 });

  await server.close();
  server = undefined;

  await settled;
});

test.each([
  ["garbage", "hello"],
  ["an unknown method", '{"id":1,"method":"constructor","params":{}}'],
  ["parameters that do not fit", '{"id":1,"method":"restart","params":{"child":7}}'],
])("refuses %s and goes on", async (_what, line) => {
  server = await AdminServer.listen(path, handlers(), silent);
  const socket = connect(path);
  const replies: string[] = [];
  const read = lineReader(
    1e6,
    (reply) => replies.push(reply),
    () => {},
  );
  socket.on("data", read);

  socket.write(`${line}\n{"id":2,"method":"stop"}\n`);

  await expect.poll(() => replies.length).toBe(2);
  expect(replies.join()).toContain("SUPERVISOR_BAD_ORDER");
  expect(replies.join()).toContain('{"id":2,"result":{}}');
  socket.destroy();
});

test("hangs up on a line without an end", async () => {
  server = await AdminServer.listen(path, handlers(), silent);
  const socket = connect(path);
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", () => {});

  socket.write("x".repeat(REQUEST_BYTES_MAX + 1));

  await closed;
});

test("lines are cut right whatever the chunks", () => {
  const lines: string[] = [];
  const read = lineReader(
    100,
    (line) => lines.push(line),
    () => lines.push("OVERRUN"),
  );

  for (const byte of Buffer.from("eins\nzwei ü\n\ndrei")) read(Buffer.from([byte]));
  read(Buffer.from("\nvier\nfünf\n"));

  expect(lines).toEqual(["eins", "zwei ü", "drei", "vier", "fünf"]);
});

test("a path that does not fit a socket's address is refused with the way out", () => {
  expect(() => checkSocketPath(`/${"x".repeat(107)}`)).toThrow("--data");
  checkSocketPath(`/${"x".repeat(102)}`);
});

test.skipIf(process.getuid?.() === 0)("a socket of another user is told as such", async () => {
  server = await AdminServer.listen(path, handlers(), silent);
  chmodSync(path, 0o000);
  await expect(AdminClient.connect(path)).rejects.toThrow("another user");
});
