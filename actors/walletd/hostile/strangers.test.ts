import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { walletdContract } from "../../../bus/contracts/walletd.ts";
import { silentLog } from "../../../bus/fake.ts";
import { ELSEWHERE, MINE, RobbedWallets } from "../../../tests/harness/walletd/robbed-wallets.ts";
import {
  type Owned,
  PASSWORD,
  type WalletdCaller,
  type WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

/**
 * Each of these actors may be broken into. Here one that wants our money stands in its place, on a real broker with the
 * release's rights, and tries one thing after the other.
 */
let scene: RobbedWallets;
let under: WalletdUnderTest;
let mine: Owned;
beforeEach(async () => {
  scene = await RobbedWallets.start();
  ({ under, mine } = scene);
});
afterEach(() => scene.stop());

describe("whoever is no owner", () => {
  const OWNER_METHODS = Object.entries(walletdContract.rpcs)
    .filter(([, { callers }]) => !callers.some((caller) => caller === "maker" || caller === "taker"))
    .map(([method]) => method);

  it.each(["maker", "taker"] as const)("is let to none of the owner's methods as a %s", async (caller) => {
    expect(OWNER_METHODS).toEqual(
      expect.arrayContaining([
        "unlock",
        "revealSeed",
        "send",
        "exportFile",
        "grant",
        "signMessage",
        "psbtSign",
      ]),
    );
    const client = under.as(caller) as unknown as Record<
      string,
      (input: object, options?: object) => Promise<unknown>
    >;
    for (const method of OWNER_METHODS) {
      const input = { ...mine, password: PASSWORD, payments: [{ address: ELSEWHERE, amountSat: 1_000 }] };
      await expect(client[method]?.(input, { key: "1" }), method).rejects.toMatchObject({
        // What it may not ask is not even sent; what is malformed besides is not either.
        code: expect.stringMatching(/^BUS_(FORBIDDEN|BAD_REQUEST)$/),
      });
    }
  });

  it.each(["gateway", "maker", "taker"] as const)(
    "is stopped by the broker as a %s that leaves its own client aside",
    async (caller) => {
      const transport = await under.connect(caller);
      const statuses: string[] = [];
      transport.onStatus((status) => {
        if (status.kind === "denied") statuses.push(`${status.operation} ${status.subject}`);
      });
      const heard: string[] = [];
      const hear = (subject: string) =>
        transport.subscribe(subject, {}, (message) => void heard.push(message.subject));
      // What others ask walletd, what they are answered, and what walletd might be told in another's name.
      hear("troupe.v1.rpc.walletd.>");
      hear("_INBOX.operator.>");
      hear("_INBOX.walletd.>");
      hear("troupe.v1.blk.operator.>");
      transport.publish("troupe.v1.rpc.walletd.main.revealSeed.operator", Buffer.from("{}"));
      transport.publish("troupe.v1.evt.indexer.main.block.connected", Buffer.from("{}"));
      transport.publish("troupe.v1.evt.mempool.main.view.changed", Buffer.from("{}"));
      await transport.flush().catch(() => undefined);
      await under.as("operator").revealSeed({ ...mine, password: PASSWORD });
      await under.as("operator").balances(mine);
      await transport.flush().catch(() => undefined);

      expect(heard).toEqual([]);
      expect(statuses).toEqual(
        expect.arrayContaining([
          "subscribe troupe.v1.rpc.walletd.>",
          "subscribe _INBOX.operator.>",
          "subscribe _INBOX.walletd.>",
          "publish troupe.v1.rpc.walletd.main.revealSeed.operator",
          "publish troupe.v1.evt.indexer.main.block.connected",
          "publish troupe.v1.evt.mempool.main.view.changed",
        ]),
      );
    },
  );

  it("hears in events and states that something changed, and nothing of what there is", async () => {
    const bus = new ConnectedBus(await under.connect("gateway"), { log: silentLog() });
    const heard: unknown[] = [];
    for (const event of ["wallet.changed", "transaction.seen", "wallet.unlocked", "wallet.locked"] as const) {
      await bus.onEvent(walletdContract, event, (body) => void heard.push(body));
    }
    await bus.onState(walletdContract, "wallets", (body) => void heard.push(body));
    await under.as("operator").newAddress({ ...mine, mixdepth: 0 });
    await under
      .as("operator")
      .send(
        { ...mine, mixdepth: 1, payments: [{ address: ELSEWHERE, amountSat: 20_000 }], fee: { satPerVb: 2 } },
        { key: "k" },
      );
    await under.money.mine(1);
    await under.level(mine);
    await under.as("operator").lock(scene.others);
    await bus.flush();
    const text = JSON.stringify(heard);
    await bus.close();

    expect(heard.length).toBeGreaterThan(3);
    expect(text).not.toMatch(/bcrt1|tprv|xprv|0200000000/);
    expect(text).not.toContain(mine.session);
    for (const word of MINE.words.split(" ").slice(-1)) expect(text).not.toContain(word);
    expect(text).not.toMatch(/amount|Sat"/);
  });
});

/** Only so that no caller is forgotten. What a broken ledger tries is in `bank.test.ts`. */
const CALLERS: readonly (WalletdCaller | "ledger")[] = ["operator", "gateway", "maker", "taker", "ledger"];
it("is asked by nobody else", () => {
  const callers = new Set(Object.values(walletdContract.rpcs).flatMap(({ callers: of }) => [...of]));
  expect([...callers].filter((caller) => caller !== "supervisor").sort()).toEqual([...CALLERS].sort());
});
