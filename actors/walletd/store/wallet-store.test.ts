import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../runtime/clock.ts";
import { WalletFolder } from "./wallet-folder.ts";
import { newWalletState } from "./wallet-state.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trp-store-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const folder = () =>
  new WalletFolder({
    directory,
    network: "regtest",
    clock: systemClock,
    report(e) {
      throw e;
    },
    cost: { memoryKib: 8, passes: 1, lanes: 1 },
  });
const content = () => ({
  state: newWalletState({ network: "regtest", scriptType: "bip84", hasBonds: true }),
  secrets: { entropy: Buffer.alloc(16, 7), passphrase: Buffer.from("ab"), importedKeys: [] },
});

test("what was appended is there after closing and opening", async () => {
  const store = await folder().create("a", "pw", content());
  await store.append({ kind: "address.issued", mixdepth: 0, chain: 0, nextIndex: 5 });
  await store.changePassword("pw", "pw2");
  await store.append({ kind: "label", type: "addr", ref: "x", label: "y" });
  const before = structuredClone(store.state);
  await store.close();
  const again = await folder().open("a.jmdat", "pw2");
  expect(again.state).toEqual(before);
  expect(
    again.withSecrets(({ entropy, passphrase }) => [
      Buffer.from(entropy).toString("hex"),
      Buffer.from(passphrase).toString(),
    ]),
  ).toEqual(["07".repeat(16), "ab"]);
  await again.compact();
  await again.append({ kind: "setting", key: "k", value: "v" });
  await again.close();
  const third = await folder().open("a.jmdat", "pw2");
  expect(third.state.settings).toEqual({ k: "v" });
  await expect(folder().open("a", "pw2")).rejects.toMatchObject({ code: "WALLETD_FILE_LOCKED" });
  await third.close();
  await expect(folder().open("a", "pw")).rejects.toMatchObject({ code: "WALLETD_WRONG_PASSWORD" });
});
