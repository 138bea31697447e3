/** Sessions of ad-hoc commands: unguessable, of one client, for half an hour, a few for each person. */
import { randomBytes } from "node:crypto";
import type { LedgerOrder } from "../../../../bus/contracts/ledger/objects.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import type { Outcome } from "../commands/command.ts";
import type { CommandWord } from "../language/catalogue.ts";
import type { Element } from "../link/element.ts";

const ID_BYTES = 18;
const IDLE_MS = 30 * 60_000;
const PER_PERSON_MAX = 5;
const SESSIONS_MAX = 5_000;

export interface Session {
  readonly id: string;
  /** The whole JID: another client of the same person is another one. */
  readonly owner: string;
  /** His bare JID. */
  readonly person: string;
  readonly node: string;
  readonly place: string;
  readonly command: CommandWord;
  /** The language of the first request, for all of the session. */
  readonly language: string | undefined;
  /** Waits to be confirmed. */
  order: LedgerOrder | undefined;
  /** How often it went back: what is asked for then is another request. */
  turns: number;
  values: Map<string, string>;
  /** What was asked for and takes long: the next step asks what came of it. */
  pending: Promise<Outcome> | undefined;
  page: number;
  /** The last step, and what came of it: a step that comes twice has no second effect. */
  lastStep: string;
  lastAnswer: Element | undefined;
  isOver: boolean;
  untilMs: number;
}

export type SessionProblem = "unknown" | "expired";

export class Sessions {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Session>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#sessions.size;
  }

  begin(facts: Pick<Session, "owner" | "person" | "node" | "place" | "command" | "language">): Session {
    const own = [...this.#sessions.values()].filter(({ person }) => person === facts.person);
    // The oldest make room: a client that leaves them open wants them no more.
    for (const { id } of own.slice(0, Math.max(0, own.length - PER_PERSON_MAX + 1)))
      this.#sessions.delete(id);
    for (const id of this.#sessions.keys()) {
      if (this.#sessions.size < SESSIONS_MAX) break;
      this.#sessions.delete(id);
    }
    const session: Session = {
      ...facts,
      id: randomBytes(ID_BYTES).toString("base64url"),
      order: undefined,
      turns: 0,
      values: new Map(),
      pending: undefined,
      page: 1,
      lastStep: "",
      lastAnswer: undefined,
      isOver: false,
      untilMs: this.#clock.monotonicMs() + IDLE_MS,
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** Whoever asks for another's session learns as much as of one that never was. */
  find(id: string, owner: string, node: string, place: string): Session | SessionProblem {
    const session = this.#sessions.get(id);
    if (session === undefined || session.owner !== owner || session.node !== node || session.place !== place)
      return "unknown";
    if (this.#clock.monotonicMs() > session.untilMs) {
      this.#sessions.delete(id);
      return "expired";
    }
    session.untilMs = this.#clock.monotonicMs() + IDLE_MS;
    return session;
  }

  end({ id }: Session): void {
    this.#sessions.delete(id);
  }
}
