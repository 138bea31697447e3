import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { WalletDoor, type WalletDoorOptions } from "../../../../tests/harness/gateway/wallet-door.ts";

const opened: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.stop();
});

async function doorWith(options: WalletDoorOptions = {}): Promise<WalletDoor> {
  const door = await WalletDoor.start(options);
  opened.push(door);
  return door;
}

const CREATE = { walletname: "rec.jmdat", password: "hunter2", wallettype: "sw-fb" };

describe("a body", () => {
  it.each([
    "text/plain;charset=UTF-8",
    "application/json",
    "application/x-www-form-urlencoded",
    "nonsense",
    "",
  ])("is read as JSON although its type is said to be %j", async (type) => {
    const door = await doorWith();
    const headers: Record<string, string> = type === "" ? {} : { "content-type": type };
    expect((await door.ask("/wallet/create", { body: CREATE, headers })).status).toBe(201);
  });

  it.each([
    ["no JSON", "{"],
    ["nothing", ""],
    ["a text", '"x"'],
    ["a list", "[]"],
    ["null", "null"],
    ["bytes that are no text", Buffer.from([0x7b, 0xff, 0x7d]).toString("latin1")],
    ["a tower of brackets", "[".repeat(100_000)],
    ["a deep object", `${'{"a":'.repeat(20)}1${"}".repeat(20)}`],
  ])("that is %s is refused with 400, and without a word of it", async (_what, body) => {
    const door = await doorWith();
    const { status, json } = await door.ask("/wallet/create", { body, method: "POST" });
    expect(status).toBe(400);
    expect(json.message).toBe("Invalid request format.");
  });

  it("may hold keys that nobody knows", async () => {
    const door = await doorWith();
    const body = `{"__proto__":{"password":"y"},"more":1,${JSON.stringify(CREATE).slice(1)}`;
    expect((await door.ask("/wallet/create", { body })).status).toBe(201);
    expect(door.walletd.calls[0]?.input).toEqual({
      wallet: "rec.jmdat",
      password: "hunter2",
      type: "bip84",
      hasBonds: true,
      passphrase: "",
      wordCount: 12,
    });
  });

  it("that is too large is refused with 413", async () => {
    const door = await doorWith();
    const { status, json } = await door.ask("/wallet/create", { body: " ".repeat(1024 * 1024 + 1) });
    expect(status).toBe(413);
    expect(json.message).toBe("The request is too large.");
  });
});

describe("an answer", () => {
  const CACHE = {
    "cache-control": "no-cache, no-store, must-revalidate",
    pragma: "no-cache",
    expires: "Sat, 26 Jul 1997 05:00:00 GMT",
  };

  it("is kept by nobody, and is told to pages of this machine, refusals too", async () => {
    const door = await doorWith();
    for (const path of ["/getinfo", "/wallet/x.jmdat/display", "/nothing"]) {
      for (const origin of ["http://localhost:3000", "https://127.0.0.1:1", "http://[::1]:80"]) {
        const { headers } = await door.ask(path, { headers: { origin } });
        expect(headers).toMatchObject({ ...CACHE, "access-control-allow-origin": origin, vary: "Origin" });
      }
      expect((await door.ask(path)).headers).not.toHaveProperty("access-control-allow-origin");
    }
  });

  it("to a browser that asks first says what it may send", async () => {
    const door = await doorWith();
    const { status, headers } = await door.ask("/wallet/x.jmdat/display", {
      method: "OPTIONS",
      headers: { origin: "http://localhost:3000", "access-control-request-method": "GET" },
    });
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      "access-control-allow-origin": "http://localhost:3000",
      "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
      "access-control-allow-headers": "Authorization, X-JM-Authorization, Content-Type, Idempotency-Key",
    });
  });

  it.each([
    ["/api/v1/nothing", 404],
    ["/api", 404],
    ["/jam/api/v0/nothing", 404],
    ["/obwatch/nothing", 404],
    ["/", 404],
    ["/api/v1/wallet/%E0%A4%A/display", 400],
  ])("for %s is JSON with %i", async (path, status) => {
    const door = await doorWith();
    const answer = await door.ask(path);
    expect(answer.status).toBe(status);
    expect(answer.json.message).toEqual(expect.any(String));
    expect(answer.headers).toMatchObject(CACHE);
  });

  it("for a name of a length that no file has is 400", async () => {
    const door = await doorWith();
    const { status, json } = await door.ask(`/wallet/${"x".repeat(2_000)}/display`);
    expect(status).toBe(400);
    expect(json).toEqual({ message: "Invalid request format." });
  });

  it("for JAM says what is there, and what has happened here", async () => {
    const door = await doorWith();
    const { token } = await door.create();
    expect((await door.ask("/jam/api/v0/features", { token })).json).toEqual({ features: { logs: true } });
    await door.ask("/wallet/rec.jmdat/maker/stop", { token });
    const log = await door.ask("/jam/api/v0/log/jmwalletd_stdout.log", { token });
    expect(log.headers["content-type"]).toMatch(/^text\/plain/);
    expect(log.text).toMatch(
      /the wallet was opened\n.*maker\/stop: Service cannot be stopped as it is not running\.\n$/,
    );
    expect((await door.ask("/jam/api/v0/log/jmwalletd_stdout.log")).status).toBe(401);
    expect((await door.ask("/jam/api/v0/health")).json).toEqual({ status: "UP" });
    expect((await door.ask("/jam/api/v0/info")).json.backend.name).toBe("Troupe");
  });
});

describe("the door is closed", () => {
  const asked = async (headers: Record<string, string>, options: WalletDoorOptions = {}) =>
    (await (await doorWith(options)).ask("/getinfo", { headers })).status;

  it("to names that a web site could have pointed at us", async () => {
    expect(await asked({ host: "evil.example" })).toBe(421);
    expect(await asked({ host: "127.0.0.1:28183" })).toBe(200);
    const config = { http_host_names: ["jam.example"] };
    expect(await asked({ host: "jam.example" }, { config })).toBe(200);
  });

  it("to pages of other sites, which could send orders without reading the answers", async () => {
    expect(await asked({ origin: "https://evil.example" })).toBe(403);
    expect(await asked({ origin: "null" })).toBe(403);
    expect(await asked({ origin: "http://203.0.113.5" })).toBe(403);
    expect(await asked({ origin: "http://localhost.evil.example" })).toBe(403);
    expect(await asked({ origin: "http://192.168.1.5:28183", host: "192.168.1.5:28183" })).toBe(200);
    const config = { http_host_names: ["jam.example"] };
    expect(await asked({ origin: "https://jam.example" }, { config })).toBe(200);
  });

  it("for a while to whoever asks too often, and sooner to whoever tries passwords", async () => {
    const door = await doorWith({ config: { wallet_requests_per_minute: 20, wallet_guesses_per_minute: 3 } });
    door.hold("rec.jmdat");
    for (let times = 0; times < 3; times++) expect((await door.unlock("rec.jmdat", "x")).status).toBe(401);
    const guess = await door.unlock("rec.jmdat", "x");
    expect(guess.status).toBe(429);
    expect(guess.json.message).toBe("Too many requests. Try again later.");
    expect(Number(guess.headers["retry-after"])).toBeGreaterThan(0);

    const statuses = [];
    for (let times = 0; times < 21; times++) statuses.push((await door.ask("/getinfo")).status);
    expect(statuses.indexOf(429)).toBe(20);
    const nothing = [];
    for (let times = 0; times < 25; times++) nothing.push((await door.ask("/nothing")).status);
    expect(nothing).toContain(429);
  });

  it("when the port is taken, and the message says which key names it", async () => {
    const door = await doorWith();
    await expect(
      WalletDoor.start({ config: { wallet_listen: `127.0.0.1:${door.port}` } }),
    ).rejects.toMatchObject({
      code: "GATEWAY_PORT_IN_USE",
      message: expect.stringContaining("wallet_listen"),
    });
  });

  it("to what is no HTTP", async () => {
    const door = await doorWith();
    const socket = connect(door.port, "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.write("\0\0\0 HELO\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve));
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect((await door.ask("/getinfo")).status).toBe(200);
  });
});

describe("the OpenAPI document", () => {
  it("has every path that is answered, with its schemas, and none twice", async () => {
    const door = await doorWith();
    const { json } = await door.ask("/openapi.json");
    expect(json.openapi).toBe("3.1.0");
    const operations = Object.entries(
      json.paths as Record<string, Record<string, { operationId: string }>>,
    ).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, told]) => ({ path, method, ...told })),
    );
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(["displaywallet", "directsend", "tumblerplan", "orderbook"]));
    for (const { path, method } of operations) {
      const { status } = await door.ask(path.replace(/\{\w+\}/g, "rec.jmdat"), {
        method: method.toUpperCase(),
      });
      // None is unknown to the server: what is refused is refused for its token or its body.
      expect([200, 400, 401, 404]).toContain(status);
      expect((await door.ask(path.replace(/\{\w+\}/g, "x"), { method: "PATCH" })).status).toBe(405);
    }
    const create = json.paths["/api/v1/wallet/create"].post;
    const { schema } = create.requestBody.content["application/json"];
    expect(schema.required).toEqual(["walletname", "password", "wallettype"]);
    expect(schema.properties.wallettype.enum).toEqual(["sw", "sw-fb", "sw-legacy"]);
    expect(Object.keys(create.responses)).toEqual(
      expect.arrayContaining(["201", "400", "401", "409", "503"]),
    );
    expect(json.paths["/api/v1/getinfo"].get.security).toEqual([]);
  });
});

describe("pages of a browser's wallet", () => {
  const SCRIPT = "window.JM = {}";
  const HASH = "sha256-dyaRpWH28BWmfMQZvlL+F55L+72Ak+mo+DAP4iOKyPY=";

  async function pagedDoor(): Promise<WalletDoor> {
    const folder = mkdtempSync(join(tmpdir(), "troupe-pages-"));
    opened.push({ stop: () => rmSync(folder, { recursive: true }) });
    mkdirSync(join(folder, "static"));
    writeFileSync(join(folder, "index.html"), `<html><script>${SCRIPT}</script><script src="x.js"></script>`);
    writeFileSync(join(folder, "static", "main.0a1b2c3d.js"), "1");
    writeFileSync(join(folder, ".secret"), "no");
    writeFileSync(join(folder, "..", `${folder.split("/").at(-1)}-beside.txt`), "no");
    return doorWith({ config: { wallet_pages: folder } });
  }

  it("are served, and every path that no file has is the first one's to know", async () => {
    const door = await pagedDoor();
    for (const path of ["/", "/static/nothing", "/?x"]) {
      const { status, text, headers } = await door.ask(path);
      expect(status).toBe(200);
      expect(text).toContain(SCRIPT);
      expect(headers["content-type"]).toMatch(/^text\/html/);
      expect(headers["cache-control"]).toMatch(/no-store/);
    }
    const file = await door.ask("/static/main.0a1b2c3d.js");
    expect(file.text).toBe("1");
    expect(file.headers["cache-control"]).toMatch(/immutable/);
    for (const path of ["/api/v1/nothing", "/jam/api/v0/nothing", "/obwatch/x"]) {
      expect((await door.ask(path)).json).toEqual({ message: "There is no such path." });
    }
  });

  it("run their own scripts and no others", async () => {
    const { headers } = await (await pagedDoor()).ask("/");
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain(`script-src 'self' '${HASH}';`);
    expect(policy).toContain("frame-ancestors 'none'");
  });

  it("are not a way to other files", async () => {
    const door = await pagedDoor();
    for (const path of [
      "/../.secret",
      "/static/../.secret",
      "/static/%2e%2e%2f.secret",
      "/static/..%5c.secret",
    ]) {
      expect((await door.ask(path)).text).not.toBe("no");
    }
  });

  it("that are not there are told at the start", async () => {
    await expect(WalletDoor.start({ config: { wallet_pages: tmpdir() } })).rejects.toMatchObject({
      code: "GATEWAY_PAGES_MISSING",
    });
  });
});
