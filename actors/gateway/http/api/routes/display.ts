/** The whole wallet as JoinMarket shows it: accounts, branches, addresses, with all amounts as text. */
import { z } from "zod";
import type { RpcOutput } from "../../../../../bus/contract/contract.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import type { RouteParts } from "./parts.ts";
import { coins } from "./schemas.ts";

type Display = RpcOutput<typeof walletdContract, "display">;
type Account = Display["accounts"][number];
type Branch = Account["branches"][number];
type Entry = Branch["entries"][number];

const EntrySchema = z.object({
  hd_path: z.string(),
  address: z.string(),
  status: z.string(),
  label: z.string(),
  extradata: z.string(),
  amount: z.string(),
  available_balance: z.string(),
});
const BranchSchema = z.object({
  branch: z.string(),
  entries: z.array(EntrySchema),
  balance: z.string(),
  available_balance: z.string(),
});
const AccountSchema = z.object({
  account: z.string(),
  account_balance: z.string(),
  available_balance: z.string(),
  branches: z.array(BranchSchema),
});

export function displayEndpoints({ walletd, clock }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("GET", "/display", "displaywallet", {
      doc: "All accounts with their branches: addresses that hold coins, and the next unused ones.",
      answer: z.object({
        walletname: z.string(),
        walletinfo: z.object({
          wallet_name: z.string(),
          accounts: z.array(AccountSchema),
          total_balance: z.string(),
          available_balance: z.string(),
        }),
      }),
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session } }) => {
        const { accounts, totalSat, availableSat } = await walletd.display({ wallet: name, session });
        return {
          walletname: name,
          walletinfo: {
            wallet_name: "JM wallet",
            accounts: accounts.map((account) => accountOf(account, clock.now() / 1000)),
            total_balance: coins(totalSat),
            available_balance: coins(availableSat),
          },
        };
      },
    }),
  ];
}

function accountOf(account: Account, nowS: number): z.input<typeof AccountSchema> {
  const { mixdepth, balanceSat, availableSat, branches } = account;
  return {
    account: String(mixdepth),
    account_balance: coins(balanceSat),
    available_balance: coins(availableSat),
    branches: branches.map((branch) => branchOf(branch, nowS)),
  };
}

/** Clients split the text at its tabs, and know bonds by their path. */
function branchOf(branch: Branch, nowS: number): z.input<typeof BranchSchema> {
  const { kind, path, xpub, entries, balanceSat, availableSat } = branch;
  const words =
    kind === "external" ? "external addresses" : kind === "imported" ? "Imported keys" : "internal addresses";
  return {
    branch: `${words}\t${path}\t${xpub ?? ""}`,
    entries: entries.map((entry) => entryOf(entry, nowS)),
    balance: coins(balanceSat),
    available_balance: coins(availableSat),
  };
}

function entryOf(entry: Entry, nowS: number): z.input<typeof EntrySchema> {
  return {
    hd_path: entry.path,
    address: entry.address,
    status: statusOf(entry, nowS),
    label: entry.label,
    extradata: "",
    amount: coins(entry.amountSat),
    available_balance: coins(entry.availableSat),
  };
}

const USES = Object.freeze({
  new: "new",
  used: "used",
  deposit: "deposit",
  "coinjoin-output": "cj-out",
  "coinjoin-change": "change-out",
  change: "non-cj-change",
  reused: "reused",
} satisfies Record<Entry["use"], string>);

function statusOf({ use, locktimeS, hasFrozen, hasUnconfirmed }: Entry, nowS: number): string {
  const suffix = `${hasFrozen ? " [FROZEN]" : ""}${hasUnconfirmed ? " [PENDING]" : ""}`;
  if (locktimeS === null) return `${USES[use]}${suffix}`;
  const day = new Date(locktimeS * 1000).toISOString().slice(0, 10);
  return `${day} ${locktimeS >= nowS ? "[LOCKED]" : "[UNLOCKED]"}${suffix}`;
}
