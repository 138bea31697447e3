import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GatewayUnderTest } from "../../../tests/harness/gateway/gateway.ts";
import { childOf, treeOf } from "../../../tests/harness/gateway/trees.ts";
import { isHostAllowed } from "./guard.ts";

const TREE = treeOf([childOf("walletd", "ready", { critical: true })]);

let under: GatewayUnderTest;

beforeAll(async () => {
  under = await GatewayUnderTest.start({
    tree: TREE,
    config: { http_requests_per_minute: 1_000_000, http_host_names: ["troupe.example"] },
  });
});
afterAll(() => under.stop());

describe("every answer", () => {
  it.each(["/", "/page.js", "/page.css", "/icon.svg", "/healthz", "/nothing", "/api/tree"])(
    "of %s carries the headers that keep others out",
    async (path) => {
      const { headers } = await under.ask(path);

      expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["x-frame-options"]).toBe("DENY");
      expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
      expect(headers["cache-control"]).toBe("no-store");
      expect(headers["access-control-allow-origin"]).toBeUndefined();
      expect(headers["x-powered-by"]).toBeUndefined();
    },
  );

  it("of the page is the page, and loads nothing from elsewhere", async () => {
    const page = await under.ask("/");
    const script = await under.ask("/page.js");
    const style = await under.ask("/page.css");

    expect(page.status).toBe(200);
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.text).toContain("<h1>Troupe");
    const references = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? "");
    expect(references.length).toBeGreaterThan(3);
    for (const address of references) expect((await under.ask(address)).status).not.toBe(404);
    expect(page.text).not.toMatch(/ style=| on[a-z]+="|<script>|<style>/);
    expect(script.text + style.text).not.toMatch(/https?:\/\/[a-z]|@import|innerHTML|eval\(/);
  });
});

describe("who may ask", () => {
  it.each([
    ["localhost", 200],
    ["localhost:28180", 200],
    ["LOCALHOST.:1", 200],
    ["127.0.0.1:28180", 200],
    ["192.168.7.7", 200],
    ["[::1]:28180", 200],
    ["troupe.example", 200],
    ["Troupe.Example:443", 200],
    ["evil.example", 421],
    ["localhost.evil.example", 421],
    ["127.0.0.1.evil.example", 421],
    ["127.1", 421],
    ["[::1", 421],
    ["a b", 421],
  ])("with the host name %j is answered with %i", async (host, status) => {
    expect((await under.ask("/page.css", { headers: { host } })).status).toBe(status);
  });

  it("with no host name at all is refused", () => {
    expect(isHostAllowed(undefined, [])).toBe(false);
    expect(isHostAllowed("", [""])).toBe(false);
  });

  it.each([
    ["cross-site", "/api/tree", 403],
    ["same-site", "/api/events", 403],
    ["same-origin", "/api/tree", 200],
    ["none", "/api/tree", 200],
    ["cross-site", "/", 200],
  ])("from a %s page gets %s with %i", async (site, path, status) => {
    const answer = await waitForTree().then(() => under.ask(path, { headers: { "sec-fetch-site": site } }));

    expect(answer.status).toBe(status);
  });

  it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])(
    "by %s is told that this door only reads",
    async (method) => {
      const answer = await under.ask("/api/tree", { method });

      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toBe("GET, HEAD");
    },
  );

  it("too often is told how long to wait, and others are not", async () => {
    const strict = await GatewayUnderTest.start({ tree: TREE, config: { http_requests_per_minute: 30 } });
    try {
      const statuses = [];
      for (let at = 0; at < 4; at++) statuses.push((await strict.ask("/healthz")).status);
      const refused = await strict.ask("/healthz");

      expect(statuses.slice(0, 3)).not.toContain(429);
      expect(statuses[3]).toBe(429);
      expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    } finally {
      await strict.stop();
    }
  });
});

describe("the edge stands whatever arrives", () => {
  it("answers malformed, oversized and half requests, and stays alive", async () => {
    const line = fc.oneof(
      fc.constantFrom(
        "GET / HTTP/1.1",
        "GET /%zz HTTP/1.1",
        "GET //\\.. HTTP/1.1",
        "PRI * HTTP/2.0",
        "POST / HTTP/1.1",
      ),
      fc.string({ maxLength: 200 }),
    );
    const header = fc.oneof(
      fc.constantFrom(
        "Host: localhost",
        "Host: a\r\nHost: b",
        "Content-Length: 99999999",
        "Content-Length: -1",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Upgrade: websocket",
        "Connection: upgrade",
        `X-Long: ${"x".repeat(9_000)}`,
      ),
      fc.string({ maxLength: 100 }),
    );
    const request = fc
      .tuple(line, fc.array(header, { maxLength: 5 }), fc.boolean(), fc.uint8Array({ maxLength: 300 }))
      .map(([first, headers, isWhole, tail]) =>
        Buffer.concat([
          Buffer.from([first, ...headers].join("\r\n") + (isWhole ? "\r\n\r\n" : ""), "latin1"),
          Buffer.from(tail),
        ]),
      );

    await fc.assert(
      fc.asyncProperty(fc.oneof(request, fc.uint8Array({ maxLength: 2_000 })), async (bytes) => {
        const answer = await exchange(bytes);
        // "Go on with your body" comes before the answer, to whoever asked for it.
        expect(answer).toMatch(/^(HTTP\/1\.1 100 Continue\r\n\r\n)?(HTTP\/1\.1 [2-5]\d\d |$)/);
        expect(answer).not.toMatch(/^HTTP\/1\.1 500|\.ts:\d|node_modules/);
      }),
      { numRuns: 150 },
    );

    expect((await under.ask("/page.css")).status).toBe(200);
  });

  it("finds nothing outside its own paths", async () => {
    const path = fc
      .array(
        fc.constantFrom("..", ".", "page", "page.js", "%2e%2e", "%2f", "package.json", "api", "\\", "%00"),
        {
          minLength: 1,
          maxLength: 6,
        },
      )
      .map((parts) => `/${parts.join("/")}`);

    await fc.assert(
      fc.asyncProperty(path, async (asked) => {
        const { status, text } = await under.ask(asked);
        if (status === 200) expect(asked).toBe("/page.js");
        else expect([400, 404]).toContain(status);
        expect(text).not.toContain("dependencies");
      }),
      { numRuns: 100 },
    );
  });
});

/** The gateway hears the tree a moment after it has opened. */
async function waitForTree(): Promise<void> {
  while ((await under.ask("/api/tree")).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Sends bytes on a connection of their own, closes its sending half, and tells what came back. */
function exchange(bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: under.port });
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    // A connection cut by the server is an answer too.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
    socket.end(bytes);
  });
}
