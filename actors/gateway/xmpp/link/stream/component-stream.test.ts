import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { Secret } from "../../../../../runtime/secret.ts";
import { waitFor } from "../../../../../tests/harness/wait-for.ts";
import {
  accepting,
  ComponentLink,
  STREAM_HEADER,
  STREAM_ID,
} from "../../../../../tests/harness/xmpp/component-link.ts";
import { ScriptedServer, type Speak } from "../../../../../tests/harness/xmpp/scripted-server.ts";
import { BackOff } from "../back-off.ts";
import { childTextOf, type Element, element } from "../element.ts";
import { NS } from "../namespaces.ts";
import type { LinkFault } from "../xmpp-link.ts";
import { handshakeOf } from "./component-stream.ts";

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.stop();
});

async function linkTo(speak: Speak = accepting) {
  const server = await ScriptedServer.start(speak);
  opened.push(server);
  const under = new ComponentLink(server.port);
  opened.push(under);
  const { link, stanzas, told } = under;
  return { server, link, stanzas, told };
}

async function online(speak: Speak = accepting) {
  const parts = await linkTo(speak);
  await waitFor("the link", () => parts.link.state === "online");
  return parts;
}

const message = (body: string, id = "1") =>
  `<message from='alice@example.test/a' to='btc.example.test' id='${id}'><body>${body}</body></message>`;
const ping = element(
  "iq",
  "",
  { type: "get", from: "btc.example.test", to: "example.test" },
  element("ping", NS.ping),
);

describe("the link as a component", () => {
  it("proves the secret as XEP-0114 has it, and does not send it", async () => {
    expect(handshakeOf(STREAM_ID, new Secret("s3cret"))).toBe("a984b871214a298f0f743fcd25f99b10838ba12b");
    const { server } = await online();
    const proof = createHash("sha1").update(`${STREAM_ID}s3cret`).digest("hex");
    expect(server.heard).toContain(`<handshake>${proof}</handshake>`);
    expect(server.heard).toContain('to="btc.example.test"');
    expect(server.heard).not.toContain("s3cret");
  });

  it("reads a text that is split at every byte", async () => {
    const { server, stanzas } = await online();
    const bytes = Buffer.from(message("₿ 1,5 — 😀 é"));
    for (const byte of bytes) {
      server.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor("the message", () => stanzas.length === 1);
    expect(childTextOf(stanzas[0] as Element, "body", "")).toBe("₿ 1,5 — 😀 é");
  });

  it("hears a stanza that comes in one packet with the server's acceptance", async () => {
    const { stanzas } = await online((socket, heard) => {
      if (heard.includes("<stream:stream")) socket.write(STREAM_HEADER);
      if (heard.includes("<handshake>")) socket.write(`<handshake/>${message("early")}`);
    });
    await waitFor("the message", () => stanzas.length === 1);
  });

  it.each([
    ["an entity that nobody declared", "<message>&lol;</message>"],
    ["tags that do not match", "<message></presence>"],
    ["an endless stanza", `<message><body>${"x".repeat(2_200_000)}`],
  ])("ends the stream, and nothing else, at %s", async (_, xml) => {
    const { server, link, told } = await online();
    server.write(xml);
    await waitFor("the end of the stream", () => told.includes("down"));
    expect(link.send(ping)).toBe(false);
    await waitFor("the link again", () => link.state === "online");
  });

  it("lives on when a handler throws, and when a stanza nests too deep", async () => {
    const { server, stanzas, link } = await online();
    server.write(message("x", "throw"));
    server.write(`<message>${"<a>".repeat(5_000)}${"</a>".repeat(5_000)}</message>`);
    server.write(message("after"));
    await waitFor("the message after", () => stanzas.length === 1);
    expect(link.state).toBe("online");
  });

  it.each([
    ["not-authorized", "refused"],
    ["host-unknown", "unknown-domain"],
    ["conflict", "conflict"],
  ])("says why the server does not take it: %s", async (condition, fault) => {
    const { told } = await linkTo((socket, heard) => {
      if (heard.includes("<stream:stream")) socket.write(STREAM_HEADER);
      if (heard.includes("<handshake>"))
        socket.end(
          `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
        );
    });
    await waitFor("the verdict", () => told.includes(fault as LinkFault));
    expect(told).not.toContain("online");
  });

  it("comes back when the server breaks the connection at any step", async () => {
    let turn = 0;
    const { link } = await linkTo((socket, heard) => {
      if (heard.includes("<stream:stream") && turn++ === 0) return socket.destroy();
      accepting(socket, heard);
    });
    await waitFor("the link", () => link.state === "online");
    expect(turn).toBeGreaterThan(1);
  });

  it("never throws at who sends while it is down, and refuses questions", async () => {
    const { link } = await linkTo((socket) => socket.destroy());
    expect(link.send(ping)).toBe(false);
    await expect(link.request(ping)).rejects.toMatchObject({ code: "GATEWAY_XMPP_NO_REPLY" });
  });

  it("sends nothing without a sender or an addressee, and nothing above 64 KiB", async () => {
    const { link } = await online();
    expect(link.send(element("message", "", { to: "a@b" }))).toBe(false);
    expect(link.send(element("message", "", { from: "btc.example.test" }))).toBe(false);
    const huge = element("message", "", { from: "btc.example.test", to: "a@b" }, "₿".repeat(22_000));
    expect(link.send(huge)).toBe(false);
    expect(link.send(ping)).toBe(true);
  });

  it("says to who has asked that the answer is too large to be sent", async () => {
    const { server, link } = await online();
    const attrs = { type: "result", id: "q1", from: "btc.example.test", to: "a@b" };
    expect(link.send(element("iq", "", attrs, element("query", "u:x", {}, "x".repeat(70_000))))).toBe(false);
    await waitFor("the error", () => server.heard.includes("resource-constraint"));
    expect(server.heard).toContain('<iq type="error" id="q1" from="btc.example.test" to="a@b">');
    expect(link.state).toBe("online");
  });

  it("takes the answer of whom it has asked, and of nobody else", async () => {
    const { server, link, stanzas } = await online();
    const answer = link.request(ping);
    await waitFor("the question", () => server.heard.includes(NS.ping));
    const id = /id="([^"]+)"/.exec(server.heard.slice(server.heard.indexOf("<iq")))?.[1] as string;
    expect(id.length).toBeGreaterThanOrEqual(16);
    server.write(
      `<iq type='result' id='${id}' from='mallory@example.test/x' to='btc.example.test'><forged/></iq>`,
    );
    server.write(`<iq type='result' id='${id}' from='example.test' to='btc.example.test'/>`);
    expect((await answer).children).toEqual([]);
    await waitFor("the forged one", () => stanzas.length === 1);
  });
});

describe("how long it waits before the next try", () => {
  it("doubles up to a minute, begins anew after a success, and waits longest where trying is no remedy", () => {
    const backOff = new BackOff(() => 0.5);
    const waits = Array.from({ length: 8 }, () => backOff.nextMs("unreachable"));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    backOff.succeeded();
    expect(backOff.nextMs("lost")).toBe(1_000);
    expect(backOff.nextMs("refused")).toBe(60_000);
    expect(new BackOff(() => 0).nextMs("lost")).toBe(800);
    expect(new BackOff(() => 0.999_999).nextMs("lost")).toBe(1_200);
  });
});
