/** What happened in the wallet, and what its maker earned. */
import { z } from "zod";
import type { RpcOutput } from "../../../../../bus/contract/contract.ts";
import { servedInVain } from "../../../../../bus/contracts/maker/served-in-vain.ts";
import type { FailedJoin } from "../../../../../bus/contracts/maker.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import { type Endpoint, endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";
import type { RouteParts } from "./parts.ts";
import { whole } from "./schemas.ts";

type Entry = RpcOutput<typeof walletdContract, "history">["entries"][number];

const HistoryEntrySchema = z.object({
  timestamp: z.string(),
  completed_at: z.string(),
  role: z.enum(["maker", "taker", "send", "deposit"]),
  success: z.boolean(),
  failure_reason: z.string(),
  confirmations: z.int(),
  confirmed_at: z.string(),
  txid: z.string(),
  cj_amount: z.int().nullable(),
  amount: z.int(),
  peer_count: z.int().nullable(),
  counterparty_nicks: z.string(),
  fee_received: z.int(),
  txfee_contribution: z.int(),
  total_maker_fees_paid: z.int(),
  mining_fee_paid: z.int(),
  net_fee: z.int(),
  source_mixdepth: z.int().nullable(),
  destination_address: z.string(),
  change_address: z.string(),
  utxos_used: z.string(),
  broadcast_method: z.string(),
  network: z.string(),
  wallet_fingerprint: z.string(),
  /** What a maker or taker has written down, or what the chain shows. */
  source: z.enum(["protocol", "onchain"]),
});

const ENTRIES_MAX = 10_000;

export function historyEndpoints({ walletd, login, mixing, network }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("GET", "/history", "wallethistory", {
      doc: "What happened in the wallet, newest first.",
      query: z.object({ limit: whole(1, ENTRIES_MAX).optional() }),
      answer: z.object({ history: z.array(HistoryEntrySchema) }),
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session }, query }) => {
        const limit = query.limit ?? ENTRIES_MAX;
        const failed = await mixing.failedJoins(name);
        const [{ fingerprint }, { entries }] = await Promise.all([
          walletd.status({ wallet: name, session }),
          // Whether what came to nothing was sent after all, only all entries tell.
          walletd.history({ wallet: name, session, limit: failed.length === 0 ? limit : ENTRIES_MAX }),
        ]);
        const place = { network: network.name, wallet_fingerprint: fingerprint };
        const told = [
          ...entries.map((entry) => ({ atS: entry.timeS, entry: { ...historyEntry(entry), ...place } })),
          ...servedInVain(entries, failed).map((join) => ({
            atS: join.startedAtS,
            entry: { ...failedEntry(join), ...place },
          })),
        ].sort((a, b) => b.atS - a.atS);
        return { history: told.slice(0, limit).map(({ entry }) => entry) };
      },
    }),
    walletEndpoint("GET", "/history.csv", "wallethistorycsv", {
      doc: "The history as joinmarket-clientserver prints it, oldest first.",
      answer: "text",
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session } }) =>
        (await walletd.historyCsv({ wallet: name, session })).text,
    }),
    // Without a token, as JAM asks; only of the wallet that is open now.
    endpoint("GET", "/api/v1/wallet/yieldgen/report", "yieldgenreport", {
      doc: "What the maker of the open wallet has earned: the lines of a yield statement, its header first.",
      answer: z.object({ yigen_data: z.array(z.string()) }),
      refusals: ["YieldGeneratorDataUnreadable", "BackendNotReady"],
      handle: async () => {
        const { open } = login;
        if (open === undefined) throw new Refusal("YieldGeneratorDataUnreadable");
        const { lines } = await walletd.yieldReport({ wallet: open.name, session: open.session });
        if (lines === null) throw new Refusal("YieldGeneratorDataUnreadable");
        return { yigen_data: lines.map((line) => (line.endsWith("\n") ? line : `${line}\n`)) };
      },
    }),
  ];
}

type Told = Omit<z.input<typeof HistoryEntrySchema>, "network" | "wallet_fingerprint">;

function historyEntry(entry: Entry): Told {
  const { note, feeSat, confirmations, spent } = entry;
  const atText = isoTime(entry.timeS);
  const miningFeeSat = note?.miningFeeSat ?? feeSat ?? 0;
  const paidSat = note?.makerFeesSat ?? 0;
  const earnedSat = note?.feeReceivedSat ?? 0;
  const givenSat = note?.txfeeContributionSat ?? 0;
  return {
    timestamp: note === null ? atText : isoTime(note.startedAtS),
    completed_at: note?.completedAtS == null ? "" : isoTime(note.completedAtS),
    role: entry.role,
    success: note?.isSuccess ?? true,
    failure_reason: note?.failure ?? "",
    confirmations,
    confirmed_at: confirmations > 0 ? atText : "",
    txid: entry.txid,
    cj_amount: note?.amountSat ?? entry.coinjoinSat,
    amount: entry.amountSat,
    peer_count: note === null ? null : note.peers.length,
    counterparty_nicks: note?.peers.join(",") ?? "",
    fee_received: earnedSat,
    txfee_contribution: givenSat,
    total_maker_fees_paid: paidSat,
    mining_fee_paid: miningFeeSat,
    net_fee: entry.role === "maker" ? earnedSat - givenSat : -(paidSat + miningFeeSat),
    source_mixdepth: entry.fromMixdepth,
    destination_address: entry.destination ?? "",
    change_address: entry.changeAddress ?? "",
    utxos_used: utxosOf(spent),
    broadcast_method: note?.broadcastBy ?? "",
    source: note === null ? "onchain" : "protocol",
  };
}

/** A taker that our maker served in vain: it earned nothing, and its coins are free again. */
function failedEntry({ amountSat, coins, why, refused, startedAtS, endedAtS }: FailedJoin): Told {
  return {
    timestamp: isoTime(startedAtS),
    completed_at: isoTime(endedAtS),
    role: "maker",
    success: false,
    failure_reason: refused === null ? why : `${refused}; ${why}`,
    confirmations: 0,
    confirmed_at: "",
    txid: "",
    cj_amount: amountSat,
    amount: 0,
    // Who it was is nobody's business.
    ...{ peer_count: null, counterparty_nicks: "" },
    ...{ fee_received: 0, txfee_contribution: 0, total_maker_fees_paid: 0, mining_fee_paid: 0, net_fee: 0 },
    ...{ source_mixdepth: null, destination_address: "", change_address: "" },
    utxos_used: utxosOf(coins),
    broadcast_method: "",
    source: "protocol",
  };
}

function utxosOf(coins: readonly { readonly txid: string; readonly index: number }[]): string {
  return coins.map(({ txid, index }) => `${txid}:${index}`).join(",");
}

function isoTime(timeS: number): string {
  return new Date(timeS * 1000).toISOString().replace(".000Z", "Z");
}
