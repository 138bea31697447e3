/** The first question of every session: which protocol do we speak? Over each carrier. */
import { afterEach, describe, expect, it } from "vitest";
import { TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import { OpenedDoors, versionLine } from "../../../tests/harness/electrum/opened-doors.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

const opened = new OpenedDoors();
afterEach(() => opened.close());

describe.each(TEST_CARRIERS)("negotiation over %s", (carrier) => {
  it("answers with what both have, and only once", async () => {
    const under = await opened.doorWith({ carriers: [carrier] });

    for (const [asked, agreed] of [
      [undefined, "1.4"],
      ["1.4.2", "1.4.2"],
      [["1.1", "99.0"], "1.6"],
    ] as const) {
      const client = await opened.strangerTo(under);
      expect(await client.exchange(versionLine(asked))).toEqual({
        jsonrpc: "2.0",
        result: ["Troupe test", agreed],
        id: 1,
      });
      expect(await client.exchange(versionLine("1.4", 2))).toMatchObject({
        error: { code: 1, message: "server.version already sent" },
      });
      expect(await client.call("server.ping")).toBeNull();
    }
  });

  it.each([
    [versionLine("1.2"), "unsupported protocol version: 1.2"],
    [versionLine(["1.7", "1.8"]), "unsupported protocol version: ['1.7', '1.8']"],
    [versionLine("abc"), "unsupported protocol version: abc"],
    ['{"jsonrpc":"2.0","id":1,"method":"server.ping"}', "use server.version to identify client"],
  ])("refuses %s and closes when that has been delivered", async (message, text) => {
    const under = await opened.doorWith({ carriers: [carrier] });
    const client = await opened.strangerTo(under);
    client.say(message);
    client.say('{"jsonrpc":"2.0","id":2,"method":"server.ping"}');

    expect(await client.rest()).toEqual([{ jsonrpc: "2.0", error: { code: 1, message: text }, id: 1 }]);
    await waitFor("the session to end", () => under.sessions === 0);
  });

  it("ignores what later versions may add", async () => {
    const under = await opened.doorWith({ carriers: [carrier] });
    const listed = await opened.strangerTo(under);
    const named = await opened.strangerTo(under);

    expect(
      await listed.exchange('{"id":1,"method":"server.version","params":["a",["1.4","1.6"],"junk",9.5]}'),
    ).toMatchObject({ result: ["Troupe test", "1.6"] });
    expect(
      await named.exchange(
        '{"id":1,"method":"server.version","params":{"client_name":"a","protocol_version":"1.4","dd":1}}',
      ),
    ).toMatchObject({ result: ["Troupe test", "1.4"] });
  });

  it("may be the first of a batch", async () => {
    const under = await opened.doorWith({ carriers: [carrier] });
    const client = await opened.strangerTo(under);

    expect(await client.exchange(`[${versionLine("1.4")},{"id":2,"method":"server.ping"}]`)).toMatchObject([
      { id: 1, result: ["Troupe test", "1.4"] },
      { id: 2, result: null },
    ]);
  });

  it("turns away clients whose name the operator does not want", async () => {
    const under = await opened.doorWith({
      carriers: [carrier],
      config: { electrum_refused_clients: "^bad/" },
    });
    const client = await opened.strangerTo(under);
    client.say('{"id":1,"method":"server.version","params":["bad/1.0","1.4"]}');

    expect(await client.rest()).toMatchObject([
      { id: 1, error: { code: 1, message: "unsupported client: bad/1.0" } },
    ]);
  });
});

describe("negotiation", () => {
  it("makes those wait who come with it in one write, and gives each the methods of the version", async () => {
    const under = await opened.doorWith();
    const client = await opened.strangerTo(under);
    client.say(`${versionLine("1.4")}\n{"id":2,"method":"old"}\n{"id":3,"method":"new"}`);

    expect(await client.next()).toMatchObject({ id: 1, result: ["Troupe test", "1.4"] });
    expect(await client.next()).toMatchObject({ id: 2, result: "old" });
    expect(await client.next()).toMatchObject({ id: 3, error: { code: -32_601 } });
  });
});
