/** A collector of traces on this machine: takes what actors send over OTLP and reads it back as spans. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fieldsOf, type WireField } from "./protobuf.ts";

export type AttributeValue = string | number | boolean | readonly AttributeValue[];
export type AttributesRead = Readonly<Record<string, AttributeValue>>;

export interface SpanRead {
  readonly actor: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: AttributesRead;
  readonly events: readonly {
    readonly atMs: number;
    readonly name: string;
    readonly attributes: AttributesRead;
  }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

const NS_PER_MS = 1_000_000;

export class Collector {
  readonly spans: SpanRead[] = [];
  /** What was sent, byte for byte and without any reading of ours: for tests that look for what may not be in it. */
  readonly bodies: Buffer[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(): Promise<Collector> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => void parts.push(part));
      request.on("end", () => {
        collector.#take(Buffer.concat(parts));
        response.setHeader("content-type", "application/x-protobuf").end();
      });
    });
    const collector = new Collector(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  named(name: string): SpanRead[] {
    return this.spans.filter((span) => span.name === name);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #take(body: Buffer): void {
    this.bodies.push(body);
    for (const resourceSpans of messages(fieldsOf(body), 1)) {
      const [resource] = messages(resourceSpans, 1);
      const actor = String(attributesOf(resource ?? [], 1)["troupe.actor"] ?? "");
      for (const scopeSpans of messages(resourceSpans, 2)) {
        for (const span of messages(scopeSpans, 2)) this.spans.push(spanOf(span, actor));
      }
    }
  }
}

function spanOf(fields: readonly WireField[], actor: string): SpanRead {
  return {
    actor,
    traceId: hexOf(fields, 1),
    spanId: hexOf(fields, 2),
    parentSpanId: hexOf(fields, 4),
    name: textOf(fields, 5),
    startMs: timeOf(fields, 7),
    endMs: timeOf(fields, 8),
    attributes: attributesOf(fields, 9),
    events: messages(fields, 11).map((event) => ({
      atMs: timeOf(event, 1),
      name: textOf(event, 2),
      attributes: attributesOf(event, 3),
    })),
    links: messages(fields, 13).map((link) => ({ traceId: hexOf(link, 1), spanId: hexOf(link, 2) })),
  };
}

function attributesOf(fields: readonly WireField[], number: number): AttributesRead {
  return Object.fromEntries(
    messages(fields, number).map((pair) => [textOf(pair, 1), anyOf(messages(pair, 2)[0] ?? [])]),
  );
}

function anyOf([field]: readonly WireField[]): AttributeValue {
  if (field === undefined) return "";
  const { number, value } = field;
  if (value instanceof Uint8Array) {
    if (number !== 5) return Buffer.from(value).toString();
    return messages(fieldsOf(value), 1).map(anyOf);
  }
  if (number === 2) return value !== 0n;
  if (number === 3) return Number(BigInt.asIntN(64, value));
  return new DataView(new BigUint64Array([value]).buffer).getFloat64(0, true);
}

function messages(fields: readonly WireField[], number: number): WireField[][] {
  return bytesOf(fields, number).map(fieldsOf);
}

function bytesOf(fields: readonly WireField[], number: number): Uint8Array[] {
  return fields.flatMap((field) =>
    field.number === number && field.value instanceof Uint8Array ? [field.value] : [],
  );
}

function textOf(fields: readonly WireField[], number: number): string {
  return Buffer.from(bytesOf(fields, number)[0] ?? []).toString();
}

function hexOf(fields: readonly WireField[], number: number): string {
  return Buffer.from(bytesOf(fields, number)[0] ?? []).toString("hex");
}

function timeOf(fields: readonly WireField[], number: number): number {
  const value = fields.find((field) => field.number === number)?.value;
  return typeof value === "bigint" ? Number(value) / NS_PER_MS : 0;
}
