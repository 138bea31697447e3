/** The wallet daemon's answers as lines for a terminal. Pure; nothing that others have written reaches it raw. */

import { renderUnicodeCompact } from "uqr";
import type { RpcOutput } from "../../bus/contract/contract.ts";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";
import type { Page } from "../terminal-io.ts";
import { harmless, type Paint, wrap } from "../view/terminal.ts";
import { btc, countOf } from "./amounts.ts";
import { type SettingRow, settingMeaning } from "./setting-names.ts";
import { type TableColumn, tableLines } from "./table.ts";

type Output<M extends keyof (typeof walletdContract)["rpcs"] & string> = RpcOutput<typeof walletdContract, M>;
type Wallets = Output<"list">["wallets"];
type Status = Output<"status">;
type Coin = Output<"coins">["coins"][number];
type Bond = Output<"bonds">["bonds"][number];
type Mixdepth = Output<"balances">["mixdepths"][number];
type Account = Output<"display">["accounts"][number];
type Entry = Account["branches"][number]["entries"][number];

type Form = Wallets[number]["form"];

const OWNERS: Readonly<Record<Form, string>> = {
  troupe: "ours",
  clientserver: "joinmarket-clientserver's",
  "clientserver-plain": "joinmarket-clientserver's, without a password",
  "joinmarket-ng": "joinmarket-ng's",
  "joinmarket-ng-legacy": "joinmarket-ng's, of its older form",
  words: "plain words",
  unknown: "of no form that we know",
};

const FORM_NAMES: Readonly<Record<Form, string>> = {
  troupe: "",
  clientserver: "joinmarket-clientserver's; it becomes ours when it is unlocked",
  "clientserver-plain":
    "joinmarket-clientserver's, without a password; it gets the one that it is unlocked with",
  "joinmarket-ng": "joinmarket-ng's; it becomes ours when it is unlocked",
  "joinmarket-ng-legacy": "joinmarket-ng's older form; it becomes ours when it is unlocked",
  words: "plain words; they get the password that they are unlocked with",
  unknown: "of no form that we know",
};

export function listLines(wallets: Wallets, paint: Paint): string[] {
  if (wallets.length === 0) return ["There is no wallet yet."];
  return tableLines(
    [
      { title: "WALLET", value: ({ wallet }) => harmless(wallet) },
      { title: "STATE", value: ({ isUnlocked }) => (isUnlocked ? paint("good", "unlocked") : "locked") },
      { title: "", value: ({ form }) => paint("dim", FORM_NAMES[form]) },
    ],
    wallets,
    paint,
  );
}

/** What has become of the file, and of a form that anybody can read what is to be done. */
export function unlockLines({
  wallet,
  wasUnlocked,
  form,
}: {
  readonly wallet: string;
  readonly wasUnlocked: boolean;
  readonly form: Form;
}): string[] {
  const name = harmless(wallet);
  if (wasUnlocked) return [`The wallet ${name} was unlocked already.`];
  if (form === "troupe") return [`The wallet ${name} is unlocked.`];
  return [
    `The wallet ${name} is unlocked. Its file was ${OWNERS[form]}; it is ours now, under the same password.`,
    `The original is kept beside it, as ${name}.jmdat.original-1 or the next free number.`,
    ...plainWarning(form, "the original"),
  ];
}

export function originLines(imported: {
  readonly wallet: string;
  readonly file: string;
  readonly form: Form;
  readonly fingerprint: string;
  readonly sideFiles: readonly string[];
  readonly taken: number;
  readonly ignored: number;
}): string[] {
  const { wallet, file, form, fingerprint, sideFiles, taken, ignored } = imported;
  return [
    `The wallet ${harmless(wallet)} (${fingerprint}) is there and unlocked, from a file that was ${OWNERS[form]}.`,
    ...(sideFiles.length === 0
      ? []
      : [
          `${taken} lines taken from ${sideFiles.map(harmless).join(" and ")}${ignored === 0 ? "" : `; ${ignored} say nothing to us`}.`,
        ]),
    `Its coins are being looked up: \`supervisor wallet status\`. ${harmless(file)} was not touched.`,
    ...plainWarning(form, "that file"),
  ];
}

function plainWarning(form: Form, what: string): string[] {
  return form === "words" || form === "clientserver-plain"
    ? [
        `Whoever reads ${what} has the coins: it has no password. Delete it once you are sure that you do not need it.`,
      ]
    : [];
}

/** Numbered, four in a row, as they are written down. */
export function wordLines(wallet: string, words: string, paint: Paint, width: number): string[] {
  const all = words.split(" ");
  const lines: string[] = [];
  for (let at = 0; at < all.length; at += 4) {
    const row = all
      .slice(at, at + 4)
      .map((word, i) => `${String(at + i + 1).padStart(3)}. ${word.padEnd(9)}`);
    lines.push(`  ${row.join("").trimEnd()}`);
  }
  return [
    ...wrap(
      `The words of the wallet ${harmless(wallet)}. Whoever has them has the coins; without them a lost disk is lost money.`,
      width,
    ),
    "",
    ...lines.map((line) => paint("strong", line)),
    "",
  ];
}

export function settingLines(rows: readonly SettingRow[], paint: Paint, width: number): string[] {
  return tableLines(
    [
      { title: "SETTING", value: ({ name }) => harmless(name) },
      { title: "VALUE", value: ({ value }) => paint("strong", harmless(value)) },
      { title: "", value: ({ isSet }) => (isSet ? "set here" : paint("dim", "as usual")) },
      { title: "WHAT IT IS", isBelow: true, value: ({ name }) => paint("dim", settingMeaning(name)) },
    ],
    rows,
    paint,
    width,
  );
}

export function statusLines(status: Status, paint: Paint): string[] {
  const { sync, grants } = status;
  const row = (name: string, text: string) => `${paint("dim", name.padEnd(14))}${text}`;
  const known = sync.isScanning
    ? paint("busy", `being looked up: ${sync.lookedUp} of ${sync.scripts} scripts so far`)
    : sync.isKnown
      ? paint("good", `known up to block ${sync.tip?.height ?? "?"}`)
      : paint("warn", "not known yet");
  return [
    row("wallet", `${harmless(stemOf(status.wallet))} (${status.fingerprint})`),
    row("kind", `${kindOf(status)}, ${status.mixdepths} mixdepths, gap ${status.gap}`),
    row("its coins", known),
    ...(sync.trouble === null ? [] : [row("", paint("warn", harmless(sync.trouble)))]),
    row("so far", `${countOf(sync.scripts, "script")}, ${countOf(sync.transactions, "transaction")}`),
    ...(status.reservations === 0 ? [] : [row("reserved", countOf(status.reservations, "reservation"))]),
    ...grants.map(({ id, caller, expiresAtS }) =>
      row("lent to", `the ${caller} until ${timeOf(expiresAtS)} (${id})`),
    ),
  ];
}

function kindOf({ type, hasBonds, canSign }: Status): string {
  const kind = type === "bip84" ? "native SegWit (BIP84)" : "nested SegWit (BIP49)";
  return `${kind}${hasBonds ? " with fidelity bonds" : ""}${canSign ? "" : ", watch-only"}`;
}

const MIXDEPTH_COLUMNS: readonly TableColumn<Mixdepth>[] = [
  { title: "MIXDEPTH", align: "right", value: ({ mixdepth }) => String(mixdepth) },
  { title: "COINS", align: "right", value: ({ coins }) => String(coins) },
  { title: "BTC", align: "right", value: ({ totalSat }) => btc(totalSat) },
  { title: "CAN BE SPENT", align: "right", value: ({ availableSat }) => btc(availableSat) },
  { title: "", value: (row) => whyNot(row) },
];

function whyNot({ unconfirmedSat, frozenSat, reservedSat, bondSat }: Mixdepth): string {
  return (
    [
      ["unconfirmed", unconfirmedSat],
      ["frozen", frozenSat],
      ["reserved", reservedSat],
      ["in bonds", bondSat],
    ] as const
  )
    .filter(([, sat]) => sat > 0)
    .map(([why, sat]) => `${why} ${btc(sat)}`)
    .join(", ");
}

export function displayLines(
  answer: Output<"balances"> & { readonly wallet: string; readonly accounts: readonly Account[] },
  paint: Paint,
  width?: number,
): string[] {
  return [
    `${paint("strong", harmless(answer.wallet))}  ${btc(answer.totalSat)} BTC, of which ${btc(answer.availableSat)} can be spent`,
    "",
    ...tableLines(MIXDEPTH_COLUMNS, answer.mixdepths, paint),
    ...answer.accounts.flatMap((account) => accountLines(account, paint, width)),
  ];
}

const ENTRY_COLUMNS: readonly TableColumn<Entry>[] = [
  { title: "PATH", value: ({ path }) => path },
  { title: "ADDRESS", value: ({ address }) => address },
  { title: "BTC", align: "right", isBelow: true, value: ({ amountSat }) => btc(amountSat) },
  { title: "STATE", isBelow: true, value: (entry) => useOf(entry) },
  { title: "LABEL", isBelow: true, value: ({ label }) => harmless(label) },
];

function useOf({ use, hasFrozen, hasUnconfirmed, locktimeS }: Entry): string {
  const lock = locktimeS === null ? "" : ` until ${dayOf(locktimeS)}`;
  return `${use}${lock}${hasFrozen ? ", frozen" : ""}${hasUnconfirmed ? ", unconfirmed" : ""}`;
}

function accountLines({ mixdepth, branches }: Account, paint: Paint, width?: number): string[] {
  return branches
    .filter(({ entries }) => entries.length > 0)
    .flatMap(({ kind, path, entries }) => [
      "",
      `${paint("strong", `mixdepth ${mixdepth}, ${kind}`)} ${paint("dim", path)}`,
      ...tableLines(ENTRY_COLUMNS, entries, paint, width),
    ]);
}

export function coinLines(coins: readonly Coin[], paint: Paint, width?: number): string[] {
  if (coins.length === 0) return ["There are no coins."];
  const columns: TableColumn<Coin>[] = [
    { title: "MIXDEPTH", align: "right", value: ({ mixdepth }) => String(mixdepth) },
    { title: "BTC", align: "right", value: ({ amountSat }) => btc(amountSat) },
    {
      title: "CONFIRMED",
      align: "right",
      value: ({ confirmations }) => (confirmations === 0 ? paint("warn", "no") : String(confirmations)),
    },
    { title: "COIN", isBelow: true, value: ({ txid, index }) => `${txid}:${index}` },
    { title: "STATE", isBelow: true, value: (coin) => stateOf(coin, paint) },
    { title: "LABEL", isBelow: true, value: ({ label }) => harmless(label) },
  ];
  return tableLines(columns, coins, paint, width);
}

function stateOf(coin: Coin, paint: Paint): string {
  const because = { owner: "frozen", reuse: "frozen: its address was paid before", bond: "a bond" } as const;
  return [
    ...(coin.isFrozen ? [paint("busy", because[coin.frozenBy ?? "owner"])] : []),
    ...(coin.reservation === null ? [] : [paint("busy", "reserved")]),
    ...(coin.locktimeS === null ? [] : [`locked until ${dayOf(coin.locktimeS)}`]),
    ...(coin.isCoinjoinOutput ? ["from a coinjoin"] : []),
  ].join(", ");
}

export function bondLines(bonds: readonly Bond[], { paint, typed }: Page): string[] {
  if (bonds.length === 0)
    return [`There are no fidelity bonds. Make one: ${typed("bond make <year-month> <amount>")}`];
  return bonds.flatMap(({ address, locktimeS, isExpired, coins }) => [
    `${paint("strong", dayOf(locktimeS))}  ${isExpired ? paint("good", "can be spent") : "locked"}`,
    `  ${address}`,
    ...coins.flatMap(({ txid, index, amountSat, value }) => [
      `  ${btc(amountSat)} BTC${value === null ? "" : `  weight ${value.toPrecision(4)}`}`,
      `  ${txid}:${index}`,
    ]),
    ...(coins.length === 0 ? ["  nothing was paid to it yet"] : []),
  ]);
}

export function addressLines({ address, path }: { address: string; path: string }, hasQr: boolean): string[] {
  return [
    ...(hasQr ? [renderUnicodeCompact(`bitcoin:${address.toUpperCase()}`, { border: 2 }), ""] : []),
    address,
    ...(hasQr ? [path] : []),
  ];
}

export function dayOf(timeS: number): string {
  return new Date(timeS * 1_000).toISOString().slice(0, 10);
}

export function timeOf(timeS: number): string {
  return new Date(timeS * 1_000).toISOString().slice(0, 16).replace("T", " ");
}
