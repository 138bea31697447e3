/** A command as a pure description: what it needs, who may have it, what comes of it. How it looks is the renderers' business. */
import type { Client } from "../../../../bus/bus.ts";
import type { LedgerAccount, LedgerOrder } from "../../../../bus/contracts/ledger/objects.ts";
import type { ledgerContract } from "../../../../bus/contracts/ledger.ts";
import type { CommandWord, Texts } from "../language/catalogue.ts";
import type { Unit } from "../language/money.ts";
import type { AddressSpace, Entity } from "../names/entity.ts";
import type { ToldByAnswer } from "../notices/told-by-answer.ts";
import type { Outlook } from "../outlook.ts";
import type { Workers } from "./operator/workers.ts";

export type Bank = Client<typeof ledgerContract>;

/** A text to be kept, such as the history as a table. */
export interface FileText {
  readonly name: string;
  readonly type: "text/csv" | "application/json";
  readonly content: string;
}

/** The door for programs and browsers, where there is one. */
export interface Web {
  /** Where the file can be fetched, once and soon, by whoever knows the address. */
  offer(jid: string, file: FileText): string;
  /** Lets programs act for this person for a while; what they were told before holds no more. */
  letIn(jid: string): { readonly url: string; readonly token: string; readonly minutes: number };
}

/** Who asks, where, and what is known of him. */
export interface Asking {
  readonly jid: string;
  /** Undefined: a stranger. */
  readonly account: LedgerAccount | undefined;
  readonly texts: Texts;
  readonly unit: Unit;
  /** Where the words were said: at the gateway, or at somebody who can be paid. */
  readonly to: Entity;
  /** That is his own address, or himself. */
  readonly isOwn: boolean;
  /** Which of his clients he says it with; undefined where he has none. */
  readonly client: string | undefined;
  readonly bank: Bank;
  readonly workers: Workers;
  readonly web: Web | undefined;
  readonly toldByAnswer: ToldByAnswer;
  readonly outlook: Outlook;
  /** Has this contact come into the list of the person's clients, or go. */
  readonly follow: (contact: Entity, isKept: boolean) => void;
  readonly space: AddressSpace;
  /** Of the XMPP server's own people. */
  readonly homeDomain: string;
  readonly nowMs: number;
  /** Where an address can be looked at, if the operator has named such a page. */
  readonly explorerUrlOf: (address: string) => string | undefined;
  /** Says something while the answer is still to come; undefined where that cannot be heard. */
  readonly meanwhile?: (words: string) => void;
  /** The same for the same request, also when it comes twice; undefined where the asker has given it no name. */
  readonly requestId: string | undefined;
}

/** anyone; those without an account; those with one; those who run the troupe, also as the owner of its wallet; admins of the bank. */
export type Access = "anyone" | "stranger" | "user" | "operator" | "admin";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind: "text" | "secret" | "choice" | "yes";
  readonly isRequired: boolean;
  readonly options?: readonly { readonly value: string; readonly label: string }[];
  readonly standard?: string;
}

export type Values = ReadonlyMap<string, string>;

export interface Column {
  readonly name: string;
  readonly label: string;
}

export type Outcome =
  /** `isSecret`: for this client only, and for no archive. */
  | { readonly kind: "text"; readonly text: string; readonly isSecret?: boolean }
  /** Done with, and not as wished. */
  | { readonly kind: "problem"; readonly text: string }
  /** One value cannot be taken: it is asked for once more. */
  | { readonly kind: "again"; readonly field: string; readonly text: string }
  /** To be confirmed; `note` says why it is asked again. */
  | { readonly kind: "order"; readonly order: LedgerOrder; readonly note?: string }
  | {
      readonly kind: "table";
      readonly title: string;
      readonly columns: readonly Column[];
      readonly rows: readonly Readonly<Record<string, string>>[];
      /** Each row as one line of a chat. */
      readonly lines: readonly string[];
      /** The page after this, when there is one. */
      readonly nextPage: number | undefined;
    }
  | { readonly kind: "file"; readonly text: string; readonly file: FileText }
  /** Where one can be paid. */
  | {
      readonly kind: "payment";
      readonly address: string;
      readonly uri: string;
      readonly label: string;
      readonly explorerUrl: string | undefined;
    };

export interface Command {
  readonly word: CommandWord;
  readonly access: Access;
  /** Whether it makes sense where the words were said. */
  isFor(to: Entity, asking: Pick<Asking, "isOwn">): boolean;
  /** Why nobody has it here just now; undefined where it can be had. */
  whyAbsent?(asking: Pick<Asking, "outlook" | "texts">): string | undefined;
  /** Whether it changes anything: such a command is never carried out late or twice. */
  readonly isMutating: boolean;
  fields(asking: Asking): readonly Field[];
  /** For what one waits when it takes long, and how long at most. */
  whyLong?(texts: Texts): string;
  /** The words behind the command as values of its fields. */
  read(words: readonly string[], asking: Asking): Values;
  run(asking: Asking, values: Values): Promise<Outcome>;
}

/** One of several. Without a word it is the standard. */
export function choiceField<T extends string>(
  name: string,
  label: string,
  values: readonly T[],
  standard: string,
  nameOf: (value: T) => string = (value) => value,
): Field {
  const options = values.map((value) => ({ value, label: nameOf(value) }));
  return { name, label, kind: "choice", isRequired: false, options, standard };
}

/** Left out: empty. */
export function given(values: Values, name: string): string {
  return (values.get(name) ?? "").trim();
}

export function text(words: string): Outcome {
  return { kind: "text", text: words };
}

export function atGateway(to: Entity): boolean {
  return to.kind === "gateway" || to.kind === "alias";
}

/** Of the maker, the taker and the whole troupe; with people's coins it has nothing to do. */
export function isOperator(account: Asking["account"]): boolean {
  return account !== undefined && account.state !== "closed" && (account.isAdmin || account.isOwner);
}

export function everywhere(): boolean {
  return true;
}

/** In UTC, to the minute. */
export function dateText(atS: number): string {
  return new Date(atS * 1_000).toISOString().slice(0, 16).replace("T", " ");
}

/** A page's number as people count; the first where none is given. */
export function pageOf(values: Values): number {
  const page = Number(given(values, "page") || "1");
  return Number.isSafeInteger(page) && page >= 1 && page <= 10_000 ? page : 1;
}

export const PAGE_SIZE = 20;

export function nextPageOf(page: number, total: number): number | undefined {
  return page * PAGE_SIZE < total ? page + 1 : undefined;
}

/** Of field names, each with the word at its place; the last has all that is left. */
export function inOrder(words: readonly string[], names: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  names.forEach((name, at) => {
    const value = at === names.length - 1 ? words.slice(at).join(" ") : words[at];
    if (value !== undefined && value !== "") values.set(name, value);
  });
  return values;
}
