/** What to type after a sandbox has started: its money, its market, its doors, each as a command that works as it stands. */
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { commandName, type PlaceOptions, retyped, type Terminal } from "../terminal-io.ts";
import { harmless, type Paint } from "../view/terminal.ts";
import { SANDBOX_MAKERS, SANDBOX_PASSWORD, SANDBOX_WALLET } from "./wallet-names.ts";

/** How a start fared with the wallets of a sandbox. */
export interface SandboxWallets {
  /** Why they are not there. */
  readonly failure: string | undefined;
  /** Whom the miner's rewards are paid to: a place for small payments. */
  readonly minerAddress: string;
  /** Whether the wallet door serves pages for a browser. */
  readonly hasPages: boolean;
}

const LABEL = 10;

/** Nothing where there are no wallets. */
export function nextStepLines(
  wallets: SandboxWallets | undefined,
  tree: Tree,
  options: PlaceOptions,
  terminal: Terminal,
  paint: Paint,
): string[] {
  if (wallets === undefined) return [];
  const row = (label: string, text: string) => `  ${paint("dim", label.padEnd(LABEL))}${text}`;
  if (wallets.failure !== undefined) {
    return [row("wallets", paint("warn", `not made or funded: ${harmless(wallets.failure)}`))];
  }
  const place = retyped(options);
  const typed = (words: string, more = "") => `${commandName(terminal)} ${words}${place}${more}`;
  const makers = `${SANDBOX_MAKERS.slice(0, -1).join(", ")} and ${SANDBOX_MAKERS.at(-1)}`;
  return [
    row("wallets", `${SANDBOX_WALLET} is yours; ${makers} earn.`),
    row("password", `${SANDBOX_PASSWORD}, of all of them`),
    "",
    "Type next, in another terminal in this directory:",
    row("mix", typed("coinjoin", " --amount 0.5btc --makers 3 --yes")),
    row("market", typed("orderbook")),
    row("earn", typed("earn status")),
    row("money", typed("wallet show")),
    row("history", typed("wallet history")),
    row("receive", typed("wallet address")),
    row("pay", typed("wallet send", ` ${wallets.minerAddress} 0.1btc`)),
    ...electrumRows(tree, row),
    ...pageRows(tree, row),
    ...walletAppRows(tree, wallets, row),
  ];
}

type Row = (label: string, text: string) => string;

/** As Debian's Electrum takes it. It keeps wallets of regtest apart from those with real money by itself. */
function electrumRows(tree: Tree, row: Row): string[] {
  const address = doorOf(tree.root, "electrum tcp");
  if (address === undefined) return [];
  const server = `${harmless(new URL(address).host)}:t`;
  return [row("Electrum", `electrum --regtest --oneserver --server ${server}`)];
}

function pageRows(tree: Tree, row: Row): string[] {
  const address = doorOf(tree.root, "http");
  return address === undefined ? [] : [row("page", `${harmless(address)} in a browser: who lives and where`)];
}

/** JAM is not part of us: without its files there is a way to them. */
function walletAppRows(tree: Tree, { hasPages }: SandboxWallets, row: Row): string[] {
  const address = doorOf(tree.root, "wallet");
  if (address === undefined) return [];
  if (hasPages) return [row("JAM", `${harmless(address.replace(/^https:/, "http:"))} in a browser`)];
  return [
    row("JAM", "build it once (docs/operations.md, “JAM”), then start with"),
    row("", "npm start -- --set gateway.wallet_pages=~/jam/build"),
  ];
}

function doorOf({ doors, children }: ChildStatus, name: string): string | undefined {
  for (const door of doors) if (door.name === name) return door.address;
  for (const child of children) {
    const address = doorOf(child, name);
    if (address !== undefined) return address;
  }
  return undefined;
}
