/**
 * A process that changes one wallet until it is killed: it says what is in the wallet when it has opened it, and each
 * number after it is on the disk. Run as `node … store-writer.js <folder> [stay]`; its password alternates,
 * and unless it is to stay it closes the wallet now and then, which lets others in.
 */
import { WalletFolder } from "../../../../actors/walletd/store/wallet-folder.ts";
import type { WalletStore } from "../../../../actors/walletd/store/wallet-store.ts";
import { systemClock } from "../../../../runtime/clock.ts";
import { hasCode } from "../../../../runtime/errors.ts";
import { CHEAP, emptyWallet } from "../wallet-changes.ts";

const [, , directory = "", stay] = process.argv;
const PASSWORDS = ["one", "two"] as const;

const say = (line: string) => process.stdout.write(`${line}\n`);
const folder = new WalletFolder({
  directory,
  network: "regtest",
  clock: systemClock,
  cost: CHEAP,
  report: (error) => say(`report ${error.code}`),
});

async function opened(): Promise<{ store: WalletStore; password: number }> {
  for (const [password, text] of PASSWORDS.entries()) {
    try {
      return { store: await folder.open("a", text), password };
    } catch (error) {
      if (hasCode(error, "WALLETD_FILE_MISSING")) {
        return { store: await folder.create("a", PASSWORDS[0], emptyWallet()), password: 0 };
      }
      if (!hasCode(error, "WALLETD_WRONG_PASSWORD")) throw error;
    }
  }
  throw new Error("neither password opens it");
}

/** Three changes in one: all of them are there or none. */
async function write(store: WalletStore): Promise<void> {
  const number = await store.transact((state) => {
    const next = Number(state.settings["last"] ?? 0) + 1;
    return {
      changes: [
        { kind: "setting", key: "last", value: String(next) },
        { kind: "label", type: "addr", ref: String(next), label: "x".repeat(1 + (next % 700)) },
        { kind: "address.issued", mixdepth: 0, chain: 0, nextIndex: next },
      ],
      result: next,
    };
  });
  say(`kept ${number}`);
}

try {
  let { store, password } = await opened();
  const { settings, labels, nextIndexes } = store.state;
  const entropy = store.withSecrets((secrets) => Buffer.from(secrets.entropy).toString("hex"));
  say(`opened ${settings["last"] ?? 0} ${Object.keys(labels).length} ${nextIndexes["0/0"] ?? 0} ${entropy}`);
  for (let round = 1; ; round++) {
    await Promise.all([write(store), write(store), write(store)]);
    if (round % 5 === 0) await store.compact();
    if (round % 8 === 0) {
      const next = 1 - password;
      await store.changePassword(PASSWORDS[password] ?? "", PASSWORDS[next] ?? "");
      password = next;
    }
    if (round % 11 === 0 && stay !== "stay") {
      await store.close();
      ({ store, password } = await opened());
    }
  }
} catch (error) {
  say(`refused ${(error as { code?: string }).code} ${(error as Error).message}`);
  process.exitCode = 1;
}
