/** The last gate before the network: takes identifiers, secrets and paths out of everything that a span says. */
import type { Attributes } from "@opentelemetry/api";
import type { core, tracing } from "@opentelemetry/sdk-node";
import { printableText } from "../log/printable.ts";
import { type Redaction, redact } from "../log/redaction.ts";

/** Transaction ids, hashes, scripts and keys in hex; bech32 and base58 addresses and keys. */
const IDENTIFIERS = new RegExp(
  [
    "(?<![0-9A-Za-z])[0-9a-fA-F]{64,}(?![0-9A-Za-z])",
    "\\b(?:bc|tb|bcrt)1[02-9ac-hj-np-z]{8,87}\\b",
    "\\b(?:BC|TB|BCRT)1[02-9AC-HJ-NP-Z]{8,87}\\b",
    "\\b[123mn][1-9A-HJ-NP-Za-km-z]{25,34}\\b",
    "\\b[xyztuvYZUV]pub[1-9A-HJ-NP-Za-km-z]{80,}",
  ].join("|"),
  "g",
);

/** Absolute paths, which error messages quote. */
const PATHS = /(?<![\w:/.~-])~?(?:\/[^\s'"`/:,;)]+)+/g;

export class ScrubbingExporter implements tracing.SpanExporter {
  readonly #next: tracing.SpanExporter;
  readonly #redaction: Redaction;

  constructor(next: tracing.SpanExporter, redaction: Redaction) {
    this.#next = next;
    this.#redaction = redaction;
  }

  export(spans: tracing.ReadableSpan[], done: (result: core.ExportResult) => void): void {
    this.#next.export(
      spans.map((span) => this.#scrubbed(span)),
      done,
    );
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown();
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush?.() ?? Promise.resolve();
  }

  /** The span itself must stay as it is: other processors may hold it. */
  #scrubbed(span: tracing.ReadableSpan): tracing.ReadableSpan {
    const { message, ...status } = span.status;
    return Object.create(span, {
      name: { value: this.#text(span.name) },
      attributes: { value: this.#attributes(span.attributes) },
      status: { value: message === undefined ? status : { ...status, message: this.#message(message) } },
      events: {
        value: span.events.map((event) => ({
          ...event,
          name: this.#text(event.name),
          attributes: this.#attributes(event.attributes ?? {}),
        })),
      },
      links: {
        value: span.links.map((link) => ({ ...link, attributes: this.#attributes(link.attributes ?? {}) })),
      },
    }) as tracing.ReadableSpan;
  }

  #attributes(attributes: Attributes): Attributes {
    const result: Attributes = {};
    for (const [key, value] of Object.entries(attributes)) {
      // A stack is a list of paths of this machine.
      if (key === "exception.stacktrace") continue;
      if (typeof value === "string") {
        result[key] = key === "exception.message" ? this.#message(value) : this.#text(value);
      } else if (Array.isArray(value)) {
        result[key] = value.map((item) => (typeof item === "string" ? this.#text(item) : item)) as string[];
      } else {
        result[key] = value;
      }
    }
    return result;
  }

  #message(message: string): string {
    return this.#text(message.replace(PATHS, "[path]"));
  }

  #text(text: string): string {
    const shown = printableText(text);
    if (this.#redaction.sensitive) return shown;
    return shown.replace(IDENTIFIERS, (identifier) => this.#redaction.show(redact(identifier)));
  }
}
