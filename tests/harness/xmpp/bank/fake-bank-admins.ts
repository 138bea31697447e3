/** What admins may ask of the tests' ledger. */
import type { z } from "zod";
import type { Handlers } from "../../../../bus/bus.ts";
import type {
  LedgerAccount,
  LedgerAddressSchema,
  LedgerNotice,
  LedgerStatus,
} from "../../../../bus/contracts/ledger/objects.ts";
import type { ledgerContract } from "../../../../bus/contracts/ledger.ts";
import { TroupeError } from "../../../../runtime/errors.ts";

/** Answers to some of the contract's questions. */
export type Calls = {
  -readonly [M in keyof Handlers<typeof ledgerContract>]?: Handlers<typeof ledgerContract>[M];
};

/** What they act on. */
export interface Bank {
  readonly accounts: ReadonlyMap<string, LedgerAccount>;
  readonly acts: string[];
  readonly banned: Set<string>;
  halted: string | null;
  account(jid: string): LedgerAccount;
  named(username: string): LedgerAccount | undefined;
  change(jid: string, change: Partial<LedgerAccount>): LedgerAccount;
  notify(notice: Partial<LedgerNotice> & Pick<LedgerNotice, "jid" | "kind">): LedgerNotice;
  status(): LedgerStatus;
  addressesOf(jid: string): z.output<typeof LedgerAddressSchema>[];
}

export function adminCalls(bank: Bank): Calls {
  return {
    users: ({ by, offset, limit }) => {
      needAdmin(bank, by);
      const all = [...bank.accounts.values()];
      return { total: all.length, users: all.slice(offset, offset + limit) };
    },
    user: ({ by, user }) => {
      needAdmin(bank, by);
      const account = "username" in user ? bank.named(user.username) : undefined;
      if (account === undefined) throw refuse("LEDGER_NO_SUCH_USER");
      return { account, addresses: bank.addressesOf(account.jid) };
    },
    freeze: ({ by, user, why }) => {
      needAdmin(bank, by);
      const found = "username" in user ? bank.named(user.username) : undefined;
      if (found === undefined) throw refuse("LEDGER_NO_SUCH_USER");
      return bank.change(found.jid, { state: "frozen", why });
    },
    announce: ({ by, text }) => {
      needAdmin(bank, by);
      for (const { jid } of bank.accounts.values()) bank.notify({ jid, kind: "announcement", text });
      return { people: bank.accounts.size };
    },
    halt: ({ by, isHalted, why }) => {
      needAdmin(bank, by);
      bank.acts.push(isHalted ? `stop ${why}` : "resume");
      bank.halted = isHalted ? why : null;
      return bank.status();
    },
    act: ({ by, act, about }) => {
      if (by === null || !(bank.account(by).isAdmin || bank.account(by).isOwner))
        throw refuse("LEDGER_NOT_ADMIN");
      bank.acts.push(`${act} ${about}`);
      return {};
    },
    invite: ({ by }) => {
      needAdmin(bank, by);
      return { invite: "in-vite", expiresAtS: 1_800_000_000 };
    },
    ban: ({ by, who, isBanned }) => {
      needAdmin(bank, by);
      const named = "jid" in who ? who.jid : who.domain;
      if (isBanned) bank.banned.add(named);
      else bank.banned.delete(named);
      return { banned: [...bank.banned] };
    },
    audit: ({ by, offset, limit }) => {
      needAdmin(bank, by);
      const acts = bank.acts
        .map((act, i) => ({
          id: i + 1,
          atS: 1_700_000_000,
          by: by ?? "operator",
          act,
          about: "",
          text: "",
        }))
        .reverse();
      return { total: acts.length, acts: acts.slice(offset, offset + limit) };
    },
  };
}

function needAdmin(bank: Bank, by: string | null): void {
  if (by === null || !bank.account(by).isAdmin) throw refuse("LEDGER_NOT_ADMIN");
}

export function refuse(code: string, data: Readonly<Record<string, unknown>> = {}): TroupeError {
  return new TroupeError({ code, ...data }, `refused with ${code}`);
}
