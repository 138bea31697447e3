/** Payments that we make and others sign: Bitcoin Core with the same seed in a wallet of its own, and Debian's Electrum offline. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { masterKey } from "../../bitcoin/keys/hd-key.ts";
import { parseMnemonic, seedOf } from "../../bitcoin/keys/mnemonic.ts";
import { networkByName } from "../../bitcoin/network.ts";
import type { Client } from "../../bus/bus.ts";
import type { ConnectedBus } from "../../bus/connected-bus.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { operatorBus } from "../../cli/operator-access.ts";
import { Home } from "../harness/cli/command.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { callNode, findBitcoind, RealNode } from "../harness/node/bitcoind.ts";
import { waitFor } from "../harness/wait-for.ts";

/** A new sandbox begins with so many. */
const FIRST_BLOCKS = 120;
const REWARD_SAT = 5_000_000_000;
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const PASSWORD = "correct horse";
const WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const payment = { address: ELSEWHERE, amountSat: 123_456_789 };

const electrum = findProgram("electrum");
const bitcoind = findBitcoind();

let home: Home;
let bus: ConnectedBus | undefined;
let real: RealNode | undefined;
let folder: string | undefined;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await bus?.close();
  await home.close();
  await real?.stop();
  real = undefined;
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

interface Owned {
  readonly wallet: string;
  readonly session: string;
}

/** A wallet that watches the words' accounts, with two coins in mixdepth 0; the wallet with the words was somewhere else. */
async function watcherOn(
  rpcUrl: string,
  cookiePath: string,
): Promise<{ walletd: Client<typeof walletdContract>; watcher: Owned }> {
  bus = await operatorBus({ data: home.data, environment: {} }, "psbt test");
  const walletd = bus.client(walletdContract);
  const hot = await walletd.recover({ wallet: "hot", password: PASSWORD, words: WORDS });
  const { accounts } = await walletd.publicKeys({ wallet: "hot", session: hot.session });
  await walletd.lock({ wallet: "hot" });
  const keys = accounts.map(({ descriptor }) => descriptor);
  const { session } = await walletd.watch({ wallet: "watcher", password: PASSWORD, keys });
  const watcher = { wallet: "watcher", session };
  for (const key of ["1", "2"]) {
    const { address } = await walletd.newAddress({ ...watcher, mixdepth: 0 }, { key });
    await callNode(rpcUrl, cookiePath, "generatetoaddress", [1, address]);
  }
  await callNode(rpcUrl, cookiePath, "generatetoaddress", [100, ELSEWHERE]);
  await waitFor("the coins", async () => {
    const known = await walletd.balances(watcher).catch(() => undefined);
    return known?.tip?.height === FIRST_BLOCKS + 102 && known.mixdepths[0]?.availableSat === 2 * REWARD_SAT;
  });
  return { walletd, watcher };
}

async function startSandbox(): Promise<[string, string]> {
  await home.start("--sandbox", "--data", home.data, "--set", "sandbox.block_interval_ms=3600000");
  const [door] = (await home.tree()).root.children.find(({ id }) => id === "node")?.doors ?? [];
  return [door?.address ?? "", join(home.data, "actors", "node", "regtest", ".cookie")];
}

test.skipIf(bitcoind === undefined)(
  "Bitcoin Core reads our PSBT, finds nothing wrong, and signs it with the same seed",
  async () => {
    real = await RealNode.start(bitcoind ?? "");
    const [rpcUrl, cookiePath] = await startSandbox();
    const { walletd, watcher } = await watcherOn(rpcUrl, cookiePath);
    const core = real;
    const ask = <T>(method: string, ...params: unknown[]) =>
      callNode(`${core.rpcUrl}/wallet/signer`, core.cookiePath, method, params) as Promise<T>;
    await callNode(core.rpcUrl, core.cookiePath, "createwallet", ["signer", false, true]);
    const master = masterKey(seedOf(parseMnemonic(WORDS).words, ""), networkByName("regtest"));
    for (const chain of [0, 1]) {
      const plain = `wpkh(${master.privateText()}/84h/1h/0h/${chain}/*)`;
      const { checksum } = await ask<{ checksum: string }>("getdescriptorinfo", plain);
      const [imported] = await ask<{ success: boolean }[]>("importdescriptors", [
        { desc: `${plain}#${checksum}`, timestamp: "now", range: [0, 50], internal: chain === 1 },
      ]);
      expect(imported?.success).toBe(true);
    }

    // Both coins at once, and change.
    const amountSat = REWARD_SAT + 1_000_000;
    const made = await walletd.psbtCreate(
      { ...watcher, mixdepth: 0, payments: [{ ...payment, amountSat }], fee: { satPerVb: 3 } },
      { key: "create" },
    );
    const decoded = await ask<{ fee: number; inputs: Record<string, unknown>[]; outputs: unknown[] }>(
      "decodepsbt",
      made.psbt,
    );
    const analysed = await ask<{ next: string; estimated_vsize?: number; fee: number; error?: string }>(
      "analyzepsbt",
      made.psbt,
    );
    const signed = await ask<{ psbt: string; complete: boolean }>(
      "walletprocesspsbt",
      made.psbt,
      true,
      "ALL",
      true,
      false,
    );
    const finished = await ask<{ psbt: string; complete: boolean }>("walletprocesspsbt", made.psbt);

    expect(Math.round(decoded.fee * 1e8)).toBe(made.feeSat);
    expect(decoded.inputs).toHaveLength(2);
    for (const input of decoded.inputs) {
      expect(Object.keys(input).sort()).toEqual(["bip32_derivs", "non_witness_utxo", "witness_utxo"]);
      expect(input["bip32_derivs"]).toMatchObject([{ master_fingerprint: master.fingerprint }]);
    }
    expect(decoded.outputs).toContainEqual({
      bip32_derivs: [expect.objectContaining({ path: "m/84h/1h/0h/1/0" })],
    });
    expect(analysed).toMatchObject({ next: "signer" });
    expect(analysed.error).toBeUndefined();
    // Core calls complete only what it has finished itself.
    expect(finished.complete).toBe(true);
    // Signatures only, or finished by Core: both come to the same transaction.
    const ours = await walletd.psbtFinish({ ...watcher, psbt: signed.psbt }, { key: "finish" });
    const theirs = await walletd.psbtFinish({ ...watcher, psbt: finished.psbt }, { key: "finish2" });
    expect(theirs.rawTx).toBe(ours.rawTx);
    const sent = await walletd.psbtFinish({ ...watcher, psbt: finished.psbt, isSent: true }, { key: "send" });
    expect(sent).toMatchObject({ isSent: true, txid: made.txid, feeSat: made.feeSat });
  },
  240_000,
);

test.skipIf(bitcoind === undefined)(
  "a PSBT that Bitcoin Core makes of our coins is shown, signed by us, and finished by Core",
  async () => {
    real = await RealNode.start(bitcoind ?? "");
    const [rpcUrl, cookiePath] = await startSandbox();
    const { walletd, watcher } = await watcherOn(rpcUrl, cookiePath);
    const core = real;
    const ask = <T>(method: string, ...params: unknown[]) =>
      callNode(core.rpcUrl, core.cookiePath, method, params) as Promise<T>;
    const { session } = await walletd.unlock({ wallet: "hot", password: PASSWORD });
    const hot = { wallet: "hot", session };
    await waitFor("the coins", async () => (await walletd.status(hot)).sync.isKnown);
    const { coins } = await walletd.coins(watcher);
    const [coin] = coins;
    if (coin === undefined) throw new Error("it has coins");
    const bare = await ask<string>(
      "createpsbt",
      [{ txid: coin.txid, vout: coin.index }],
      [{ [ELSEWHERE]: "1.5" }, { [coin.address]: "48.4999" }],
    );

    const view = await walletd.psbtShow({ ...hot, psbt: bare });
    expect(view).toMatchObject({ refusal: null, feeSat: 10_000, paysOutSat: 150_010_000, isComplete: false });
    const signed = await walletd.psbtSign({ ...hot, psbt: bare }, { key: "sign" });
    expect(signed).toMatchObject({ signed: [0], isComplete: true });

    // Core knows nothing of the coin but what the PSBT tells, so it is told.
    const { complete, psbt } = await ask<{ complete: boolean; psbt?: string }>(
      "finalizepsbt",
      signed.psbt,
      false,
    );
    expect({ complete, psbt }).toMatchObject({ complete: true });
    const sent = await walletd.psbtFinish({ ...hot, psbt: psbt ?? "", isSent: true }, { key: "send" });
    expect(sent.txid).toBe(view.txid);
  },
  240_000,
);

test.skipIf(electrum === undefined)(
  "Electrum, which never sees a network, signs our PSBT with the same words",
  async () => {
    const { walletd, watcher } = await watcherOn(...(await startSandbox()));
    folder = mkdtempSync(join(tmpdir(), "troupe-electrum-"));
    const directory = folder;
    const run = async (...words: string[]) => {
      const { stdout } = await promisify(execFile)(
        electrum ?? "",
        ["--regtest", "--offline", "-D", directory, ...words],
        {
          timeout: 60_000,
          env: { PATH: process.env["PATH"] ?? "", HOME: directory, LANG: "C.UTF-8" },
          maxBuffer: 4_000_000,
        },
      );
      return stdout.trim();
    };
    const seed = seedOf(parseMnemonic(WORDS).words, "");
    const account = masterKey(seed, networkByName("regtest")).derive([84 + 2 ** 31, 1 + 2 ** 31, 2 ** 31]);
    // Electrum writes the kind of addresses into the key's first letters.
    await run("restore", await run("convert_xkey", account.privateText(), "p2wpkh"));

    for (const round of [1, 2]) {
      const made = await walletd.psbtCreate(
        { ...watcher, mixdepth: 0, payments: [payment], fee: { satPerVb: 3 } },
        { key: `create-${round}` },
      );
      const signed = await run("signtransaction", made.psbt);
      const isPsbt = signed.startsWith("cHNi");
      const answer = isPsbt ? { psbt: signed } : { signedTx: Buffer.from(signed, "hex").toString("base64") };
      const sent = await walletd.psbtFinish(
        { ...watcher, ...answer, isSent: true },
        { key: `finish-${round}` },
      );
      expect(sent).toMatchObject({ txid: made.txid, feeSat: made.feeSat, isSent: true });
    }
  },
  240_000,
);
