/** The same commands as in a chat, as JSON: the third renderer. Whom a key belongs to may what his chat may. */
import { randomBytes } from "node:crypto";
import type { LedgerOrder } from "../../../../bus/contracts/ledger/objects.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import { TokenBucket } from "../../../../runtime/limits.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { recapLines } from "../chat/render.ts";
import type { Asking, Command, FileText, Outcome } from "../commands/command.ts";
import { offeredCommands } from "../commands/commands.ts";
import { Once } from "../commands/once.ts";
import { missingField, normalised } from "../commands/submitted.ts";
import { RecentMap } from "../guard/recent-map.ts";
import { refusalOf } from "../language/refusals.ts";
import type { Condition } from "../link/replies.ts";
import type { People } from "../people/people.ts";
import type { Tickets } from "./tickets.ts";

/** An answer to a program. */
export type WebAnswer =
  | { readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  | { readonly status: 200; readonly file: FileText };

export interface WebWish {
  readonly token: string;
  readonly word: string;
  readonly values: ReadonlyMap<string, string>;
  /** The same for the same wish, also when it is sent twice. */
  readonly key: string | undefined;
}

export interface WebCommandsOptions {
  readonly people: People;
  readonly tickets: Tickets;
  readonly clock: Clock;
  readonly log: Log;
  readonly changed: (jid: string) => void;
}

/** What people read of programs that confirm payments for them. */
const WEB = "HTTP";
const PEOPLE_MAX = 10_000;
const ANSWERS_KEPT_MAX = 10_000;
/** As fast as by chat. */
const BURST = 10;
const PER_SECOND = 1;

const STATUS: Partial<Record<Condition, number>> = {
  "registration-required": 403,
  forbidden: 403,
  "not-allowed": 403,
  "item-not-found": 404,
  conflict: 409,
  "not-acceptable": 422,
  "policy-violation": 429,
  "service-unavailable": 503,
  "remote-server-timeout": 503,
};

export class WebCommands {
  readonly tickets: Tickets;
  readonly #options: WebCommandsOptions;
  readonly #once: Once<WebAnswer>;
  readonly #paces = new RecentMap<string, TokenBucket>(PEOPLE_MAX);

  constructor(options: WebCommandsOptions) {
    this.#options = options;
    this.tickets = options.tickets;
    this.#once = new Once(options.clock, ANSWERS_KEPT_MAX);
  }

  /** What there is for whoever has this key, with the fields of each. Never rejects. */
  list(token: string): Promise<WebAnswer> {
    return this.#guarded(token, undefined, async (asking) => ({
      status: 200,
      body: {
        commands: offeredCommands(asking).map((command) => ({
          word: command.word,
          about: asking.texts.usage[command.word][1] ?? "",
          changes: command.isMutating,
          fields: command.fields(asking),
        })),
      },
    }));
  }

  /** Never rejects. */
  run({ token, word, values, key }: WebWish): Promise<WebAnswer> {
    return this.#guarded(token, key, async (asking) => {
      const command = offeredCommands(asking).find((one) => one.word === word);
      if (command === undefined)
        return refusal(404, "unknown", asking.texts.unknownCommand(word.slice(0, 40)));
      if (command.isMutating && key === undefined)
        return refusal(400, "idempotency-key", "What changes anything needs the header Idempotency-Key.");
      const fields = command.fields(asking);
      const given = normalised(fields, values);
      const missing = missingField(fields, given);
      if (missing !== undefined) return refusal(422, missing.name, asking.texts.askField(missing.label));
      return await this.#once.answer(asking.jid, key === undefined ? undefined : `${word} ${key}`, () =>
        this.#perform(command, given, asking),
      );
    });
  }

  async #perform(command: Command, values: Map<string, string>, asking: Asking): Promise<WebAnswer> {
    const outcome = await command.run(asking, values);
    if (command.isMutating) this.#options.changed(asking.jid);
    return answerOf(outcome, asking);
  }

  async #guarded(
    token: string,
    key: string | undefined,
    work: (asking: Asking) => Promise<WebAnswer>,
  ): Promise<WebAnswer> {
    const { people, tickets, clock, log } = this.#options;
    const jid = tickets.whose(token);
    if (jid === undefined)
      return refusal(401, "key", "This key is unknown or over. Ask for one in the chat: web");
    if (!this.#paceOf(jid).take()) return refusal(429, "rate", "Too many requests. Wait a second.");
    let asking: Asking | undefined;
    try {
      const requestId = key === undefined ? undefined : `web ${key}`;
      asking = await people.asking(jid, { kind: "gateway" }, { requestId, client: WEB });
      return await work(asking);
    } catch (error) {
      const texts = asking?.texts;
      const known =
        texts === undefined || asking === undefined
          ? undefined
          : refusalOf(error, texts, asking.unit, clock.now());
      if (known !== undefined)
        return refusal(STATUS[known.condition] ?? 400, toWireError(error).code, known.text);
      const reference = randomBytes(4).toString("hex");
      log.error("a command by HTTP could not be answered", { reference, error });
      return refusal(500, "internal", texts?.bug(reference) ?? `internal error ${reference}`);
    }
  }

  #paceOf(jid: string): TokenBucket {
    const known = this.#paces.get(jid);
    if (known !== undefined) return known;
    const pace = new TokenBucket({ clock: this.#options.clock, burst: BURST, perSecond: PER_SECOND });
    this.#paces.set(jid, pace);
    return pace;
  }
}

function refusal(status: number, code: string, text: string): WebAnswer {
  return { status, body: { error: { code, text } } };
}

function answerOf(outcome: Outcome, asking: Asking): WebAnswer {
  switch (outcome.kind) {
    case "text":
      return { status: 200, body: { kind: "text", text: outcome.text } };
    case "problem":
      return refusal(422, "problem", outcome.text);
    case "again":
      return refusal(422, outcome.field, outcome.text);
    case "order": {
      const { order, note } = outcome;
      const recap = recapLines(order, asking);
      return {
        status: 200,
        body: { kind: "order", order: exact(order), recap, ...(note === undefined ? {} : { note }) },
      };
    }
    case "table": {
      const { kind, title, columns, rows, nextPage } = outcome;
      return { status: 200, body: { kind, title, columns, rows, nextPage: nextPage ?? null } };
    }
    case "file":
      return { status: 200, file: outcome.file };
    case "payment": {
      const { kind, address, uri, label, explorerUrl } = outcome;
      return { status: 200, body: { kind, address, uri, label, explorerUrl: explorerUrl ?? null } };
    }
  }
}

/** Amounts as digits in a text: no reader of JSON makes a rounded number of them. */
function exact({ coinjoin, ...order }: LedgerOrder): Readonly<Record<string, unknown>> {
  return { ...inDigits(order), coinjoin: coinjoin === null ? null : inDigits(coinjoin) };
}

function inDigits(told: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(told).map(([name, value]) => [name, /Sat(?:Max)?$/.test(name) ? String(value) : value]),
  );
}
