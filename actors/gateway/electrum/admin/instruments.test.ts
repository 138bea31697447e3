/** What the Electrum door tells its operator by figures and in its log: how much of what, never who. */
import { afterEach, describe, expect, it } from "vitest";
import { createMetrics } from "../../../../runtime/metrics.ts";
import { TEST_CARRIERS } from "../../../../tests/harness/electrum/door-under-test.ts";
import { OpenedDoors, versionLine } from "../../../../tests/harness/electrum/opened-doors.ts";
import { KeptLog } from "../../../../tests/harness/kept-log.ts";

const opened = new OpenedDoors();
afterEach(() => opened.close());

describe("the Electrum door's figures", () => {
  it("are sessions by carrier, subscriptions, and requests with their time by method", async () => {
    const { meter, collectText, stop } = createMetrics({ actor: "gateway", instance: "box" });
    const under = await opened.doorWith({ carriers: TEST_CARRIERS, meter });
    for (const carrier of TEST_CARRIERS) {
      const client = await opened.clientOf(under, carrier);
      await client.call("subscribe", ["a"]);
      await expect(client.call("nothing")).rejects.toMatchObject({ code: -32_601 });
    }
    const figures = (await collectText()).split("\n").filter((line) => line.includes("gateway_electrum"));
    const figure = (name: string, label = "") =>
      figures.find((line) => line.startsWith(`troupe_gateway_electrum_${name}{`) && line.includes(label));

    for (const carrier of TEST_CARRIERS) expect(figure("sessions", `carrier="${carrier}"`)).toMatch(/ 1$/);
    expect(figure("subscriptions")).toMatch(/ 5$/);
    expect(figure("requests_total", 'method="subscribe"')).toMatch(/ 5$/);
    expect(figure("request_seconds_total", 'method="subscribe"')).toMatch(/ [0-9.e-]+$/);
    expect(figure("errors_total", 'code="-32601"')).toMatch(/ 5$/);
    expect(figures.join("\n")).not.toContain("127.0.0.1");
    await stop();
  });
});

describe("the Electrum door's log", () => {
  it.each(TEST_CARRIERS)("names nobody who comes over %s, whatever he does", async (carrier) => {
    const log = new KeptLog();
    const under = await opened.doorWith({
      carriers: [carrier],
      log,
      config: { electrum_connections_per_address: 2, electrum_cost_soft: 1_000, electrum_cost_hard: 2_000 },
    });
    const client = await opened.clientOf(under);
    expect(await client.exchange('{"id":1,"method":"fail"}')).toMatchObject({ error: { code: -32_603 } });
    await client.exchange("garbage");
    await client.call("charge", [5_000]);
    client.say("garbage");
    await client.closed();
    for (let at = 0; at < 4; at++) {
      const stranger = await opened.strangerTo(under);
      stranger.say(versionLine("0.1"));
    }

    // It says what failed, and so can be held to what it does not say.
    expect(log.lines.map(({ message }) => message)).toContain("an Electrum request failed");
    expect(JSON.stringify(log.lines)).not.toMatch(/127\.0\.0\.1|::1|electrum-|garbage/);
  });
});
