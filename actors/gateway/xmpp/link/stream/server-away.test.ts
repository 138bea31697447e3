import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ManualClock } from "../../../../../runtime/clock.ts";
import { findProgram } from "../../../../../tests/harness/electrum/debian-program.ts";
import { waitFor } from "../../../../../tests/harness/wait-for.ts";
import {
  accepting,
  ComponentLink,
  type ComponentLinkOptions,
} from "../../../../../tests/harness/xmpp/component-link.ts";
import { Prosody } from "../../../../../tests/harness/xmpp/prosody.ts";
import { ScriptedServer } from "../../../../../tests/harness/xmpp/scripted-server.ts";
import { NS } from "../namespaces.ts";

const program = findProgram("prosody");

const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.stop();
});

/** On a clock that stands still until the test lets it go on. */
function linkTo(port: number, options: ComponentLinkOptions = {}) {
  const clock = new ManualClock();
  const under = new ComponentLink(port, { clock, ...options });
  opened.push(under);
  const times = (state: string) => under.told.filter((one) => one === state).length;
  const reaches = (state: string, count: number) => waitFor(state, () => times(state) === count);
  return { ...under, clock, times, reaches };
}

describe("a server that has fallen silent", () => {
  it("is asked each minute whether it is there, given up after twenty seconds, and tried again", async () => {
    const server = await ScriptedServer.start(accepting);
    opened.push(server);
    const { clock, told, reaches, times } = linkTo(server.port);
    await reaches("online", 1);
    clock.advance(59_999);
    expect(server.heard).not.toContain(NS.ping);
    clock.advance(1);
    await waitFor("the ping", () => server.heard.includes(NS.ping));
    clock.advance(19_999);
    expect(told).toEqual(["connecting", "online"]);
    clock.advance(1);
    await reaches("silent", 1);
    expect(told).toEqual(["connecting", "online", "down", "silent"]);
    clock.advance(999);
    expect(times("connecting")).toBe(1);
    clock.advance(1);
    await reaches("online", 2);
  });

  it("is kept while it answers, with whatever it answers", async () => {
    const server = await ScriptedServer.start((socket, heard) => {
      accepting(socket, heard);
      const id = /<iq type="get".* id="([^"]+)"/.exec(heard)?.[1];
      if (id === undefined) return;
      socket.write(`<iq type='error' id='${id}' from='example.test' to='btc.example.test'/>`);
      socket.write("<message from='alice@example.test/a' to='btc.example.test'/>");
    });
    opened.push(server);
    const { clock, reaches, told, stanzas } = linkTo(server.port);
    await reaches("online", 1);
    for (let minute = 1; minute <= 3; minute++) {
      clock.advance(60_000);
      await waitFor("what came behind the answer", () => stanzas.length === minute);
      await new Promise((resolve) => setImmediate(resolve));
    }
    clock.advance(59_999);
    expect(told).toEqual(["connecting", "online"]);
  });
});

describe.skipIf(program === undefined)("a real Prosody", () => {
  let prosody: Prosody;
  beforeAll(async () => {
    prosody = await Prosody.start(program as string, { accounts: [] });
  });
  afterAll(() => prosody.stop());

  it("that is away at first, or restarts, is tried after 1, 2, 4 and 8 s, and found", async () => {
    await prosody.breakDown();
    const { clock, reaches, times, told } = linkTo(prosody.componentPort);
    let tries = 1;
    for (const waitMs of [1_000, 2_000, 4_000]) {
      await reaches("unreachable", tries);
      clock.advance(waitMs - 1);
      expect(times("connecting")).toBe(tries);
      clock.advance(1);
      tries += 1;
    }
    await reaches("unreachable", tries);
    await prosody.restore();
    clock.advance(8_000);
    await reaches("online", 1);
    await prosody.breakDown();
    await reaches("lost", 1);
    await prosody.restore();
    // After a success the first wait is a short one again.
    clock.advance(1_000);
    await reaches("online", 2);
    expect(told.filter((one) => one === "down")).toHaveLength(tries + 1);
  });

  it.each<[string, ComponentLinkOptions, string]>([
    ["of which we have the wrong secret", { secret: "wrong" }, "refused"],
    ["that has no such component", { domain: "elsewhere.test" }, "unknown-domain"],
    ["that has another of our name", {}, "conflict"],
  ])("%s says so, and is tried again each minute", async (_, options, fault) => {
    if (fault === "conflict") await linkTo(prosody.componentPort).reaches("online", 1);
    const { clock, reaches, times, told } = linkTo(prosody.componentPort, options);
    await reaches(fault, 1);
    expect(told).toEqual(["connecting", "down", fault]);
    clock.advance(59_999);
    expect(times("connecting")).toBe(1);
    clock.advance(1);
    await reaches(fault, 2);
  });
});
