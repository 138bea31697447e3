import { afterEach, beforeEach, expect, it } from "vitest";
import { DoorUnderTest, GW, payloadOf, WALLET } from "../../../../tests/harness/xmpp/door.ts";
import { childOf, type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

const ALICE = "alice@example.test";

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 100_000);
});
afterEach(() => under.stop());

const say = (to: string, words: string) => under.say(ALICE, to, words);
const settings = () => under.bank.account(ALICE).settings;

it("have quiet hours and a balance below which one wants to be told", async () => {
  expect(await say(WALLET, "settings quiet 22:30-7:00")).toBe("Saved.");
  expect(settings().quietHours).toEqual({ fromMinute: 1_350, untilMinute: 420 });
  expect(await say(WALLET, "settings low 0.0001 BTC")).toBe("Saved.");
  expect(settings().lowBalanceSat).toBe(10_000);
  expect(await say(WALLET, "settings")).toMatch(/quiet: 22:30-07:00\nlow: 10000 sat/);
  for (const key of ["quiet", "low"]) expect(await say(WALLET, `settings ${key} off`)).toBe("Saved.");
  expect(settings()).toMatchObject({ quietHours: null, lowBalanceSat: 0 });
});

it.each(["24:00-07:00", "22-7", "07:00-07:00", "x".repeat(100)])(
  "refuse the quiet hours %s",
  async (span) => {
    expect(await say(WALLET, `settings quiet ${span}`)).toContain("no span of the day");
    expect(settings().quietHours).toBeNull();
  },
);

it("have a time at which one summary comes instead of single notices", async () => {
  expect(await say(WALLET, "settings digest 8:05")).toBe("Saved.");
  expect(settings().digest).toEqual({ every: "day", atMinute: 485 });
  expect(await say(WALLET, "settings")).toContain("\ndigest: 08:05\n");
  expect(await say(WALLET, "settings digest Hourly")).toBe("Saved.");
  expect(settings().digest).toEqual({ every: "hour", atMinute: 0 });
  await say(WALLET, "settings lang fr");
  expect(await say(WALLET, "settings")).toContain("\ndigest : horaire\n");
  expect(await say(WALLET, "settings digest horaire")).toBe("Enregistré.");
  expect(await say(WALLET, "settings digest off")).toBe("Enregistré.");
  expect(settings().digest).toBeNull();
});

it.each(["24:00", "8", "daily", "08:60", "x".repeat(100)])("refuse the summary %s", async (time) => {
  expect(await say(WALLET, `settings digest ${time}`)).toContain("no time for a summary");
  expect(settings().digest).toBeNull();
});

/** The form with one field that was filled, and what it is then. */
async function formOf(jid: string, name: string, text: string): Promise<string> {
  const command = async (attrs: Readonly<Record<string, string>>, form?: Element) =>
    payloadOf(
      await under.ask(jid, GW, "set", element("command", NS.commands, { node: "settings", ...attrs }, form)),
    );
  const { attrs } = await command({ action: "execute" });
  const value = element("value", NS.xData, {}, text);
  const filled = element("x", NS.xData, { type: "submit" }, element("field", NS.xData, { var: name }, value));
  const done = await command({ sessionid: attrs["sessionid"] ?? "" }, filled);
  expect(done.attrs["status"]).toBe("completed");
  return JSON.stringify(childOf(await command({ action: "execute" }), "x", NS.xData));
}

it("are a form too, with the summary that was chosen", async () => {
  expect(await formOf(ALICE, "digest", "07:30")).toContain("07:30");
  expect(settings().digest).toEqual({ every: "day", atMinute: 450 });
});

it("show no balance to the server of somebody from elsewhere who has not asked for it, whatever else he changes", async () => {
  const jid = "fred@far.test";
  under.bank.open("fred", 7_000, { jid });
  expect(await under.say(jid, WALLET, "settings")).toContain("\npresence: off\n");
  await formOf(jid, "unit", "btc");
  expect(under.bank.account(jid).settings).toMatchObject({ unit: "btc", door: { presence: "off" } });
  await formOf(ALICE, "unit", "btc");
  expect(settings().door).toEqual({ presence: "exact" });
});
