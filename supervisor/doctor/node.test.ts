import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { regtest } from "../../bitcoin/network.ts";
import { nodeSection } from "../../bitcoind/config.ts";
import { checkNodes } from "./node.ts";

const HEALTHY = {
  chain: "regtest",
  blocks: 101,
  headers: 101,
  bestblockhash: "ab".repeat(32),
  chainwork: `${"00".repeat(31)}cc`,
  initialblockdownload: false,
  verificationprogress: 1,
  pruned: false,
};

describe("the doctor's look at the node", () => {
  let directory: string;
  let server: Server;
  let status = 200;
  /** What `getblockchaininfo` answers, as it goes over the wire. */
  let body = "";
  let genesis: string;
  let heardAuthorization: string | undefined;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "troupe-doctor-"));
    status = 200;
    genesis = regtest.genesis.hash;
    server = createServer(async (request, response) => {
      heardAuthorization = request.headers.authorization;
      let asked = "";
      for await (const chunk of request) asked += String(chunk);
      const isInfo = asked.includes("getblockchaininfo");
      response.writeHead(status).end(isInfo ? body : JSON.stringify({ result: genesis }));
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
  const withCookie = async (content = "__cookie__:c0ffee") => {
    writeFileSync(join(directory, ".cookie"), content);
    const [finding] = await checkNodes(config(), "regtest");
    return finding;
  };

  it("passes a node on our chain that has caught up, and shows it the cookie", async () => {
    body = JSON.stringify({ result: HEALTHY, error: null, id: "doctor" });

    expect(await withCookie()).toMatchObject({ verdict: "ok", message: "chain regtest, block 101" });
    expect(heardAuthorization).toBe(`Basic ${Buffer.from("__cookie__:c0ffee").toString("base64")}`);
  });

  it("says which cookie it cannot read", async () => {
    expect(await checkNodes(config(), "regtest")).toMatchObject([
      { verdict: "fail", message: expect.stringContaining(`${directory}/.cookie`) },
    ]);
  });

  it("asks for the password file of a user", async () => {
    expect(await checkNodes(config({ user: "troupe" }), "regtest")).toMatchObject([
      { verdict: "fail", message: "[node] user is set, but password_file is not" },
    ]);
  });

  it("tells a refused password, a refused address and a node that is away from each other", async () => {
    status = 401;
    expect(await withCookie("__cookie__:wrong")).toMatchObject({
      verdict: "fail",
      message: "it refuses our user and password",
    });
    status = 403;
    expect(await withCookie()).toMatchObject({
      verdict: "fail",
      message: "it does not accept calls from this machine",
    });
    expect(await checkNodes(config({ rpc: ["http://127.0.0.1:1"] }), "regtest")).toMatchObject([
      { verdict: "fail", message: "nothing answers there (ECONNREFUSED)" },
    ]);
  });

  it("cuts off an answer without end", async () => {
    body = "x".repeat(1_000_000);

    expect(await withCookie()).toMatchObject({
      verdict: "fail",
      message: "nothing answers there (its answer is too long)",
    });
  });

  it.each([
    ["another chain", { ...HEALTHY, chain: "main" }, "fail", 'it is on chain "main", we are on regtest'],
    [
      "a pruned node",
      { ...HEALTHY, pruned: true, pruneheight: 50 },
      "fail",
      "it is pruned: blocks before 50 are gone",
    ],
    [
      "a node still catching up",
      { ...HEALTHY, initialblockdownload: true, verificationprogress: 0.5, headers: 2_000 },
      "warn",
      "it is still catching up: block 101 of 2,000, 50.0 %",
    ],
    ["something that is no node", { hello: "world" }, "fail", "what answers there is not a Bitcoin node"],
  ])("judges %s", async (_name, result, verdict, message) => {
    body = JSON.stringify({ result, error: null });

    expect(await withCookie()).toMatchObject({ verdict, message });
  });

  it("sees by its first block that a chain of the same name is not ours", async () => {
    body = JSON.stringify({ result: HEALTHY, error: null });
    genesis = "00".repeat(32);

    expect(await withCookie()).toMatchObject({ verdict: "fail" });
  });

  it("waits for a node that is starting", async () => {
    body = JSON.stringify({ result: null, error: { code: -28, message: "Loading block index…" } });

    expect(await withCookie()).toMatchObject({
      verdict: "warn",
      message: "it is starting: Loading block index…",
    });
  });

  it("repeats what a node gives as its reason", async () => {
    body = JSON.stringify({ result: null, error: { code: -32601, message: "Method not found" } });

    expect(await withCookie()).toMatchObject({
      verdict: "fail",
      message: "it answers with an error: Method not found (-32601)",
    });
  });

  it("is not impressed by what is not JSON", async () => {
    body = "<html>";

    expect(await withCookie()).toMatchObject({
      verdict: "fail",
      message: "what answers there is not a Bitcoin node",
    });
  });
});
