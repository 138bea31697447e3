/** What `supervisor electrum …` does: asks a gateway over the bus as the operator, and prints what it says. */
import type { Client } from "../../bus/bus.ts";
import { ELECTRUM_SESSIONS_MAX, gatewayContract } from "../../bus/contracts/gateway.ts";
import type { ChildState, ChildStatus } from "../../bus/contracts/supervisor.ts";
import { systemClock } from "../../runtime/clock.ts";
import { AdminClient } from "../../supervisor/admin/client.ts";
import { findDataPaths } from "../../supervisor/plan/settings.ts";
import { misuse } from "../errors.ts";
import { askAsOperator } from "../operator-question.ts";
import { lineWidth, type PlaceOptions, paintOf, requestOf, type Terminal } from "../terminal-io.ts";
import { wholeNumber } from "../whole-number.ts";
import { banLines, sessionLines, statsLines } from "./electrum-view.ts";
import { peerLines } from "./peers-view.ts";

interface ElectrumOptions extends PlaceOptions {
  readonly host?: string;
  readonly json?: boolean;
}

type Gateway = Client<typeof gatewayContract>;

const TREE_DEADLINE_MS = 5_000;
const MINUTES_MAX = 60 * 24 * 365 * 10;

export function sessions(
  options: ElectrumOptions & { readonly lines: string },
  terminal: Terminal,
): Promise<number> {
  const limit = wholeNumber("--lines", options.lines, 1, ELECTRUM_SESSIONS_MAX);
  return ask(
    options,
    terminal,
    (gateway) => gateway.electrumSessions({ limit }),
    (answer) => sessionLines(answer, paintOf(terminal), lineWidth(terminal)),
  );
}

export function stats(options: ElectrumOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (gateway) => gateway.electrumStats({}),
    (answer) => statsLines(answer, paintOf(terminal), lineWidth(terminal)),
  );
}

export function disconnect(
  ids: readonly string[],
  options: ElectrumOptions & { readonly network?: string; readonly all?: boolean },
  terminal: Terminal,
): Promise<number> {
  const { network, all = false } = options;
  if (ids.length === 0 && network === undefined && !all) {
    throw misuse("Say which sessions to close: their numbers, --network <address>, or --all.");
  }
  const chosen = ids.map((id) => wholeNumber("a session", id, 1, Number.MAX_SAFE_INTEGER));
  return ask(
    options,
    terminal,
    (gateway) =>
      gateway.electrumDisconnect({ sessions: chosen, all, ...(network === undefined ? {} : { network }) }),
    ({ disconnected }) => {
      const gone = new Set(chosen).size - disconnected;
      const isMissed = network === undefined && !all && gone > 0;
      return [`Closed ${countOf(disconnected)}.${isMissed ? ` ${countOf(gone)} had gone already.` : ""}`];
    },
  );
}

export function ban(
  network: string,
  options: ElectrumOptions & { readonly minutes?: string },
  terminal: Terminal,
): Promise<number> {
  const minutes =
    options.minutes === undefined
      ? {}
      : { minutes: wholeNumber("--minutes", options.minutes, 1, MINUTES_MAX) };
  const duration =
    options.minutes === undefined
      ? ""
      : ` for ${options.minutes} minute${options.minutes === "1" ? "" : "s"}`;
  return ask(
    options,
    terminal,
    (gateway) => gateway.electrumBan({ network, ...minutes }),
    ({ ban: made, disconnected }) => [`Banned ${made.network}${duration}; closed ${countOf(disconnected)}.`],
  );
}

export function unban(network: string, options: ElectrumOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (gateway) => gateway.electrumUnban({ network }),
    ({ wasBanned }) => [wasBanned ? `${network} may come in again.` : `${network} was not banned.`],
  );
}

export function bans(options: ElectrumOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (gateway) => gateway.electrumBans({}),
    ({ bans: all }) => banLines(all, systemClock.now()),
  );
}

export function peers(options: ElectrumOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (gateway) => gateway.electrumPeers({}),
    (answer) => peerLines(answer, paintOf(terminal), lineWidth(terminal), systemClock.now()),
  );
}

export function addPeer(
  host: string,
  ports: readonly string[],
  options: ElectrumOptions,
  terminal: Terminal,
): Promise<number> {
  return ask(
    options,
    terminal,
    (gateway) => gateway.electrumAddPeer({ peer: [host, ...ports].join(" ") }),
    (added) => [`${added.host} is looked at now; see \`supervisor electrum peers\`.`],
  );
}

export function forgetPeer(host: string, options: ElectrumOptions, terminal: Terminal): Promise<number> {
  return ask(
    options,
    terminal,
    (gateway) => gateway.electrumForgetPeer({ host }),
    ({ wasKnown }) => [wasKnown ? `${host} is forgotten.` : `${host} was not known.`],
  );
}

async function ask<A>(
  options: ElectrumOptions,
  terminal: Terminal,
  question: (gateway: Gateway) => Promise<A>,
  linesOf: (answer: A) => readonly string[],
): Promise<number> {
  const host = options.host ?? (await ownHost(options, terminal));
  return askAsOperator(
    { ...options, command: "supervisor electrum" },
    terminal,
    (bus) => question(bus.client(gatewayContract, host)),
    linesOf,
  );
}

/** The gateway of the supervisor that runs here. */
async function ownHost(options: ElectrumOptions, terminal: Terminal): Promise<string> {
  const admin = await AdminClient.connect(findDataPaths(requestOf(options, terminal)).socket);
  try {
    return hostOfGateway(await admin.call("tree", {}, { deadlineMs: TREE_DEADLINE_MS }));
  } finally {
    admin.close();
  }
}

/** Throws where none runs: to wait for its answer would be in vain. */
export function hostOfGateway({ host, root }: { readonly host: string; readonly root: ChildStatus }): string {
  const state = stateOf(root, "gateway");
  if (state === "off")
    throw misuse(`The gateway is switched off on this host (${host}). Name another's: --host <name>.`);
  if (state === "elsewhere")
    throw misuse(`No gateway runs on this host (${host}). Name one that has one: --host <name>.`);
  return host;
}

function stateOf(child: ChildStatus, id: string): ChildState | undefined {
  if (child.id === id) return child.state;
  return child.children.map((each) => stateOf(each, id)).find((state) => state !== undefined);
}

function countOf(sessions: number): string {
  return sessions === 1 ? "1 session" : `${sessions} sessions`;
}
