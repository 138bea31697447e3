/** What happened in the wallet, and what its maker earned. */
import { z } from "zod";
import type { RpcOutput } from "../../../../../bus/contract/contract.ts";
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

export function historyEndpoints({ walletd, login, network }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("GET", "/history", "wallethistory", {
      doc: "What happened in the wallet, newest first.",
      query: z.object({ limit: whole(1, ENTRIES_MAX).optional() }),
      answer: z.object({ history: z.array(HistoryEntrySchema) }),
      refusals: ["BackendNotReady"],
      handle: async ({ wallet: { name, session }, query }) => {
        const [{ fingerprint }, { entries }] = await Promise.all([
          walletd.status({ wallet: name, session }),
          walletd.history({ wallet: name, session, limit: query.limit ?? ENTRIES_MAX }),
        ]);
        return { history: entries.map((entry) => historyEntry(entry, network.name, fingerprint)) };
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

function historyEntry(
  entry: Entry,
  network: string,
  fingerprint: string,
): z.input<typeof HistoryEntrySchema> {
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
    utxos_used: spent.map(({ txid, index }) => `${txid}:${index}`).join(","),
    broadcast_method: note?.broadcastBy ?? "",
    network,
    wallet_fingerprint: fingerprint,
    source: note === null ? "onchain" : "protocol",
  };
}

function isoTime(timeS: number): string {
  return new Date(timeS * 1000).toISOString().replace(".000Z", "Z");
}
