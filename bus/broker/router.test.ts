/** Tests of the routing core: rights to answer, queue groups, and what is left behind. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { Nkey } from "../carrier/nkey.ts";
import type { Permissions } from "../carrier/transport.ts";
import { Access } from "./access.ts";
import { RESPONSE_EXPIRY_MS, Router, type RouterClient } from "./router.ts";

const ALL: Permissions = {
  publish: { allow: [">"], deny: [] },
  subscribe: { allow: [">"], deny: [] },
  allowResponses: 1,
};
const CALLEE: Permissions = {
  publish: { allow: [], deny: ["evt.>"] },
  subscribe: { allow: ["ask.>"], deny: [] },
  allowResponses: 2,
};

function world(subscriptionsPerClientMax = 100) {
  const clock = new ManualClock();
  const router = new Router<string>({ clock, subscriptionsPerClientMax });
  const join = (permissions: Permissions) => {
    const heard: string[] = [];
    const access = new Access({ name: "x", publicKey: Nkey.create().publicKey, permissions });
    const client: RouterClient<string> = router.attach(access, {
      deliver: (sid, subject, reply, message) => heard.push(`${sid} ${subject} ${reply ?? "-"} ${message}`),
      deliverNoResponders: (sid, reply) => heard.push(`${sid} ${reply} 503`),
    });
    client.wantsNoResponders = true;
    return { client, heard };
  };
  return { clock, router, join };
}

describe("Router", () => {
  it("lets a callee answer as often as it may, within the time it has", () => {
    const { clock, join } = world();
    const caller = join(ALL);
    const callee = join(CALLEE);
    caller.client.subscribe("1", "inbox.*", undefined);
    callee.client.subscribe("1", "ask.>", undefined);
    caller.client.publish("ask.a", "inbox.1", "?");
    caller.client.publish("ask.b", "inbox.2", "?");

    const answers = ["one", "two", "three"].map((text) => callee.client.publish("inbox.1", undefined, text));
    clock.advance(RESPONSE_EXPIRY_MS + 1);
    const late = callee.client.publish("inbox.2", undefined, "late");

    expect(answers).toEqual(["ok", "ok", "denied"]);
    expect(late).toBe("denied");
    expect(caller.heard).toEqual(["1 inbox.1 - one", "1 inbox.1 - two"]);
  });

  it("does not let a reply subject open what is denied", () => {
    const { join } = world();
    const caller = join(ALL);
    const callee = join(CALLEE);
    const victim = join(ALL);
    victim.client.subscribe("1", "evt.>", undefined);
    callee.client.subscribe("1", "ask.>", undefined);
    caller.client.publish("ask.a", "evt.taker.x", "?");

    const answer = callee.client.publish("evt.taker.x", undefined, "lie");

    expect(answer).toBe("denied");
    expect(victim.heard).toEqual([]);
  });

  it("gives the right to answer to the one member that got the question", () => {
    const { join } = world();
    const caller = join(ALL);
    const members = [join(CALLEE), join(CALLEE)];
    for (const { client } of members) client.subscribe("1", "ask.>", "q");

    caller.client.publish("ask.a", "inbox.1", "?");

    expect(members.map(({ client }) => client.publish("inbox.1", undefined, "!")).sort()).toEqual([
      "denied",
      "ok",
    ]);
  });

  it("passes over a queue member that may not have the message", () => {
    const { join } = world();
    const sender = join(ALL);
    const blind = join({ ...ALL, subscribe: { allow: [">"], deny: ["a.secret"] } });
    const seeing = join(ALL);
    for (const { client } of [blind, seeing]) client.subscribe("1", "a.>", "q");

    for (let index = 0; index < 10; index++) sender.client.publish("a.secret", undefined, "x");

    expect(blind.heard).toEqual([]);
    expect(seeing.heard).toHaveLength(10);
  });

  it("gives members of a group their turn", () => {
    const { join } = world();
    const sender = join(ALL);
    const members = [join(ALL), join(ALL), join(ALL)];
    for (const { client } of members) client.subscribe("1", "job", "q");

    for (let index = 0; index < 30; index++) sender.client.publish("job", undefined, "x");

    expect(members.map(({ heard }) => heard.length)).toEqual([10, 10, 10]);
  });

  it("tells who asked, and only them, that nobody listens", () => {
    const { join } = world();
    const asker = join(ALL);
    const other = join(ALL);
    asker.client.subscribe("7", "inbox.*", undefined);
    other.client.subscribe("1", "inbox.*", undefined);

    asker.client.publish("nobody", "inbox.1", "?");
    asker.client.publish("nobody", undefined, "?");

    expect(asker.heard).toEqual(["7 inbox.1 503"]);
    expect(other.heard).toEqual([]);
  });

  it("says 503 to one whose only listener is itself without echo", () => {
    const { join } = world();
    const asker = join(ALL);
    asker.client.hasEcho = false;
    asker.client.subscribe("1", "here", undefined);
    asker.client.subscribe("2", "inbox.*", undefined);

    asker.client.publish("here", "inbox.1", "?");

    expect(asker.heard).toEqual(["2 inbox.1 503"]);
  });

  it("routes anew after every change of subscriptions", () => {
    const { join } = world();
    const sender = join(ALL);
    const receiver = join(ALL);
    const send = (text: string) => sender.client.publish("a.b", undefined, text);

    send("nobody");
    receiver.client.subscribe("1", "a.*", undefined);
    send("one");
    receiver.client.subscribe("2", "a.>", undefined);
    send("both");
    receiver.client.unsubscribe("1");
    send("second");
    receiver.client.detach();
    send("nobody");

    // which of one client's two subscriptions comes first is not promised
    expect(receiver.heard.toSorted()).toEqual([
      "1 a.b - both",
      "1 a.b - one",
      "2 a.b - both",
      "2 a.b - second",
    ]);
  });

  it("leaves nothing behind of a client that has gone", () => {
    const { router, join } = world();
    const { client } = join(ALL);
    for (let index = 0; index < 50; index++) client.subscribe(String(index), `a.${index}`, undefined);
    client.unsubscribe("0", 1);
    client.publish("a.0", undefined, "x");
    expect(router.subscriptionCount).toBe(49);

    client.detach();

    expect(router.subscriptionCount).toBe(0);
    expect(client.subscriptionCount).toBe(0);
  });

  it("refuses subscriptions that are malformed, denied or too many", () => {
    const { join } = world(1);
    const { client } = join(CALLEE);

    expect(client.subscribe("1", "ask..x", undefined)).toBe("malformed");
    expect(client.subscribe("1", `ask.${"x".repeat(252)}`, undefined)).toBe("malformed");
    expect(client.subscribe("1", `ask${".x".repeat(16)}`, undefined)).toBe("malformed");
    expect(client.subscribe("1", "tell.x", undefined)).toBe("denied");
    expect(client.subscribe("1", "ask.x", undefined)).toBe("ok");
    expect(client.subscribe("2", "ask.y", undefined)).toBe("too_many");
    expect(client.publish("ask.*", undefined, "x")).toBe("malformed");
    expect(client.publish("x".repeat(256), undefined, "x")).toBe("malformed");
    expect(client.publish("else", undefined, "x")).toBe("denied");
  });

  it("goes on when the receiver leaves in the middle of a delivery", () => {
    const { router, join } = world();
    const sender = join(ALL);
    const heard: string[] = [];
    const access = new Access({ name: "x", publicKey: Nkey.create().publicKey, permissions: ALL });
    const leaving: RouterClient<string> = router.attach(access, {
      deliver: (sid) => {
        heard.push(sid);
        leaving.detach();
      },
      deliverNoResponders: () => undefined,
    });
    const staying = join(ALL);
    for (const sid of ["1", "2"]) leaving.subscribe(sid, "a", undefined);
    staying.client.subscribe("1", "a", undefined);

    expect(sender.client.publish("a", undefined, "x")).toBe("ok");

    expect(heard).toEqual(["1"]);
    expect(staying.heard).toHaveLength(1);
  });
});
