import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../../../../bus/fake.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { ADDRESSES } from "../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { DoorUnderTest, GW, payloadOf, WALLET } from "../../../../tests/harness/xmpp/door.ts";
import { CommandDoor } from "../../http/commands/command-door.ts";
import { childOf, childrenOf, childTextOf, type Element, element, textOf } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { Tickets } from "./tickets.ts";

const ALICE = "alice@example.test";

let under: DoorUnderTest;
let door: CommandDoor;
let base: string;
beforeEach(() => open());
afterEach(() => close());

async function open(more: Readonly<Record<string, unknown>> = {}): Promise<void> {
  under = await DoorUnderTest.start({ xmpp_http_listen: "127.0.0.1:0", ...more });
  under.bank.open("alice", 100_000);
  under.bank.open("bob");
  door = new CommandDoor({
    address: { host: "127.0.0.1", port: 0 },
    hostNames: [],
    requestsPerMinute: 100_000,
    commands: under.web,
    clock: under.clock,
    log: silentLog(),
  });
  base = (await door.open()).address;
}

async function close(): Promise<void> {
  await door.close();
  await under.stop();
}

/** The XMPP server knows no place for files. */
function refuseFiles(answered: Set<string>): void {
  for (const { name, attrs } of under.sent) {
    const { id = "", to, from } = attrs;
    if (name !== "iq" || to !== "example.test" || answered.has(id)) continue;
    answered.add(id);
    under.link.take(element("iq", "", { type: "error", id, from: to, to: from }));
  }
}

const say = (words: string, who = ALICE) => under.say(who, WALLET, words);
const keyOf = async (who = ALICE) => /may see it: (\S+)/.exec(await say("web", who))?.[1] ?? "";

interface Json {
  readonly status: number;
  readonly body: Record<string, never> & { readonly error?: { readonly code: string } };
}

async function ask(
  token: string,
  word: string,
  values: Readonly<Record<string, unknown>> = {},
  key?: string,
): Promise<Json> {
  under.clock.advance(1_000);
  const answer = await fetch(`${base}/v1/commands/${word}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      ...(key === undefined ? {} : { "idempotency-key": key }),
    },
    body: JSON.stringify({ values }),
  });
  return { status: answer.status, body: (await answer.json()) as Json["body"] };
}

/** The rows of an ad-hoc table, by the names of its columns. */
async function adHocRows(word: string): Promise<Record<string, string>[]> {
  const answer = await under.ask(ALICE, GW, "set", element("command", NS.commands, { node: word }));
  const sessionid = payloadOf(answer).attrs["sessionid"];
  const needsMore = payloadOf(answer).attrs["status"] === "executing";
  const form = element("x", NS.xData, { type: "submit" });
  const step = element("command", NS.commands, { node: word, sessionid, action: "next" }, form);
  const last = needsMore ? await under.ask(ALICE, GW, "set", step) : answer;
  const table = childOf(payloadOf(last), "x", NS.xData) ?? element("x", NS.xData);
  return childrenOf(table, "item", NS.xData).map((item) =>
    Object.fromEntries(
      childrenOf(item, "field", NS.xData).map((field) => [
        field.attrs["var"] ?? "",
        childTextOf(field, "value", NS.xData) ?? "",
      ]),
    ),
  );
}

async function adHocNote(word: string): Promise<string> {
  const answer = await under.ask(ALICE, GW, "set", element("command", NS.commands, { node: word }));
  const note = childOf(payloadOf(answer), "note", NS.commands);
  return note === undefined ? "" : textOf(note);
}

describe("one command", () => {
  it.each(["balance", "status", "orders", "contacts"].map((word) => [word]))(
    "%s says the same by chat, by forms and by HTTP",
    async (word) => {
      const key = await keyOf();
      const { body } = await ask(key, word, word === "contacts" ? { what: "list" } : {}, "k1");
      const chat = await say(word);
      expect(body).toEqual({ kind: "text", text: chat });
      if (word !== "contacts") expect(await adHocNote(word)).toBe(chat);
    },
  );

  it("gives the same rows as a table of a form, a table of JSON, and lines of a chat", async () => {
    const key = await keyOf();
    for (const [word, queue] of [
      ["orders", `pay bob 1500 for the beer`],
      ["history", "confirm code01"],
      ["addresses", "receive rent"],
    ] as const) {
      await say(queue);
      const { status, body } = await ask(key, word);
      expect(status).toBe(200);
      const rows = body["rows"] as unknown as Record<string, string>[];
      expect(rows).toHaveLength(1);
      expect(await adHocRows(word)).toEqual(rows);
      const chat = await say(word);
      const [row = {}] = rows;
      const said = [row["code"], row["amount"], row["memo"], row["address"], row["date"]];
      for (const cell of said) expect(chat).toContain(cell ?? "");
    }
  });
});

describe("a program", () => {
  it("pays with the key of its person: queues, reads the recap in exact numbers, confirms, once for one key", async () => {
    const key = await keyOf();
    const wish = { to: "bob", amount: "1500", unit: "sat", memo: "beer" };
    const first = await ask(key, "pay", wish, "order-1");
    expect(first.body).toMatchObject({
      kind: "order",
      order: { amountSat: "1500", feeSat: "0", remainingSat: "98500", code: "code01", state: "queued" },
    });
    expect((first.body["recap"] as unknown as string[])[0]).toBe("Pay 1500 sat to bob");
    expect(await ask(key, "pay", wish, "order-1")).toEqual(first);
    const paid = await ask(key, "confirm", { code: "code01" }, "confirm-1");
    expect(paid.body).toMatchObject({ kind: "text", text: expect.stringContaining("Paid 1500 sat to bob.") });
    expect(await ask(key, "confirm", { code: "code01" }, "confirm-1")).toEqual(paid);
    expect(under.bank.orders.size).toBe(1);
    expect(under.bank.account("bob@example.test").availableSat).toBe(1_500);
  });

  it("is told of what it may, with the fields, and may nothing else", async () => {
    const key = await keyOf();
    const answer = await fetch(`${base}/v1/commands`, { headers: { authorization: `Bearer ${key}` } });
    const { commands } = (await answer.json()) as { commands: { word: string; fields: unknown[] }[] };
    const words = commands.map(({ word }) => word);
    expect(words).toContain("pay");
    expect(words).not.toContain("freeze");
    expect(words).not.toContain("register");
    expect(await ask(key, "freeze", { who: "bob" }, "k")).toMatchObject({ status: 404 });
    expect(await ask(key, "toString", {}, "k")).toMatchObject({ status: 404 });
  });

  it.each([
    ["no key at all", "", "balance", {}, undefined, 401, "key"],
    ["a key that was never given", "A".repeat(43), "balance", {}, undefined, 401, "key"],
    ["a change without a name", "own", "pay", { to: "bob", amount: "1" }, undefined, 400, "idempotency-key"],
    ["a field that is missing", "own", "pay", { to: "bob" }, "k", 422, "amount"],
    ["an amount that is none", "own", "pay", { to: "bob", amount: "1e3" }, "k", 422, "amount"],
    ["more than there is", "own", "pay", { to: "bob", amount: "999999" }, "k", 422, "LEDGER_FUNDS"],
    ["nobody", "own", "pay", { to: "nobody", amount: "1" }, "k", 404, "LEDGER_RECIPIENT"],
    ["a value that is no text", "own", "pay", { to: "bob", amount: 1500 }, "k", 400, "request"],
    ["too long a value", "own", "label", { address: "x".repeat(4_001) }, "k", 400, "request"],
  ] as const)("is refused with %s", async (_, token, word, values, key, status, code) => {
    const answer = await ask(token === "own" ? await keyOf() : token, word, values, key);
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
  });

  it("has a key for an hour, and only the newest one", async () => {
    const first = await keyOf();
    const second = await keyOf();
    expect((await ask(first, "balance")).status).toBe(401);
    expect((await ask(second, "balance")).status).toBe(200);
    under.clock.advance(3_600_000);
    expect((await ask(second, "balance")).status).toBe(401);
  });

  it("is no faster than its person's chat, and sends no more than is read", async () => {
    const key = await keyOf();
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const all = await Promise.all(
      Array.from({ length: 14 }, () =>
        fetch(`${base}/v1/commands`, { headers }).then(({ status }) => status),
      ),
    );
    expect(all.filter((status) => status === 429)).toHaveLength(4);
    const url = `${base}/v1/commands/balance`;
    const post = (body: string) => fetch(url, { method: "POST", headers, body }).then(({ status }) => status);
    expect(await post(`{"values":{"a":"${"x".repeat(20_000)}"}}`)).toBe(413);
    expect(await post('{"values":{}')).toBe(400);
    expect(await post('{"values":{"__proto__":"x"},"more":1}')).toBe(400);
    const elsewhere = await fetch(url, { headers: { ...headers, "sec-fetch-site": "cross-site" } });
    expect(elsewhere.status).toBe(403);
  });
});

describe("a code to pay by", () => {
  it("is shown in chats by a link of a day where the server takes no files, and only where others find the door", async () => {
    await close();
    await open({ xmpp_http_url: "https://bank.example.test" });
    const url = "https://bank.example.test/v1/pictures/";
    expect(await say("receive rent")).toContain("bcrt1");
    const answered = new Set<string>();
    const isLink = (stanza: Element) => childTextOf(stanza, "body", "")?.startsWith(url) === true;
    await waitFor("the link", () => {
      refuseFiles(answered);
      return under.sent.some(isLink);
    });
    const message = under.sent.find(isLink) as Element;
    const link = childTextOf(message, "body", "") ?? "";
    const oob = childOf(message, "x", NS.oob);
    expect(oob === undefined ? undefined : childTextOf(oob, "url", NS.oob)).toBe(link);
    const look = (path: string) =>
      fetch(`${base}/v1/pictures/${path}`, { headers: { "sec-fetch-site": "cross-site" } });
    const name = link.slice(url.length);
    for (let client = 0; client < 2; client++) {
      const answer = await look(name);
      expect(answer.headers.get("content-type")).toBe("image/png");
      expect(
        Buffer.from(await answer.arrayBuffer())
          .subarray(1, 4)
          .toString(),
      ).toBe("PNG");
    }
    for (const wrong of [name.slice(0, -4), `${"A".repeat(43)}.png`, "..%2f.png"])
      expect((await look(wrong)).status).toBe(404);
    under.clock.advance(86_400_000);
    expect((await look(name)).status).toBe(404);
    expect(new Tickets(under.clock, "").show(Buffer.from("png"))).toBeUndefined();
  });
});

describe("the history as a file", () => {
  it("is fetched once by a link from the chat, with whole amounts and no formula of somebody else's", async () => {
    await say("pay bob 1500 =1+2, really");
    await say("confirm code01");
    const url = /once: (\S+)/.exec(await say("export"))?.[1] ?? "";
    expect(url.startsWith(`${base}/v1/files/`)).toBe(true);
    const answer = await fetch(url);
    expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect(answer.headers.get("content-disposition")).toBe('attachment; filename="history.csv"');
    const [head, line, rest] = (await answer.text()).split("\r\n");
    expect(head).toBe("date,kind,change_sat,fee_sat,balance_sat,counterpart,memo,order,txid,entry");
    expect(line).toContain(`paid,-1500,0,98500,bob,"'=1+2, really",`);
    expect(rest).toBe("");
    expect((await fetch(url)).status).toBe(404);
    const json = /once: (\S+)/.exec(await say("export 2023-11 json"))?.[1] ?? "";
    expect(await (await fetch(json)).json()).toMatchObject([{ change_sat: "-1500", memo: "=1+2, really" }]);
    expect(await say("export 2022")).toContain("Nothing has happened");
    expect(await say("export 2023-13")).toContain("no year, month or day");
    await say("cancel");
    const late = /once: (\S+)/.exec(await say("export"))?.[1] ?? "";
    under.clock.advance(600_000);
    expect((await fetch(late)).status).toBe(404);
  });

  it("of one person takes nobody else's place", () => {
    const tickets = new Tickets(under.clock, "");
    const file = { name: "history.csv", type: "text/csv" as const, content: "" };
    const offered = (jid: string) => tickets.offer(jid, file).split("/").at(-1) ?? "";
    const first = offered(ALICE);
    const many = Array.from({ length: 200 }, () => offered("bob@example.test"));
    expect(tickets.take(first)).toEqual(file);
    expect(many.filter((word) => tickets.take(word) !== undefined)).toEqual(many.slice(-3));
  });

  it("is the answer itself to a program", async () => {
    const key = await keyOf();
    await say(`pay ${ADDRESSES[2]} 5000`);
    await say("confirm code01");
    under.clock.advance(1_000);
    const answer = await fetch(`${base}/v1/commands/export`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: '{"values":{"format":"json"}}',
    });
    expect(await answer.json()).toMatchObject([{ kind: "paid", change_sat: "-5200", fee_sat: "200" }]);
  });
});
