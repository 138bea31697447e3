/** The gateway's instruments. */
import type { Meter } from "@opentelemetry/api";
import type { HostView } from "./host-feed.ts";

/** The paths that we serve, and one word for all others: a label must not be the asker's choice. */
export type HttpRoute =
  | "/"
  | "page"
  | "/healthz"
  | "/readyz"
  | "/metrics"
  | "/api/tree"
  | "/api/events"
  | "other";

/** Why a request was turned away before its route was looked at. */
export type HttpRefusal = "host" | "rate" | "cross_site" | "streams";

/** Why the wallet door said no; other refusals are the requests' own fault. */
export type ApiRefusal =
  | "host"
  | "cross_site"
  | "rate"
  | "token"
  | "password"
  | "request"
  | "walletd"
  | "failed";

export class GatewayMetrics {
  readonly #requests;
  readonly #refusals;
  readonly #apiRequests;
  readonly #apiRefusals;
  #streamsOpen = 0;

  constructor(meter: Meter, hosts: () => readonly HostView[]) {
    this.#requests = meter.createCounter("troupe_gateway_http_requests_total", {
      description: "Requests answered by the web door, by route and status.",
    });
    this.#refusals = meter.createCounter("troupe_gateway_http_refused_total", {
      description: "Requests turned away by the web door before their route, by reason.",
    });
    this.#apiRequests = meter.createCounter("troupe_gateway_wallet_requests_total", {
      description: "Requests answered by the wallet door, by operation and status.",
    });
    this.#apiRefusals = meter.createCounter("troupe_gateway_wallet_refused_total", {
      description: "Requests refused by the wallet door, by reason.",
    });
    meter
      .createObservableGauge("troupe_gateway_http_live_pages", {
        description: "Pages that follow the tree live.",
      })
      .addCallback((result) => result.observe(this.#streamsOpen));
    meter
      .createObservableGauge("troupe_host_up", {
        description: "1 while the supervisor of that host is heard; 0 when it is silent or has stopped.",
      })
      .addCallback((result) => {
        for (const { host, presence } of hosts())
          result.observe(presence === "heard" ? 1 : 0, { peer: host });
      });
  }

  request(route: HttpRoute, status: number): void {
    this.#requests.add(1, { route, status: String(status) });
  }

  refused(reason: HttpRefusal): void {
    this.#refusals.add(1, { reason });
  }

  /** `operation` is one of ours, or `other`. */
  apiRequest(operation: string, status: number): void {
    this.#apiRequests.add(1, { operation, status: String(status) });
  }

  apiRefused(reason: ApiRefusal): void {
    this.#apiRefusals.add(1, { reason });
  }

  streamOpened(): void {
    this.#streamsOpen += 1;
  }

  streamClosed(): void {
    this.#streamsOpen -= 1;
  }
}
