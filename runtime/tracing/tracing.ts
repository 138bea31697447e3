/** Traces for Jaeger: nothing is loaded and nothing is sent unless an address is configured; then no identity leaves. */
import { systemClock } from "../clock.ts";
import { TroupeError } from "../errors.ts";
import { withDeadline } from "../limits.ts";
import { printableText } from "../log/printable.ts";
import type { SdkOptions } from "./sdk.ts";

export interface TracingOptions extends SdkOptions {
  /** `http://127.0.0.1:4318`; without it tracing is off. */
  readonly otlpEndpoint: string | undefined;
}

export interface Tracing {
  readonly isOn: boolean;
  /** Sends what is left, for at most two seconds. */
  shutdown(): Promise<void>;
}

const SHUTDOWN_TIMEOUT_MS = 2_000;

/** Sets the thread's global tracer, context manager and propagator. Call before the first span. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  if (options.otlpEndpoint === undefined) {
    return Object.freeze({ isOn: false, shutdown: () => Promise.resolve() });
  }
  const url = tracesUrl(options.otlpEndpoint);
  // 130 ms and 25 MB: only for those who want it.
  const { startSdk } = await import("./sdk.ts");
  const sdk = startSdk(url, options);
  return Object.freeze({
    isOn: true,
    async shutdown() {
      try {
        await withDeadline(systemClock, sdk.shutdown(), SHUTDOWN_TIMEOUT_MS);
      } catch (error) {
        // Traces are a help, not a duty: a collector that is gone must not hold up the end.
        options.log?.debug("the last traces could not be sent", { error });
      }
    },
  });
}

function tracesUrl(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new TroupeError(
      { code: "RUNTIME_TELEMETRY_INVALID" },
      `telemetry.otlp_endpoint is not a usable address: ${printableText(endpoint, 200)}. ` +
        "Give an http or https URL without a user name, such as http://127.0.0.1:4318.",
    );
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  return url.href;
}
