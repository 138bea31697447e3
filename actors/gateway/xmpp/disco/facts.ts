/** The small questions that every entity answers alike: ping, time, version, uptime. */
import type { Clock } from "../../../../runtime/clock.ts";
import { type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

export interface FactsOptions {
  readonly clock: Clock;
  readonly version: string;
}

export class Facts {
  readonly #options: FactsOptions;
  readonly #startedMs: number;

  constructor(options: FactsOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** The content of the answer: an element, "empty", or undefined when it is none of these questions. */
  answer(question: Element): Element | "empty" | undefined {
    const { clock, version } = this.#options;
    switch (question.ns) {
      case NS.ping:
        return "empty";
      case NS.last: {
        const seconds = Math.floor((clock.monotonicMs() - this.#startedMs) / 1000);
        return element("query", NS.last, { seconds: String(seconds) });
      }
      case NS.version:
        return element(
          "query",
          NS.version,
          {},
          element("name", NS.version, {}, "Troupe"),
          element("version", NS.version, {}, version),
        );
      case NS.time:
        return element(
          "time",
          NS.time,
          {},
          // Where the operator lives is nobody's business.
          element("tzo", NS.time, {}, "+00:00"),
          element("utc", NS.time, {}, `${new Date(clock.now()).toISOString().slice(0, 19)}Z`),
        );
      default:
        return undefined;
    }
  }
}
