/** `supervisor wallet …` as a person uses it on the sandbox: make a wallet, receive, look, freeze, send, lock, make mistakes. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Home } from "../harness/cli/command.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { waitFor } from "../harness/wait-for.ts";
import clientserver from "../vectors/foreign-wallets/clientserver.json" with { type: "json" };

const FIRST_BLOCKS = 120;
/** Ctrl-U. */
const CLEAR_LINE = "\u0015";
/** A wallet of ours that nobody has; coins that go there are gone. */
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

let home: Home;
let passwordFile: string;
beforeEach(() => {
  home = new Home();
  passwordFile = join(home.path, "password");
  writeFileSync(passwordFile, "correct horse\nnot this line\n", { mode: 0o600 });
});
afterEach(() => home.close());

async function startSandbox(): Promise<(blocks: number, address: string) => Promise<void>> {
  mkdirSync(home.data, { mode: 0o700 });
  const place = ["--sandbox", "--data", home.data, "--set", "sandbox.block_interval_ms=3600000"];
  // No market and no door is asked here, and on a busy machine each actor and each command takes seconds.
  await home.start(...place, "--only", "node,indexer,mempool,walletd");
  const [door] = (await home.tree()).root.children.find(({ id }) => id === "node")?.doors ?? [];
  const cookiePath = join(home.data, "actors", "node", "regtest", ".cookie");
  let height = FIRST_BLOCKS;
  return async (blocks, address) => {
    await callNode(door?.address ?? "", cookiePath, "generatetoaddress", [blocks, address]);
    height += blocks;
    await waitFor("the wallet to know the block", async () => {
      const { stdout } = await home.run("wallet", "status", "--json");
      return stdout !== "" && JSON.parse(stdout).sync.tip?.height === height;
    });
  };
}

async function json<T>(...words: string[]): Promise<T> {
  const { stdout, stderr, exitCode } = await home.run("wallet", ...words, "--json");
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout) as T;
}

test("a wallet is made, gets coins, sends some, and is locked, each by one command", async () => {
  const mine = await startSandbox();
  const made = await json<{ words: string }>("create", "savings", "--password-file", passwordFile);
  const { address } = await json<{ address: string }>("address", "-m", "1", "--label", "from mine");
  await mine(1, address);
  await mine(100, ELSEWHERE);

  const shown = await home.run("wallet", "show");
  const { coins } = await json<{ coins: { txid: string; index: number; label: string }[] }>("coins");
  const name = `${coins[0]?.txid}:${coins[0]?.index}`;
  const mistyped = await home.run("wallet", "freeze", name, `${"ab".repeat(32)}:0`);
  await home.run("wallet", "freeze", name);
  const frozen = await home.run("wallet", "send", ELSEWHERE, "0.5btc", "-m", "1", "--fee", "2", "--yes");
  await home.run("wallet", "unfreeze", name);
  const tried = await home.run("wallet", "send", ELSEWHERE, "0.5btc", "-m", "1", "--fee", "2", "--dry-run");
  const sent = await home.run("wallet", "send", ELSEWHERE, "0.5btc", "-m", "1", "--fee", "2", "--yes");
  const after = await json<{ totalSat: number; mixdepths: { unconfirmedSat: number }[] }>("show");

  expect(made.words.split(" ")).toHaveLength(12);
  expect(shown.stdout).toMatch(/^savings {2}50\.00 000 000 BTC, of which 50\.00 000 000 can be spent/);
  expect(coins).toMatchObject([{ label: "from mine", amountSat: 5_000_000_000, mixdepth: 1 }]);
  expect(mistyped).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("is no coin of the wallet"),
  });
  expect([frozen.exitCode, frozen.stdout]).toEqual([1, ""]);
  expect(tried.stdout).toMatch(/^pays +0\.50 000 000 BTC to bcrt1qw508d/m);
  expect(tried.stdout).not.toContain("Sent");
  expect(sent.stdout).toMatch(/^Sent: [0-9a-f]{64}$/m);
  expect(after.totalSat).toBeLessThan(4_950_000_000);
  expect(after.mixdepths[1]?.unconfirmedSat).toBe(after.totalSat);

  const kept = join(home.data, "run", "wallet-sessions.json");
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  await home.run("wallet", "lock", "savings");
  expect(readFileSync(kept, "utf8")).toBe("{}");
  expect(await home.run("wallet", "show")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--password-file"),
  });
}, 240_000);

test("mistakes are said in words, and change nothing", async () => {
  await startSandbox();
  const wrong = join(home.path, "wrong");
  writeFileSync(wrong, "wrong horse\n");
  const none = await home.run("wallet", "show");
  const pathlike = await home.run("wallet", "create", "../savings", "--password-file", passwordFile);
  const { words } = await json<{ words: string }>("create", "savings", "--password-file", passwordFile);

  const twice = await home.run("wallet", "create", "savings", "--password-file", passwordFile);
  const mistyped = await home.run("wallet", "unlock", "--password-file", wrong);
  const elsewhere = await home.run(
    "wallet",
    "send",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "1000",
    "--yes",
  );
  const empty = await home.run("wallet", "send", ELSEWHERE, "1000", "--yes");
  const asked = await home.run("wallet", "send", ELSEWHERE, "1000");

  expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("wallet create <name>") });
  expect(pathlike).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("a file's name") });
  expect(twice).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("savings") });
  expect(mistyped).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/password/i) });
  expect(elsewhere).toMatchObject({ exitCode: 1, stdout: "" });
  expect(empty).toMatchObject({ exitCode: 1, stdout: "" });
  expect(asked.exitCode).not.toBe(0);
  expect((await json<{ wallets: object[] }>("list")).wallets).toMatchObject([{ wallet: "savings" }]);
  expect(await json("seed", "--password-file", passwordFile)).toMatchObject({ words });
  expect(await json("address")).toMatchObject({ path: expect.stringMatching(/\/0\/0$/) });
}, 240_000);

test("at a terminal whatever was mistyped is asked again: a word, a password, a passphrase", async () => {
  await startSandbox();
  const words = `${"abandon ".repeat(11)}about`;
  const recovery = home.atTerminal("wallet", "recover", "typed", "--passphrase");
  await recovery.answer(/Tab completes one/, "abandon abuot");
  // What was typed stands there to be mended.
  await recovery.answer(/perhaps it is "about"/, `${CLEAR_LINE}${words}`);
  await recovery.answer(/A password for/, "correct horse");
  await recovery.answer(/Once more/, "correct house");
  await recovery.answer(/The two differ/, "correct horse");
  await recovery.answer(/Once more/, "correct horse");
  await recovery.answer(/twenty-fifth word/, "TREZOR");
  await recovery.answer(/Once more/, "TREZER");
  await recovery.answer(/The two differ/, "TREZOR");
  await recovery.answer(/Once more/, "TREZOR");
  // The fingerprint of these words with that passphrase.
  expect(await recovery.ended).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("(b4e3f5ed) is there"),
  });

  await home.run("wallet", "lock");
  const looking = home.atTerminal("wallet", "show");
  await looking.answer(/Password of the wallet typed/, "wrong horse");
  await looking.answer(/That is not the password/, "correct horse");
  expect(await looking.ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("0.00 000 000") });
}, 240_000);

test("a wallet comes from another program and goes back, with its labels, and a bad file is refused and not touched", async () => {
  await startSandbox();
  const theirs = clientserver.wallets.find(({ name }) => name === "nested-bip49");
  const file = join(home.path, "old.jmdat");
  writeFileSync(file, Buffer.from(theirs?.file ?? "", "base64"));
  writeFileSync(passwordFile, "nested\n");
  const cut = join(home.path, "cut.jmdat");
  writeFileSync(cut, readFileSync(file).subarray(0, 200));

  const made = await home.run("wallet", "import", file, "--password-file", passwordFile);
  const refused = await home.run("wallet", "import", cut, "--password-file", passwordFile);
  const { wallets } = await json<{ wallets: object[] }>("list");
  const { text } = await json<{ text: string }>("labels");
  const out = join(home.path, "back.jmdat");
  const written = await home.run(
    "wallet",
    "export",
    out,
    "--form",
    "clientserver",
    "--password-file",
    passwordFile,
  );
  const again = await home.run(
    "wallet",
    "export",
    out,
    "--form",
    "clientserver",
    "--password-file",
    passwordFile,
  );
  const other = await home.run(
    "wallet",
    "export",
    `${out}2`,
    "--form",
    "joinmarket-ng",
    "--password-file",
    passwordFile,
  );
  const back = await json<{ form: string; fingerprint: string }>(
    "import",
    out,
    "--password-file",
    passwordFile,
  );

  expect(made.stdout).toMatch(
    /^The wallet old \([0-9a-f]{8}\) is there and unlocked, .* joinmarket-clientserver's\.\n/,
  );
  expect(made.stdout).toContain(`${file} was not touched`);
  expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining("damaged")]);
  expect(readFileSync(cut)).toEqual(readFileSync(file).subarray(0, 200));
  expect(wallets).toEqual([{ wallet: "old", form: "troupe", isUnlocked: true }]);
  expect(text).toContain("Miete für März 💶");
  expect(written.stdout).toContain(`Written: ${out}.`);
  expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("not overwritten") });
  expect(other).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("no BIP49 wallets") });
  expect(existsSync(`${out}2`)).toBe(false);
  expect(back.form).toBe("clientserver");
  expect(made.stdout).toContain(back.fingerprint);
}, 240_000);
