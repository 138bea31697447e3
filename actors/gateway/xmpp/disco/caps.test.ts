import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../runtime/clock.ts";
import { element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { GATEWAY } from "./abilities.ts";
import { capsElement, capsHash } from "./caps.ts";
import { Facts } from "./facts.ts";

describe("what the gateway can do", () => {
  it("has the hash that slixmpp computes of it", () => {
    expect(GATEWAY.features).toHaveLength(15);
    expect(capsHash(GATEWAY)).toBe("8FsIwS9PZcJHFuwpPXMOXoDYYH0=");
    expect(capsElement(GATEWAY).attrs).toMatchObject({ hash: "sha-1", ver: "8FsIwS9PZcJHFuwpPXMOXoDYYH0=" });
  });

  it("hashes the example of XEP-0115", () => {
    const exodus = {
      identities: [{ category: "client", type: "pc", name: "Exodus 0.9.1" }],
      features: [NS.caps, NS.discoInfo, NS.discoItems, "http://jabber.org/protocol/muc"],
    };
    expect(capsHash(exodus)).toBe("QgayPKawpkPSDYmwT/WM94uAlu0=");
  });
});

describe("the small questions", () => {
  it("are answered: more than a day of uptime, the time of nowhere, the version, a ping", () => {
    const clock = new ManualClock(Date.UTC(2026, 10, 21, 3, 21));
    const facts = new Facts({ clock, version: "1.2.0" });
    clock.advance(172_800_900);
    expect(facts.answer(element("query", NS.last))).toEqual(element("query", NS.last, { seconds: "172800" }));
    const time = facts.answer(element("time", NS.time));
    expect(time).toEqual(
      element(
        "time",
        NS.time,
        {},
        element("tzo", NS.time, {}, "+00:00"),
        element("utc", NS.time, {}, "2026-11-23T03:21:00Z"),
      ),
    );
    expect(facts.answer(element("query", NS.version))).toMatchObject({
      children: [{ children: ["Troupe"] }, { children: ["1.2.0"] }],
    });
    expect(facts.answer(element("ping", NS.ping))).toBe("empty");
    expect(facts.answer(element("other", "urn:x"))).toBeUndefined();
  });
});
