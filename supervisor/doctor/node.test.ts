import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeSection } from "../../bitcoind/config.ts";
import { checkNodes, judge } from "./node.ts";

const HEALTHY = {
  chain: "regtest",
  blocks: 101,
  headers: 101,
  initialblockdownload: false,
  verificationprogress: 1,
  pruned: false,
};

describe("the doctor's look at the node", () => {
  let directory: string;
  let server: Server;
  let status = 200;
  let body = "";
  let heardAuthorization: string | undefined;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "troupe-doctor-"));
    status = 200;
    server = createServer((request, response) => {
      heardAuthorization = request.headers.authorization;
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true });
  });

  const config = (more: object = {}) =>
    nodeSection.schema.parse({
      rpc: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
      cookie_file: join(directory, ".cookie"),
      ...more,
    });

  it("passes a node on our chain that has caught up, and shows it the cookie", async () => {
    writeFileSync(join(directory, ".cookie"), "__cookie__:c0ffee");
    body = JSON.stringify({ result: HEALTHY, error: null, id: "doctor" });

    expect(await checkNodes(config(), "regtest")).toMatchObject([
      { verdict: "ok", message: "chain regtest, block 101" },
    ]);
    expect(heardAuthorization).toBe(`Basic ${Buffer.from("__cookie__:c0ffee").toString("base64")}`);
  });

  it("says which cookie it cannot read", async () => {
    expect(await checkNodes(config(), "regtest")).toMatchObject([
      { verdict: "fail", message: expect.stringContaining(`${directory}/.cookie`) },
    ]);
  });

  it("tells a refused password from a node that is away", async () => {
    writeFileSync(join(directory, ".cookie"), "__cookie__:wrong");
    status = 401;

    expect(await checkNodes(config(), "regtest")).toMatchObject([
      { verdict: "fail", message: "it refuses our user and password" },
    ]);
    expect(await checkNodes(config({ rpc: ["http://127.0.0.1:1"] }), "regtest")).toMatchObject([
      { verdict: "fail", message: expect.stringContaining("nothing answers there") },
    ]);
  });

  it("cuts off an answer without end", async () => {
    writeFileSync(join(directory, ".cookie"), "__cookie__:c0ffee");
    body = "x".repeat(1_000_000);

    expect(await checkNodes(config(), "regtest")).toMatchObject([
      { verdict: "fail", message: "nothing answers there (its answer is too long)" },
    ]);
  });

  it.each([
    ["another chain", { ...HEALTHY, chain: "main" }, "fail"],
    ["a pruned node", { ...HEALTHY, pruned: true, pruneheight: 50 }, "fail"],
    [
      "a node still catching up",
      { ...HEALTHY, initialblockdownload: true, verificationprogress: 0.5 },
      "warn",
    ],
    ["something that is no node", { hello: "world" }, "fail"],
  ])("judges %s", (_name, result, verdict) => {
    expect(judge("node", JSON.stringify({ result, error: null }), "regtest").verdict).toBe(verdict);
  });

  it("waits for a node that is starting", () => {
    const text = JSON.stringify({ result: null, error: { code: -28, message: "Loading block index…" } });

    expect(judge("node", text, "regtest")).toMatchObject({
      verdict: "warn",
      message: "it is starting: Loading block index…",
    });
  });

  it("is not impressed by what is not JSON", () => {
    expect(judge("node", "<html>", "regtest").verdict).toBe("fail");
  });
});
