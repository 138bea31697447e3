/** The directory's answers as lines for a terminal. Pure; nothing that a bot has chosen reaches it raw. */
import type { DirectoryBan, DirectoryPeer, DirectoryStats } from "../../bus/contracts/directory.ts";
import { clip, duration, fit, harmless, type Paint } from "../view/terminal.ts";

const number = (value: number) => value.toLocaleString("en");

const COLUMNS = [
  { title: "NICK", width: 16, align: "left", value: ({ nick }: DirectoryPeer) => nick },
  {
    title: "PROVEN",
    width: 6,
    align: "left",
    value: ({ isProven }: DirectoryPeer) => (isProven ? "yes" : ""),
  },
  { title: "INSIDE", width: 7, align: "right", value: ({ ageS }: DirectoryPeer) => duration(ageS * 1_000) },
  {
    title: "SILENT",
    width: 7,
    align: "right",
    value: ({ silentS }: DirectoryPeer) => duration(silentS * 1_000),
  },
  { title: "PASSED", width: 7, align: "right", value: ({ passed }: DirectoryPeer) => number(passed) },
  { title: "DROPPED", width: 7, align: "right", value: ({ dropped }: DirectoryPeer) => number(dropped) },
  { title: "FROM", width: 15, align: "left", value: ({ address }: DirectoryPeer) => address },
  { title: "REACHED AT", width: 67, align: "left", value: ({ location }: DirectoryPeer) => location ?? "" },
] as const;

export function peerLines(
  { total, peers }: { readonly total: number; readonly peers: readonly DirectoryPeer[] },
  paint: Paint,
  width: number,
): string[] {
  if (total === 0) return ["Nobody is inside."];
  const row = (cells: readonly string[]) =>
    clip(
      COLUMNS.map(({ width: room, align }, at) => fit(cells[at] ?? "", room, align)).join("  "),
      width,
    ).trimEnd();
  const more = total > peers.length ? [paint("dim", `${number(total - peers.length)} more say less.`)] : [];
  return [
    paint("dim", row(COLUMNS.map(({ title }) => title))),
    ...peers.map((peer) => row(COLUMNS.map(({ value }) => harmless(value(peer))))),
    ...more,
  ];
}

export function statsLines(stats: DirectoryStats, paint: Paint): string[] {
  const line = (name: string, text: string) => `${paint("dim", name.padEnd(12))}${text}`;
  const listed = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${harmless(name)} ${number(count)}`)
      .join(", ") || "none";
  const { perMinute } = stats;
  return [
    line("listens at", harmless(stats.address)),
    line("nick", harmless(stats.nick)),
    line("open for", duration(stats.uptimeS * 1_000)),
    line("inside", `${number(stats.bots)} of ${number(stats.botsMax)}`),
    line("", `${number(stats.serving)} reached directly, ${number(stats.proven)} with a proven nick`),
    line("came", listed(stats.arrivals)),
    line("passed on", listed(stats.relayed)),
    line("not passed", listed(stats.dropped)),
    line("shown out", listed(stats.evicted)),
    line("banned", number(stats.banned)),
    line(
      "each may",
      `${number(perMinute.orderbook)} requests for offers, ${number(perMinute.public)} public and ${number(perMinute.private)} private messages a minute`,
    ),
  ];
}

export function banLines(
  { total, bans }: { readonly total: number; readonly bans: readonly DirectoryBan[] },
  nowMs: number,
): string[] {
  if (total === 0) return ["Nobody is banned."];
  const nameWidth = Math.max(16, ...bans.map(({ name }) => name.length));
  const lines = bans.map(({ name, untilMs, isOrdered }) => {
    const left = untilMs === null ? "for good" : `for another ${duration(Math.max(0, untilMs - nowMs))}`;
    return `${fit(harmless(name), nameWidth)}  ${left}, ${isOrdered ? "by order" : "for going on too long"}`;
  });
  return total > bans.length ? [...lines, `and ${number(total - bans.length)} older ones`] : lines;
}
