/** What `supervisor xmpp …` does: asks the ledger as the operator, and gives it the wallet that its owner unlocks. */
import type { Client } from "../../bus/bus.ts";
import { ACCOUNT_STATES } from "../../bus/contracts/ledger/objects.ts";
import { LEDGER_PAGE_MAX } from "../../bus/contracts/ledger/values.ts";
import { ledgerContract } from "../../bus/contracts/ledger.ts";
import { hasCode } from "../../runtime/errors.ts";
import { EXIT, misuse } from "../errors.ts";
import { askAsOperator } from "../operator-question.ts";
import { type PlaceOptions, paintOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { parseAmountSat, parseMixdepth } from "../wallet/amounts.ts";
import { WalletDesk, type WalletOptions } from "../wallet/wallet-desk.ts";
import { wholeNumber } from "../whole-number.ts";
import {
  accountLines,
  auditLines,
  bankLines,
  booksLines,
  limitLines,
  reconciliationLines,
  usersLines,
} from "./xmpp-view.ts";

interface LedgerOptions extends PlaceOptions {
  readonly json?: boolean;
}

interface OpenOptions extends WalletOptions {
  readonly perDay: string;
  readonly perPayment: string;
  readonly feeMax: string;
  readonly makerFeesMax: string;
  readonly mixdepth: string;
  readonly days: string;
}

type Ledger = Client<typeof ledgerContract>;

const DAY_S = 86_400;
const DAYS_MAX = 30;

export async function open(options: OpenOptions, terminal: Terminal): Promise<number> {
  const limits = {
    mixdepths: [parseMixdepth(options.mixdepth)],
    amountSatMax: parseAmountSat(options.perPayment),
    miningFeeSatMax: parseAmountSat(options.feeMax),
    makerFeesSatMax: parseAmountSat(options.makerFeesMax),
    daySatMax: parseAmountSat(options.perDay),
  };
  const ttlS = wholeNumber("--days", options.days, 1, DAYS_MAX) * DAY_S;
  const desk = await WalletDesk.open(options, terminal);
  try {
    const ledger = desk.client(ledgerContract);
    const opened = await desk.asOwner(async (owned, walletd) => {
      const { grant, id } = await walletd.grant({ ...owned, caller: "ledger", limits, ttlS });
      try {
        return await ledger.open({ wallet: owned.wallet, grant, grantId: id });
      } catch (error) {
        await walletd.revoke({ ...owned, id });
        throw error;
      }
    });
    if (options.json) sayJson(terminal, opened);
    else for (const line of bankLines(opened, paintOf(terminal))) say(terminal, line);
    return EXIT.ok;
  } catch (error) {
    throw explained(error);
  } finally {
    await desk.close();
  }
}

export function close(options: LedgerOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (ledger) => ledger.shut({}),
    () => ["The bank has no wallet any more: nothing is paid until `supervisor xmpp open`."],
  );
}

export function status(options: LedgerOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (ledger) => ledger.status({}),
    (answer) => bankLines(answer, paintOf(terminal)),
  );
}

export function users(
  options: LedgerOptions & { readonly state?: string; readonly search?: string; readonly lines: string },
  terminal: Terminal,
): Promise<number> {
  const limit = wholeNumber("--lines", options.lines, 1, LEDGER_PAGE_MAX);
  const state = ACCOUNT_STATES.find((one) => one === options.state);
  if (options.state !== undefined && state === undefined) {
    throw misuse(`An account is ${ACCOUNT_STATES.join(", ")}, not "${options.state}".`);
  }
  const { search } = options;
  const wish = {
    limit,
    ...(state === undefined ? {} : { state }),
    ...(search === undefined ? {} : { search }),
  };
  return ask(
    options,
    terminal,
    (ledger) => ledger.users(wish),
    (answer) => usersLines(answer, paintOf(terminal)),
  );
}

export function user(who: string, options: LedgerOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (ledger) => ledger.user({ user: wordOf(who) }),
    (answer) => accountLines(answer.account, answer.addresses, paintOf(terminal)),
  );
}

export function ledger(
  options: LedgerOptions & { readonly account?: string; readonly lines: string },
  terminal: Terminal,
): Promise<number> {
  const limit = wholeNumber("--lines", options.lines, 1, LEDGER_PAGE_MAX);
  const { account } = options;
  return ask(
    options,
    terminal,
    async (books) => ({
      ...(await books.accounts({})),
      ...(await books.entries({ limit, ...(account === undefined ? {} : { account }) })),
    }),
    (answer) => booksLines(answer, paintOf(terminal)),
  );
}

export function approve(who: string, options: LedgerOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (books) => books.approve({ user: wordOf(who) }),
    ({ username }) => [`${username} may pay and be paid.`],
  );
}

export function limits(
  who: string,
  options: LedgerOptions & { readonly payment?: string; readonly day?: string; readonly strong?: string },
  terminal: Terminal,
): Promise<number> {
  const { payment, day, strong } = options;
  const wanted = {
    ...(payment === undefined ? {} : { paymentSat: parseAmountSat(payment) }),
    ...(day === undefined ? {} : { daySat: parseAmountSat(day) }),
    ...(strong === undefined ? {} : { strongSat: parseAmountSat(strong) }),
  };
  const isSet = Object.keys(wanted).length > 0;
  return ask(
    options,
    terminal,
    async (books) =>
      isSet
        ? await books.limit({ user: wordOf(who), limits: wanted })
        : (await books.user({ user: wordOf(who) })).account,
    (account) => limitLines(account, paintOf(terminal)),
  );
}

export function freeze(
  who: string,
  options: LedgerOptions & { readonly why: string },
  terminal: Terminal,
): Promise<number> {
  return ask(
    options,
    terminal,
    (books) => books.freeze({ user: wordOf(who), why: options.why }),
    ({ username }) => [`Nothing leaves the account of ${username} any more.`],
  );
}

export function unfreeze(who: string, options: LedgerOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (books) => books.unfreeze({ user: wordOf(who) }),
    ({ username }) => [`${username} may pay again.`],
  );
}

export function stop(options: LedgerOptions & { readonly why: string }, terminal: Terminal): Promise<number> {
  return halt({ isHalted: true, why: options.why }, options, terminal);
}

export function resume(options: LedgerOptions, terminal: Terminal): Promise<number> {
  return halt({ isHalted: false }, options, terminal);
}

function halt(
  wish: { readonly isHalted: boolean; readonly why?: string },
  options: LedgerOptions,
  terminal: Terminal,
): Promise<number> {
  return ask(
    options,
    terminal,
    (books) => books.halt(wish),
    (answer) => [
      wish.isHalted ? "Nobody pays until `supervisor xmpp resume`." : "Nobody has stopped payments any more.",
      ...bankLines(answer, paintOf(terminal)),
    ],
  );
}

export function ban(
  who: string,
  options: LedgerOptions & { readonly lift?: boolean },
  terminal: Terminal,
): Promise<number> {
  const isBanned = options.lift !== true;
  const wish = { who: who.includes("@") ? { jid: who } : { domain: who }, isBanned };
  return ask(
    options,
    terminal,
    (books) => books.ban(wish),
    ({ banned }) => [
      `${who} may ${isBanned ? "not register any more" : "register again"}; ${banned.length} banned in all.`,
    ],
  );
}

export function invite(options: LedgerOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (books) => books.invite({}),
    (answer) => [answer.invite],
  );
}

export function announce(text: string, options: LedgerOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (books) => books.announce({ text }),
    ({ people }) => [`${people} ${people === 1 ? "account is" : "accounts are"} told.`],
  );
}

export function topUp(options: LedgerOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (books) => books.topUp({}),
    ({ address }) => [address],
  );
}

export async function reconcile(
  options: LedgerOptions & { readonly book?: boolean },
  terminal: Terminal,
): Promise<number> {
  let isSound = false;
  await ask(
    options,
    terminal,
    async (books) => {
      const found = await books.reconcile({ isBooked: options.book === true });
      isSound = found.isSound;
      return found;
    },
    (answer) => reconciliationLines(answer, paintOf(terminal)),
  );
  return isSound ? EXIT.ok : EXIT.failed;
}

export function audit(
  options: LedgerOptions & { readonly lines: string },
  terminal: Terminal,
): Promise<number> {
  const limit = wholeNumber("--lines", options.lines, 1, LEDGER_PAGE_MAX);
  return ask(
    options,
    terminal,
    (books) => books.audit({ limit }),
    ({ acts }) => auditLines(acts, paintOf(terminal)),
  );
}

/** A number, a JID or a name. */
function wordOf(who: string) {
  if (/^[0-9]{1,9}$/.test(who)) return { userId: Number(who) };
  return who.includes("@") ? { jid: who } : { username: who };
}

async function ask<A>(
  options: LedgerOptions,
  terminal: Terminal,
  question: (ledger: Ledger) => Promise<A>,
  linesOf: (answer: A) => readonly string[],
): Promise<number> {
  try {
    return await askAsOperator(
      { ...options, command: "supervisor xmpp" },
      terminal,
      (bus) => question(bus.client(ledgerContract)),
      linesOf,
    );
  } catch (error) {
    throw explained(error);
  }
}

function explained(error: unknown): unknown {
  if (!hasCode(error, "BUS_UNAVAILABLE")) return error;
  return misuse(
    'The ledger does not run. Give it a place, [placement] ledger = "stage:main" in the configuration, and start again.',
  );
}
