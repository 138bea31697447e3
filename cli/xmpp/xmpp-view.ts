/** The ledger's answers as lines for a terminal. Pure; nothing that others have written reaches it raw. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import type {
  LedgerAccount,
  LedgerReconciliation,
  LedgerStatus,
} from "../../bus/contracts/ledger/objects.ts";
import type { ledgerContract } from "../../bus/contracts/ledger.ts";
import { harmless, type Paint } from "../view/terminal.ts";
import { btc, sats } from "../wallet/amounts.ts";
import { tableLines } from "../wallet/table.ts";

type Answer<M extends keyof (typeof ledgerContract)["rpcs"] & string> = RpcOutput<typeof ledgerContract, M>;
type Address = Answer<"user">["addresses"][number];

export function bankLines(status: LedgerStatus, paint: Paint): string[] {
  const {
    wallet,
    isSpending,
    isMixing,
    why,
    tip,
    confirmations,
    registration,
    users,
    openOrders,
    limits,
    mode,
  } = status;
  if (wallet === null)
    return ["The bank has no wallet yet. Give it one: supervisor xmpp open --wallet <name>"];
  const state = isSpending
    ? paint("good", "payments are made")
    : paint("bad", `no payments: ${harmless(why ?? "not known yet")}`);
  return [
    `${paint("strong", harmless(wallet))} ${state}`,
    `${users} ${users === 1 ? "account" : "accounts"} (${mode}), ${openOrders} open ${openOrders === 1 ? "order" : "orders"}; registration: ${registration}`,
    `deposits are known up to block ${tip === null ? "-" : String(tip.height)}, and credited with ${confirmations} confirmations`,
    `everybody may pay ${sats(limits.paymentSat)} at once, ${sats(limits.daySat)} a day; from ${sats(limits.strongSat)} on with a second factor`,
    isMixing
      ? "people may also pay by coinjoins"
      : "nobody pays by coinjoins: supervisor xmpp open --maker-fees-max",
  ];
}

export function usersLines({ total, users }: Answer<"users">, paint: Paint): string[] {
  if (total === 0) return ["There is no such account."];
  return [
    ...tableLines<LedgerAccount>(
      [
        { title: "NO", align: "right", value: ({ userId }) => String(userId) },
        { title: "NAME", value: ({ username }) => harmless(username) },
        { title: "JID", value: ({ jid }) => harmless(jid) },
        { title: "STATE", value: (account) => paint(inkOf(account), stateOf(account)) },
        { title: "AVAILABLE", align: "right", value: ({ availableSat }) => btc(availableSat) },
        { title: "HELD", align: "right", value: ({ heldSat }) => btc(heldSat) },
        { title: "PENDING", align: "right", value: ({ pendingSat }) => btc(pendingSat) },
      ],
      users,
      paint,
    ),
    ...(total > users.length ? ["", `${total - users.length} more: --lines`] : []),
  ];
}

export function accountLines(account: LedgerAccount, addresses: readonly Address[], paint: Paint): string[] {
  const { userId, username, jid, why, availableSat, heldSat, pendingSat, hasSecondFactor, createdAtS } =
    account;
  return [
    `${paint("strong", harmless(username))} ${harmless(jid)}, account ${userId}, since ${dayOf(createdAtS)}`,
    `${paint(inkOf(account), stateOf(account))}${why === null ? "" : `: ${harmless(why)}`}`,
    `available ${btc(availableSat)}, held ${btc(heldSat)}, pending ${btc(pendingSat)} BTC`,
    `second factor: ${hasSecondFactor ? "yes" : "no"}`,
    ...limitLines(account, paint),
    ...(addresses.length === 0
      ? []
      : [
          "",
          ...tableLines<Address>(
            [
              { title: "ADDRESS", value: ({ address }) => address },
              { title: "LABEL", value: ({ label }) => harmless(label) },
              { title: "RECEIVED", align: "right", value: ({ receivedSat }) => btc(receivedSat) },
              { title: "PENDING", align: "right", value: ({ pendingSat }) => btc(pendingSat) },
            ],
            addresses,
            paint,
          ),
        ]),
  ];
}

export function limitLines({ username, limits, leftTodaySat, raise }: LedgerAccount, paint: Paint): string[] {
  return [
    `${harmless(username)} may pay ${sats(limits.paymentSat)} at once and ${sats(limits.daySat)} a day (${sats(leftTodaySat)} left); from ${sats(limits.strongSat)} on with the second factor`,
    ...(raise === null
      ? []
      : [
          paint(
            "warn",
            `has asked for ${sats(raise.limits.paymentSat)} and ${sats(raise.limits.daySat)} a day, from ${momentOf(raise.atS)} on`,
          ),
        ]),
  ];
}

export function booksLines(
  { accounts, total, entries }: Answer<"accounts"> & Answer<"entries">,
  paint: Paint,
): string[] {
  if (accounts.length === 0) return ["Nothing is booked yet."];
  return [
    ...tableLines<Answer<"accounts">["accounts"][number]>(
      [
        { title: "ACCOUNT", value: ({ account }) => account },
        { title: "DEBIT", align: "right", value: ({ sat }) => (sat > 0 ? btc(sat) : "") },
        { title: "CREDIT", align: "right", value: ({ sat }) => (sat > 0 ? "" : btc(-sat)) },
      ],
      accounts,
      paint,
    ),
    "",
    ...tableLines<Answer<"entries">["entries"][number]>(
      [
        { title: "ENTRY", align: "right", value: ({ entry }) => String(entry) },
        { title: "WHEN", value: ({ atS }) => momentOf(atS) },
        { title: "WHAT", value: ({ kind }) => kind },
        {
          title: "POSTINGS",
          value: ({ postings }) =>
            postings.map(({ account, sat }) => `${account} ${sat > 0 ? "+" : ""}${sat}`).join(", "),
        },
      ],
      entries,
      paint,
    ),
    ...(total > entries.length ? ["", `${total - entries.length} more: --lines`] : []),
  ];
}

export function reconciliationLines(found: LedgerReconciliation, paint: Paint): string[] {
  const { isSound, breaches, custodySat, walletSat, pendingSat, frozenSat, liabilitiesSat, equitySat, tip } =
    found;
  return [
    isSound
      ? paint("good", "Books and wallet agree.")
      : paint("bad", "Books and wallet differ: nothing is paid until they agree."),
    ...breaches.map((breach) => `  ${harmless(breach)}`),
    `at block ${tip === null ? "-" : String(tip.height)}: the books say ${btc(custodySat)}, the wallet has ${btc(walletSat)} BTC, and ${btc(pendingSat)} BTC more is coming in`,
    ...(frozenSat === 0
      ? []
      : [
          `${btc(frozenSat)} BTC of that is frozen in the wallet: nobody is paid with it until it is released`,
        ]),
    `people have ${btc(liabilitiesSat)}, the house ${btc(equitySat)} BTC`,
  ];
}

export function auditLines(acts: Answer<"audit">["acts"], paint: Paint): string[] {
  if (acts.length === 0) return ["Nobody has done anything yet."];
  return tableLines<(typeof acts)[number]>(
    [
      { title: "WHEN", value: ({ atS }) => momentOf(atS) },
      { title: "WHO", value: ({ by }) => harmless(by) },
      { title: "WHAT", value: ({ act }) => act },
      { title: "WHOM", value: ({ about }) => harmless(about) },
      { title: "", value: ({ text }) => harmless(text) },
    ],
    acts,
    paint,
  );
}

function stateOf({ state, needsVerification }: LedgerAccount): string {
  return needsVerification ? `${state}, to be verified` : state;
}

function inkOf({ state, needsVerification }: LedgerAccount) {
  if (state === "frozen") return "bad";
  return state === "waiting" || needsVerification ? "warn" : state === "closed" ? "dim" : "good";
}

function momentOf(atS: number): string {
  return new Date(atS * 1_000).toISOString().slice(0, 16).replace("T", " ");
}

function dayOf(atS: number): string {
  return momentOf(atS).slice(0, 10);
}
