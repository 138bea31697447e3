/** A coinjoin as a person makes it in the sandbox: one command, real directory, real wallet daemon, makers of a script on the market. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseTxid } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { addressOfScript } from "../../bitcoin/script/address.ts";
import type { CoinjoinRun, TakerOffer } from "../../bus/contracts/taker.ts";
import { silentLog } from "../../bus/fake.ts";
import { marketSection } from "../../joinmarket/channel/config.ts";
import { openMarket } from "../../joinmarket/channel/open-market.ts";
import { NickIdentity } from "../../joinmarket/nick/identity.ts";
import { systemClock } from "../../runtime/clock.ts";
import { Home } from "../harness/cli/command.ts";
import { keyNumber, scriptNumber } from "../harness/joinmarket/parties.ts";
import { ScriptedMaker } from "../harness/joinmarket/scripted-maker.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { waitFor } from "../harness/wait-for.ts";

const REWARD_SAT = 5_000_000_000;
const MAKERS = 3;
/** A wallet that nobody has; coins that go there are gone. */
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

let home: Home;
const makers: ScriptedMaker[] = [];
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  for (const maker of makers.splice(0)) await maker.stop();
  await home.close();
});

async function json<T>(...words: string[]): Promise<T> {
  const { stdout, stderr, exitCode } = await home.run(...words, "--json");
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout) as T;
}

test("half a bitcoin is mixed with three makers by one command, and is in the next block", async () => {
  await home.start("--sandbox", "--data", home.data, "--set", "sandbox.block_interval_ms=3600000");
  const doors = (await home.tree()).root.children.flatMap(({ id, doors = [], children = [] }) => [
    ...doors.map((door) => ({ id, ...door })),
    ...children.flatMap((child) => (child.doors ?? []).map((door) => ({ id: child.id, ...door }))),
  ]);
  const addressOf = (id: string) => doors.find((door) => door.id === id)?.address ?? "";
  const cookie = join(home.data, "actors", "node", "regtest", ".cookie");
  const node = (method: string, ...params: unknown[]) => callNode(addressOf("node"), cookie, method, params);

  const passwordFile = join(home.path, "password");
  writeFileSync(passwordFile, "correct horse\n", { mode: 0o600 });
  await json("wallet", "create", "savings", "--password-file", passwordFile);
  const { address } = await json<{ address: string }>("wallet", "address");
  await node("generatetoaddress", 1, address);
  for (let number = 0; number < MAKERS; number++) {
    const scriptPubKey = scriptNumber(number);
    const paid = addressOfScript(scriptPubKey, regtest);
    const [block] = (await node("generatetoaddress", 1, paid)) as string[];
    const { tx } = (await node("getblock", block, 1)) as { tx: string[] };
    const coin = {
      txid: parseTxid(tx[0] ?? ""),
      vout: 0,
      valueSat: REWARD_SAT,
      scriptPubKey,
      privateKey: keyNumber(number),
    };
    const market = openMarket(marketSection.schema.parse({ directories: [addressOf("directory")] }), {
      identity: NickIdentity.random(),
      network: "regtest",
      clock: systemClock,
      log: silentLog(),
      isMaker: true,
    });
    const feeText = `0.0000${number + 1}`;
    const sizes = { minSat: 27_300, maxSat: REWARD_SAT - 1_000_000, txfeeSat: 0 };
    const maker = new ScriptedMaker({
      market,
      coins: () => [coin],
      offer: { type: "sw0reloffer", offerId: "0", ...sizes, feeText },
      firstScript: 1_000 + 100 * number,
      send: (rawTx) =>
        void node("sendrawtransaction", Buffer.from(rawTx).toString("hex")).catch(() => undefined),
    });
    await maker.start();
    makers.push(maker);
  }
  await node("generatetoaddress", 100, ELSEWHERE);
  await waitFor("the coins", async () => {
    const { coins } = await json<{ coins: { confirmations: number }[] }>("wallet", "coins");
    return coins[0]?.confirmations === 104;
  });

  // Its node is its own: no other is looked for.
  const { stdout: found } = await home.run("doctor", "--json");
  expect(found).toContain('"data directory"');
  expect(found).not.toMatch(/"check": "node [^"]/);

  const book = await json<{ offers: TakerOffer[] }>("orderbook", "--amount", "0.5btc");
  expect(book.offers.map(({ fee }) => fee)).toEqual(["0.00001", "0.00002", "0.00003"]);

  const plan = await home.run("coinjoin", "--amount", "0.5btc", "--makers", "3", "--dry-run");
  expect(plan.stdout).toMatch(/^makers +3,000 sat, less than 0\.01 %$/m);
  expect(plan.stdout).toMatch(/^costs +about [\d,]+ sat/m);

  const run = await json<CoinjoinRun>("coinjoin", "--amount", "0.5btc", "--makers", "3", "--yes");
  expect(run).toMatchObject({ phase: "done", makersSigned: 3, makerFeesSat: 3_000, failure: null });
  const [block] = (await node("generatetoaddress", 1, ELSEWHERE)) as string[];
  const { tx } = (await node("getblock", block, 1)) as { tx: string[] };
  expect(tx).toContain(run.txid);

  const costSat = (run.makerFeesSat ?? 0) + (run.miningFeeSat ?? 0);
  const shown = () =>
    json<{ totalSat: number; mixdepths: { totalSat: number; unconfirmedSat: number }[] }>("wallet", "show");
  await waitFor("the block", async () => (await shown()).mixdepths[1]?.unconfirmedSat === 0);
  expect(await shown()).toMatchObject({
    totalSat: REWARD_SAT - costSat,
    mixdepths: [{ totalSat: REWARD_SAT - 50_000_000 - costSat }, { totalSat: 50_000_000 }, {}, {}, {}],
  });
  const runs = await home.run("coinjoin", "runs");
  expect(runs.stdout).toContain(run.txid);
}, 240_000);
