/** The Electrum door's instruments, read from its tallies when somebody looks. */
import type { Meter } from "@opentelemetry/api";
import type { Tally } from "../sessions/tally.ts";

export interface DoorGauges {
  /** By carrier. */
  readonly sessions: ReadonlyMap<string, number>;
  readonly subscriptions: number;
  readonly running: number;
  readonly bufferedBytes: number;
}

export function observeElectrum(meter: Meter, tally: Tally, gauges: () => DoorGauges): void {
  meter
    .createObservableGauge("troupe_gateway_electrum_sessions", {
      description: "Electrum clients that are connected, by carrier.",
    })
    .addCallback((result) => {
      for (const [carrier, count] of gauges().sessions) result.observe(count, { carrier });
    });
  meter
    .createObservableGauge("troupe_gateway_electrum_subscriptions", {
      description: "What all Electrum clients together have subscribed to.",
    })
    .addCallback((result) => result.observe(gauges().subscriptions));
  meter
    .createObservableGauge("troupe_gateway_electrum_requests_running", {
      description: "Electrum requests that wait for the index, the mempool or the node.",
    })
    .addCallback((result) => result.observe(gauges().running));
  meter
    .createObservableGauge("troupe_gateway_electrum_buffered_bytes", {
      description: "Bytes that wait to be understood or to be read by Electrum clients.",
      unit: "By",
    })
    .addCallback((result) => result.observe(gauges().bufferedBytes));
  meter
    .createObservableCounter("troupe_gateway_electrum_requests_total", {
      description: "Electrum requests answered, by method.",
    })
    .addCallback((result) => {
      for (const [method, { calls }] of tally.methods) result.observe(calls, { method });
    });
  meter
    .createObservableCounter("troupe_gateway_electrum_request_seconds_total", {
      description: "Time from taking to answering Electrum requests, by method.",
      unit: "s",
    })
    .addCallback((result) => {
      for (const [method, { totalMs }] of tally.methods) result.observe(totalMs / 1000, { method });
    });
  meter
    .createObservableCounter("troupe_gateway_electrum_errors_total", {
      description: "Refusals sent to Electrum clients, by the protocol's code.",
    })
    .addCallback((result) => {
      for (const [code, count] of tally.errors) result.observe(count, { code: String(code) });
    });
  meter
    .createObservableCounter("troupe_gateway_electrum_notifications_total", {
      description: "Notifications sent to Electrum clients.",
    })
    .addCallback((result) => result.observe(tally.notifications));
  meter
    .createObservableCounter("troupe_gateway_electrum_closed_total", {
      description: "Electrum sessions that have ended, by who or what ended them.",
    })
    .addCallback((result) => {
      for (const [by, count] of tally.closed) result.observe(count, { by });
    });
  meter
    .createObservableCounter("troupe_gateway_electrum_refused_total", {
      description: "Connections of Electrum clients that were turned away at the door.",
    })
    .addCallback((result) => result.observe(tally.sessionsRefused));
  meter
    .createObservableCounter("troupe_gateway_electrum_bytes_total", {
      description: "Bytes of messages from and to Electrum clients.",
      unit: "By",
    })
    .addCallback((result) => {
      result.observe(tally.receivedBytes, { direction: "in" });
      result.observe(tally.sentBytes, { direction: "out" });
    });
}
