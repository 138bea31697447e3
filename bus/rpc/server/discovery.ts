/** `$SRV.PING|INFO|STATS` of one served contract, after ADR-32: `nats micro ls|info|stats|ping` works on every carrier. */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Delivery, Subscription } from "../../carrier/transport.ts";
import type { Contract } from "../../contract/contract.ts";
import { contractHash } from "../../contract/hash.ts";
import { encodeJson } from "../../envelope.ts";
import { inboxPrefix } from "../../subject.ts";
import type { Station } from "../station.ts";
import type { Endpoint } from "./endpoint.ts";

/** The users that permissions let ask; nobody else's inbox is answered. */
export const DISCOVERERS: readonly string[] = Object.freeze(["operator", "supervisor"]);

export const VERBS = ["PING", "INFO", "STATS"] as const;
type Verb = (typeof VERBS)[number];

/** ADR-32 wants a version of three numbers. */
const SEMVER = z.string().regex(/^\d+\.\d+\.\d+/);

export class Discovery {
  readonly #station: Station;
  readonly #contract: Contract;
  readonly #endpoints: readonly Endpoint[];
  readonly #identity: { readonly name: string; readonly id: string; readonly version: string };
  readonly #instance: string;
  readonly #started: string;
  readonly #subscriptions: Subscription[] = [];

  constructor(station: Station, contract: Contract, instance: string, endpoints: readonly Endpoint[]) {
    this.#station = station;
    this.#contract = contract;
    this.#endpoints = endpoints;
    this.#started = new Date(station.clock.now()).toISOString();
    this.#identity = {
      name: contract.name,
      id: randomBytes(12).toString("hex"),
      version: SEMVER.parse(contract.semver),
    };
    this.#instance = instance;
  }

  open(): void {
    const { name, id } = this.#identity;
    for (const verb of VERBS) {
      for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`]) {
        const subscription = this.#station.transport.subscribe(subject, {}, (delivery) =>
          this.#answer(verb, delivery),
        );
        this.#subscriptions.push(subscription);
      }
    }
  }

  close(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription.close();
  }

  #answer(verb: Verb, delivery: Delivery): void {
    const { reply } = delivery;
    if (reply === undefined || !DISCOVERERS.some((user) => reply.startsWith(`${inboxPrefix(user)}.`))) {
      this.#station.metrics.reject("reply_subject");
      return;
    }
    this.#station.transport.publish(reply, encodeJson(this.#tell(verb)));
  }

  #tell(verb: Verb): object {
    const type = `io.nats.micro.v1.${verb.toLowerCase()}_response`;
    const metadata = { instance: this.#instance, hash: contractHash(this.#contract) };
    const identity = { ...this.#identity, metadata };
    if (verb === "PING") return { type, ...identity };
    if (verb === "INFO") {
      const endpoints = this.#endpoints.map(describeEndpoint);
      return { type, ...identity, description: this.#contract.doc, endpoints };
    }
    return { type, ...identity, started: this.#started, endpoints: this.#endpoints.map(countEndpoint) };
  }
}

function describeEndpoint({ terms, hash }: Endpoint): object {
  const { callers, idempotency } = terms.declaration;
  return {
    name: terms.method,
    subject: terms.subject,
    queue_group: terms.queueGroup ?? "",
    metadata: { hash, callers: callers.join(","), idempotency },
  };
}

function countEndpoint({ terms, stats }: Endpoint): object {
  const processingNs = Math.round(stats.processingMs * 1e6);
  return {
    name: terms.method,
    subject: terms.subject,
    queue_group: terms.queueGroup ?? "",
    num_requests: stats.requests,
    num_errors: stats.errors,
    last_error: stats.lastError,
    processing_time: processingNs,
    average_processing_time: stats.requests === 0 ? 0 : Math.round(processingNs / stats.requests),
  };
}
