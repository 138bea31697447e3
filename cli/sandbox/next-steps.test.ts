/** What a sandbox tells its owner to type: commands for this very sandbox and its doors as they are. */
import { expect, test } from "vitest";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { childStatus, treeOf } from "../../tests/harness/cli/tree.ts";
import type { Terminal } from "../terminal-io.ts";
import { plainPaint } from "../view/terminal.ts";
import { nextStepLines, type SandboxWallets } from "./next-steps.ts";

const MINER = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";
const there: SandboxWallets = { failure: undefined, minerAddress: MINER, hasPages: false };
const inClone = { environment: { npm_command: "start" } } as unknown as Terminal;

const treeWith = (doors: ChildStatus["doors"]) => treeOf([childStatus("gateway", { doors })]);

const textOf = (wallets: SandboxWallets | undefined, tree = treeWith([]), place = { sandbox: true }) =>
  nextStepLines(wallets, tree, place, inClone, plainPaint).join("\n");

test("commands are called as the person has called us, for the sandbox that was started", () => {
  const text = textOf(there, treeWith([]), { sandbox: true, data: "/tmp/a b" } as { sandbox: true });

  expect(text).toContain("npx supervisor coinjoin --data '/tmp/a b' --amount 0.5btc --makers 3 --yes\n");
  expect(text).toContain(`npx supervisor wallet send --data '/tmp/a b' ${MINER} 0.1btc`);
  expect(text).toMatch(/password +sandbox/);
});

test("Electrum, page and JAM stand there with the addresses of their doors, and are left out with them", () => {
  const doors = [
    { name: "electrum tcp", address: "tcp://127.0.0.1:50321", doc: "" },
    { name: "http", address: "http://127.0.0.1:28999", doc: "" },
    { name: "wallet", address: "https://127.0.0.1:28998", doc: "" },
  ];

  const all = textOf(there, treeWith(doors));
  const none = textOf(there);

  expect(all).toContain("electrum --regtest --oneserver --server 127.0.0.1:50321:t");
  expect(all).toContain("http://127.0.0.1:28999 in a browser");
  expect(all).toContain("gateway.wallet_pages=");
  expect(none).not.toMatch(/electrum|browser|JAM/);
});

test("with JAM's files the wallet door is where to look, by the scheme that needs no certificate", () => {
  const doors = [{ name: "wallet", address: "https://127.0.0.1:28998", doc: "" }];

  expect(textOf({ ...there, hasPages: true }, treeWith(doors))).toMatch(/JAM +http:\/\/127\.0\.0\.1:28998/);
});

test("a sandbox without wallets says why, and one that wants none says nothing", () => {
  expect(textOf({ ...there, failure: "the disk is full" })).toBe(
    "  wallets   not made or funded: the disk is full",
  );
  expect(textOf(undefined)).toBe("");
});
