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

export class GatewayMetrics {
  readonly #requests;
  readonly #refusals;
  #streamsOpen = 0;

  constructor(meter: Meter, hosts: () => readonly HostView[]) {
    this.#requests = meter.createCounter("troupe_gateway_http_requests_total", {
      description: "Requests answered by the web door, by route and status.",
    });
    this.#refusals = meter.createCounter("troupe_gateway_http_refused_total", {
      description: "Requests turned away by the web door before their route, by reason.",
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

  streamOpened(): void {
    this.#streamsOpen += 1;
  }

  streamClosed(): void {
    this.#streamsOpen -= 1;
  }
}
