/** Other Electrum servers as lines for a terminal. Pure; nothing that a server has chosen reaches it raw. */
import type { ElectrumPeer } from "../../bus/contracts/gateway.ts";
import { clip, duration, fit, harmless, type Paint } from "../view/terminal.ts";

interface Answer {
  readonly mode: "off" | "find" | "announce";
  readonly peers: readonly ElectrumPeer[];
  readonly asked: { readonly accepted: number; readonly refused: number };
}

/** An onion's 62 characters are too many beside everything else. */
const HOST_WIDTH = 34;

export function peerLines(
  { mode, peers, asked }: Answer,
  paint: Paint,
  width: number,
  nowMs: number,
): string[] {
  if (mode === "off") {
    return [
      'No other servers are looked for. Set electrum_peers in the section [gateway] to "find" or "announce".',
    ];
  }
  const hostWidth = Math.min(HOST_WIDTH, Math.max(8, ...peers.map(({ host }) => host.length)));
  const row = (cells: readonly [string, string, string, string, string, string, string]) => {
    const widths = [hostWidth, 11, 13, 9, 9, 7];
    const line = cells
      .map((cell, at) => (widths[at] === undefined ? cell : fit(cell, widths[at])))
      .join("  ");
    return clip(line, width).trimEnd();
  };
  const good = peers.filter(({ state }) => state === "good").length;
  const summary = `${good} of ${peers.length} good; ${asked.accepted} asked to be listed and may be, ${asked.refused} may not`;
  return [
    ...(peers.length === 0
      ? []
      : [paint("dim", row(["HOST", "STATE", "PORTS", "LAST GOOD", "NEXT TRY", "VERSION", "FROM, AND WHY"]))]),
    ...peers.map((peer) => row(cellsOf(peer, nowMs))),
    paint("dim", clip(summary, width)),
  ];
}

function cellsOf(
  peer: ElectrumPeer,
  nowMs: number,
): [string, string, string, string, string, string, string] {
  const { host, state, tcpPort, tlsPort, lastGoodMs, nextTryS, protocolMax, source, reason } = peer;
  const ports = [...(tlsPort === null ? [] : [`s${tlsPort}`]), ...(tcpPort === null ? [] : [`t${tcpPort}`])];
  return [
    harmless(host),
    state,
    ports.join(" "),
    lastGoodMs === null ? "never" : `${duration(Math.max(0, nowMs - lastGoodMs))}`,
    nextTryS === 0 ? "now" : duration(nextTryS * 1_000),
    harmless(protocolMax ?? ""),
    harmless(reason === null ? source : `${source}: ${reason}`),
  ];
}
