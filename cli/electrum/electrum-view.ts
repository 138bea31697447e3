/** The Electrum door's answers as lines for a terminal. Pure; nothing that a client has chosen reaches it raw. */
import type { ElectrumSession, ElectrumStats } from "../../bus/contracts/gateway.ts";
import { clip, duration, fit, harmless, type Paint, size } from "../view/terminal.ts";

interface Column {
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right";
  readonly value: (session: ElectrumSession) => string;
}

const number = (value: number) => value.toLocaleString("en");

const COLUMNS: readonly Column[] = [
  { title: "SESSION", width: 7, align: "right", value: ({ id }) => String(id) },
  { title: "BY", width: 5, align: "left", value: ({ carrier }) => carrier },
  { title: "ADDRESS", width: 15, align: "left", value: ({ address }) => address },
  { title: "UP", width: 7, align: "right", value: ({ ageS }) => duration(ageS * 1_000) },
  { title: "IDLE", width: 7, align: "right", value: ({ idleS }) => duration(idleS * 1_000) },
  { title: "COST", width: 7, align: "right", value: ({ cost }) => number(Math.round(cost)) },
  { title: "REQ", width: 8, align: "right", value: ({ requests }) => number(requests) },
  { title: "ERR", width: 5, align: "right", value: ({ errors }) => number(errors) },
  { title: "SUBS", width: 7, align: "right", value: ({ subscriptions }) => number(subscriptions) },
  { title: "VERSION", width: 7, align: "left", value: ({ version }) => version ?? "" },
  { title: "CLIENT", width: 30, align: "left", value: ({ client }) => client },
];

export function sessionLines(
  { total, sessions }: { readonly total: number; readonly sessions: readonly ElectrumSession[] },
  paint: Paint,
  width: number,
): string[] {
  if (total === 0) return ["No client is connected."];
  const addressWidth = Math.max(15, ...sessions.map(({ address }) => address.length));
  const columns = COLUMNS.map((column) =>
    column.title === "ADDRESS" ? { ...column, width: addressWidth } : column,
  );
  const row = (cellOf: (column: Column) => string) =>
    clip(
      columns.map((column) => fit(cellOf(column), column.width, column.align)).join("  "),
      width,
    ).trimEnd();
  const more =
    total > sessions.length ? [paint("dim", `${number(total - sessions.length)} more cost less.`)] : [];
  return [
    paint(
      "dim",
      row(({ title }) => title),
    ),
    ...sessions.map((session) => row(({ value }) => harmless(value(session)))),
    ...more,
  ];
}

export function statsLines(stats: ElectrumStats, paint: Paint, width: number): string[] {
  const { sessions, subscriptions, requests, buffers } = stats;
  const line = (name: string, text: string) => clip(`${paint("dim", name.padEnd(14))}${text}`, width + 20);
  const listed = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${harmless(name)} ${number(count)}`)
      .join(", ");
  const closed = listed(sessions.closed);
  const errors = Object.entries(requests.errors)
    .map(([code, count]) => `${number(count)} of code ${harmless(code)}`)
    .join(", ");
  return [
    line("open for", duration(stats.uptimeS * 1_000)),
    line("sessions", `${number(sessions.open)} of ${number(sessions.max)} (${listed(sessions.byCarrier)})`),
    line("", `${number(sessions.opened)} came in, ${number(sessions.refused)} were turned away`),
    ...(closed === "" ? [] : [line("ended by", closed)]),
    line("subscriptions", `${number(subscriptions.open)} of ${number(subscriptions.max)}`),
    line("notifications", number(stats.notifications)),
    line("bytes", `${size(stats.receivedBytes)} in, ${size(stats.sentBytes)} out`),
    line("in memory", `${size(buffers.bytes)} of ${size(buffers.max)}`),
    line("running", number(requests.running)),
    ...(errors === "" ? [] : [line("errors", errors)]),
    line("banned", number(stats.bans)),
    ...methodLines(requests.methods, paint, width),
    ...limitLines(stats.limits, paint),
  ];
}

function limitLines(limits: ElectrumStats["limits"], paint: Paint): string[] {
  const row = (name: string, value: string) => `${fit(name, 40)}  ${fit(value, 13, "right")}`;
  return [
    "",
    paint("dim", row("LIMIT, AS IN [gateway]", "AT MOST")),
    ...Object.entries(limits).map(([key, value]) => row(harmless(key), number(value))),
  ];
}

function methodLines(methods: ElectrumStats["requests"]["methods"], paint: Paint, width: number): string[] {
  if (methods.length === 0) return [];
  const row = (cells: readonly string[]) => {
    const [method = "", ...rest] = cells;
    return clip([fit(method, 40), ...rest.map((cell) => fit(cell, 10, "right"))].join("  "), width);
  };
  return [
    "",
    paint("dim", row(["METHOD", "CALLS", "ERRORS", "MEAN", "P50 UP TO", "P99 UP TO"])),
    ...methods.map(({ method, calls, errors, meanMs, p50Ms, p99Ms }) =>
      row([harmless(method), number(calls), number(errors), ...[meanMs, p50Ms, p99Ms].map(milliseconds)]),
    ),
  ];
}

export function banLines(
  bans: readonly { readonly network: string; readonly untilMs: number | null }[],
  nowMs: number,
): string[] {
  if (bans.length === 0) return ["Nobody is banned."];
  return bans.map(({ network, untilMs }) => {
    const left = untilMs === null ? "for good" : `for another ${duration(Math.max(0, untilMs - nowMs))}`;
    return `${fit(network, 44)}  ${left}`;
  });
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
}
