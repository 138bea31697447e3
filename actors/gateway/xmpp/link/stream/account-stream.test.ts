import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { silentLog } from "../../../../../bus/fake.ts";
import { type Clock, ManualClock, systemClock } from "../../../../../runtime/clock.ts";
import { Secret } from "../../../../../runtime/secret.ts";
import { waitFor } from "../../../../../tests/harness/wait-for.ts";
import { ScriptedServer, type Speak } from "../../../../../tests/harness/xmpp/scripted-server.ts";
import { selfSigned } from "../../../tls/certificate.ts";
import { childTextOf, type Element, element } from "../element.ts";
import { LastingLink } from "../lasting-link.ts";
import { NS } from "../namespaces.ts";
import type { LinkFault, LinkState } from "../xmpp-link.ts";
import { AccountStream } from "./account-stream.ts";

const SELF = "bank@example.test/troupe";
const BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
const COUNTING = "<sm xmlns='urn:xmpp:sm:3'/>";

function header(features: string): string {
  return `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='example.test' version='1.0'><stream:features>${features}</stream:features>`;
}

/** As a server that has been told the password before. */
function accepting(socket: Socket, heard: string, features = BIND): void {
  if (heard.includes("<stream:stream")) socket.write(header(features));
  const bind = /<iq[^>]* id="([^"]+)"[^>]*><bind/.exec(heard)?.[1];
  if (bind !== undefined)
    socket.write(
      `<iq type='result' id='${bind}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${SELF}</jid></bind></iq>`,
    );
}

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.stop();
});

async function linkTo(speak: Speak = accepting, host = "127.0.0.1", clock: Clock = systemClock) {
  const server = await ScriptedServer.start(speak);
  opened.push(server);
  const stanzas: Element[] = [];
  const told: (LinkState | LinkFault)[] = [];
  const options = {
    server: { host, port: server.port },
    account: { local: "bank", domain: "example.test", resource: "" },
    password: new Secret("pa55word"),
    presence: element("presence", ""),
    clock: systemClock,
  };
  const link = new LastingLink({
    stream: (ears) => new AccountStream(options, ears),
    self: "bank@example.test",
    serverDomain: "example.test",
    clock,
    log: silentLog(),
    random: () => 0.5,
    ears: {
      stanza: (stanza) => void stanzas.push(stanza),
      state: (state, fault) => {
        told.push(state);
        if (fault !== undefined) told.push(fault);
      },
    },
  });
  opened.push({ stop: () => link.close() });
  link.start();
  return { server, link, stanzas, told };
}

async function online(speak?: Speak) {
  const parts = await linkTo(speak);
  await waitFor("the link", () => parts.link.state === "online");
  await waitFor("the presence", () => parts.server.heard.includes("<presence"));
  return parts;
}

const message = (body: string) =>
  `<message from='alice@example.test/a' to='bank@example.test' id='1' type='chat'><body>${body}</body></message>`;

describe("the link as an account", () => {
  it("says that it is there only when both sides have begun to count", async () => {
    let socket: Socket | undefined;
    const { server, link } = await linkTo((one, heard) => {
      accepting(one, heard, BIND + COUNTING);
      if (heard.includes("<enable ")) socket = one;
    });
    await waitFor("the wish to count", () => socket !== undefined);
    expect(server.heard).not.toContain("<presence");
    expect(link.state).toBe("connecting");
    socket?.write("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
    await waitFor("the presence", () => server.heard.includes("<presence"));
    server.write(`${message("one")}${message("two")}<r xmlns='urn:xmpp:sm:3'/>`);
    await waitFor("the count", () => server.heard.includes("<a "));
    expect(server.heard).toMatch(/<a [^>]*h="2"/);
  });

  it("goes on where the server will not count", async () => {
    await online((socket, heard) => {
      accepting(socket, heard, BIND + COUNTING);
      if (heard.includes("<enable ")) socket.write("<failed xmlns='urn:xmpp:sm:3'/>");
    });
  });

  it("leaves the sender to the server, which knows its resource, and sends no probes", async () => {
    const { server, link } = await online();
    const from = "bank@example.test";
    expect(link.send(element("presence", "", { type: "probe", from, to: "a@b" }))).toBe(true);
    expect(
      link.send(element("message", "", { from, to: "a@b" }, element("body", "", {}, "₿ \u0000<&"))),
    ).toBe(true);
    await waitFor("the message", () => server.heard.includes("<message"));
    expect(server.heard).toContain('<message to="a@b"><body>₿ &lt;&amp;</body></message>');
    expect(server.heard).not.toContain("probe");
    expect(server.heard).not.toContain('from="bank');
  });

  it("answers a question once, when the door has its answer", async () => {
    const { server, link, stanzas } = await online();
    server.write(
      `<iq type='get' id='q1' from='alice@example.test/a' to='${SELF}'><query xmlns='${NS.version}'/></iq>`,
    );
    await waitFor("the question", () => stanzas.length === 1);
    const attrs = { type: "result", id: "q1", from: SELF, to: "alice@example.test/a" };
    expect(link.send(element("iq", "", attrs, element("query", NS.version)))).toBe(true);
    expect(link.send(element("message", "", { from: SELF, to: "x@y" }))).toBe(true);
    await waitFor("what came after", () => server.heard.includes("<message"));
    expect(server.heard.match(/id="q1"/g)).toHaveLength(1);
    expect(server.heard).not.toContain("service-unavailable");
  });

  it("loses a stanza whose addresses or type are none, and no other, and takes for itself what names nobody", async () => {
    const { server, link, stanzas } = await online();
    server.write("<message from='@' to='bank@example.test' type='chat'><body>a</body></message>");
    server.write("<presence from='bob@example.test/b' to='@'/>");
    server.write("<iq type='unsubscribe' id='u' from='bob@example.test/b' to='bank@example.test'><x/></iq>");
    server.write("<message from='alice@example.test/a' type='chat'><body>b</body></message>");
    await waitFor("the last", () => stanzas.some((one) => childTextOf(one, "body", "") === "b"));
    expect(stanzas.at(-1)?.attrs["to"]).toBe(SELF);
    expect(link.state).toBe("online");
    expect(server.sockets).toHaveLength(1);
  });

  it("reads a text that is split at every byte", async () => {
    const { server, stanzas } = await online();
    for (const byte of Buffer.from(message("₿ 1,5 — 😀 é"))) {
      server.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor("the message", () => stanzas.length === 1);
    expect(childTextOf(stanzas[0] as Element, "body", "")).toBe("₿ 1,5 — 😀 é");
  });

  it.each([
    ["an entity that nobody declared", "<message>&lol;</message>"],
    ["tags that do not match", "<message></presence>"],
  ])("ends the stream, and nothing else, at %s, and comes back", async (_, xml) => {
    const { server, link, told } = await online();
    server.write(xml);
    await waitFor("the end of the stream", () => told.includes("down"));
    await waitFor("the link again", () => link.state === "online");
  });

  it("comes back when the server breaks the connection at any step", async () => {
    const breaks = ["<stream:stream", "<bind", "<enable ", "<presence"];
    const clock = new ManualClock();
    const breaking: Speak = (socket, heard) => {
      if (breaks[0] !== undefined && heard.includes(breaks[0])) {
        breaks.shift();
        return socket.destroy();
      }
      accepting(socket, heard, BIND + (breaks[0] === "<enable " ? COUNTING : ""));
    };
    const { link, told } = await linkTo(breaking, "127.0.0.1", clock);
    await waitFor("the link after all of them", () => {
      if (link.state === "down") clock.advance(60_000);
      return (
        breaks.length === 0 && told.filter((one) => one === "down").length === 4 && link.state === "online"
      );
    });
  });

  it("tells nothing to a server elsewhere that offers no encryption, whether it wants a proof or none", async () => {
    const proof =
      "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism><mechanism>SCRAM-SHA-1</mechanism></mechanisms>";
    for (const features of [proof, BIND]) {
      // This machine too, by a name that does not say so.
      const { server, told } = await linkTo((socket, heard) => accepting(socket, heard, features), "0.0.0.0");
      await waitFor("the refusal", () => told.includes("insecure"));
      expect(told).not.toContain("online");
      expect(server.heard).not.toContain("<auth");
      expect(server.heard).not.toContain("<presence");
    }
  });

  it("says nothing more to a server whose certificate nobody vouches for", async () => {
    const { key, certificate: cert } = selfSigned({
      names: ["example.test"],
      nowMs: Date.now(),
      serial: new Uint8Array(16).fill(1),
    });
    const secretly: string[] = [];
    const { told } = await linkTo((socket, heard) => {
      accepting(socket, heard, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>");
      if (!heard.includes("<starttls")) return;
      socket.removeAllListeners("data");
      socket.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      const secret = new TLSSocket(socket, { isServer: true, key, cert });
      secret.on("error", () => undefined);
      secret.on("data", (data) => void secretly.push(String(data)));
    });
    await waitFor("the refusal", () => told.includes("insecure"));
    expect(secretly).toEqual([]);
  });

  it("does not tell the password where nothing is encrypted, not even on this machine", async () => {
    const { server, told } = await linkTo((socket, heard) =>
      accepting(
        socket,
        heard,
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>",
      ),
    );
    await waitFor("the refusal", () => told.includes("insecure"));
    expect(server.heard).not.toContain("<auth");
  });
});
