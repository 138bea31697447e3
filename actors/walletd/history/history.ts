/** What happened in a wallet, with times and notes: for lists, for a table, and for what its maker earned. */
import type { z } from "zod";
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { coinsFromSat } from "../../../bitcoin/fee.ts";
import type { Bus, Client } from "../../../bus/bus.ts";
import { INDEXER_BATCH_MAX, indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import { CoinjoinNoteSchema, type HistoryEntrySchema } from "../../../bus/contracts/walletd/objects.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { type LedgerLine, ledgerOf, type Placed } from "./ledger.ts";
import { type Unsent, unsentOf } from "./unsent.ts";

export type HistoryEntry = z.infer<typeof HistoryEntrySchema>;
type CoinjoinNote = z.infer<typeof CoinjoinNoteSchema>;

const HEADER_TIME_AT = 68;
const HEADER_BYTES = 80;
/** Blocks whose headers are asked for at once: 80 kB. */
const STRETCH_BLOCKS = 500;
/** Deeper than any reorganisation that there was. */
const SETTLED_BLOCKS = 100;
/** Times of so many blocks are kept: they never change. */
const TIMES_MAX = 100_000;
const CSV_HEADER =
  "tx#,timestamp,type,amount/btc,balance-change/btc,balance/btc,coinjoin-n,total-fees,utxo-count,mixdepth-from,mixdepth-to,txid";
const YIELD_HEADER =
  "timestamp,cj amount/satoshi,my input count,my input value/satoshi,cjfee/satoshi,earned/satoshi,confirm time/min,notes\n";

export class History {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #timesS = new Map<number, { readonly hash: string; readonly timeS: number }>();

  constructor(bus: Bus) {
    this.#indexer = bus.client(indexerContract);
    this.#mempool = bus.client(mempoolContract);
  }

  /** Newest first. */
  async entries(
    wallet: OpenWallet,
    { limit, offset }: { readonly limit: number; readonly offset: number },
  ): Promise<{ total: number; entries: HistoryEntry[]; unsent: Unsent[] }> {
    const lines = (await this.#ledger(wallet)).reverse();
    const entries: HistoryEntry[] = [];
    const shown = lines.slice(offset, offset + limit);
    const times = await this.#timesOf(wallet, shown);
    for (const [i, line] of shown.entries()) entries.push(entryOf(wallet, line, times[i] ?? 0));
    return { total: lines.length, entries, unsent: unsentOf(wallet) };
  }

  /** As joinmarket-clientserver's `history --csv` prints it, oldest first. */
  async csv(wallet: OpenWallet): Promise<string> {
    const lines = await this.#ledger(wallet);
    const times = await this.#timesOf(wallet, lines);
    const rows = lines.map((line, i) => csvRow(line, i, times[i] ?? 0));
    return `${[CSV_HEADER, ...rows].join("\n")}\n`;
  }

  /** What the wallet's maker earned; nothing when there was none. */
  yieldLines({ state, sync, view }: OpenWallet): string[] | null {
    // A maker notes what it signs, and not every taker sends it.
    const isMade = (txid: string, { completedAtS }: CoinjoinNote) =>
      sync.isKnown ? view.placeOf(txid) !== undefined : completedAtS !== null;
    const notes = Object.entries(state.notes)
      .flatMap(([txid, note]) => {
        const told = CoinjoinNoteSchema.safeParse(note).data;
        return told !== undefined && isMade(txid, told) ? [told] : [];
      })
      .filter(({ role, isSuccess }) => role === "maker" && isSuccess)
      .sort((a, b) => a.startedAtS - b.startedAtS);
    return notes.length === 0 ? null : [YIELD_HEADER, ...notes.map(yieldRow)];
  }

  async #ledger(wallet: OpenWallet): Promise<LedgerLine[]> {
    await wallet.transactions.load();
    const known = [...wallet.view.transactions()].flatMap(({ txid, height }) => {
      const facts = wallet.transactions.facts(txid);
      return facts === undefined ? [] : [{ txid, height, facts }];
    });
    return ledgerOf(await this.#placed(known));
  }

  /** Where each stands in its block, asked only for blocks that hold several of ours. */
  async #placed(known: readonly Omit<Placed, "position">[]): Promise<Placed[]> {
    const perBlock = new Map<number, number>();
    for (const { height } of known)
      if (height !== null) perBlock.set(height, (perBlock.get(height) ?? 0) + 1);
    const unclear = known.filter(({ height }) => height !== null && (perBlock.get(height) ?? 0) > 1);
    const positions = new Map<string, number>();
    for (let at = 0; at < unclear.length; at += INDEXER_BATCH_MAX) {
      const txids = unclear.slice(at, at + INDEXER_BATCH_MAX).map(({ txid }) => txid);
      const { results } = await this.#indexer.places({ txids });
      for (const [i, txid] of txids.entries()) positions.set(txid, results[i]?.position ?? 0);
    }
    return known.map((placed) => ({ ...placed, position: positions.get(placed.txid) ?? 0 }));
  }

  async #timesOf(wallet: OpenWallet, lines: readonly LedgerLine[]): Promise<number[]> {
    const waiting = lines.filter(({ height }) => height === null).map(({ txid }) => txid);
    const firstSeen = new Map<string, number>();
    for (let at = 0; at < waiting.length; at += INDEXER_BATCH_MAX) {
      const txids = waiting.slice(at, at + INDEXER_BATCH_MAX);
      const { results } = await this.#mempool.transactions({ txids });
      for (const [i, txid] of txids.entries()) firstSeen.set(txid, results[i]?.timeS ?? 0);
    }
    const nowS = Math.floor(wallet.nowMs / 1_000);
    const times = await this.#blockTimes(
      lines.flatMap(({ height }) => (height === null ? [] : [height])),
      wallet,
    );
    return lines.map(({ height, txid }) =>
      height === null ? firstSeen.get(txid) || nowS : (times.get(height) ?? 0),
    );
  }

  #knownTimeS(height: number, { view }: OpenWallet): number | undefined {
    const known = this.#timesS.get(height);
    const depth = (view.tip?.height ?? 0) - height;
    // After a reorganisation another block may stand there.
    return known !== undefined && (depth > SETTLED_BLOCKS || known.hash === view.tip?.hash)
      ? known.timeS
      : undefined;
  }

  /** In stretches: asked block by block, a long history would take as many round trips as it has lines. */
  async #blockTimes(heights: readonly number[], wallet: OpenWallet): Promise<ReadonlyMap<number, number>> {
    const times = new Map<number, number>();
    for (const height of heights) {
      const timeS = this.#knownTimeS(height, wallet);
      if (timeS !== undefined) times.set(height, timeS);
    }
    const unknown = [...new Set(heights)].filter((height) => !times.has(height)).sort((a, b) => a - b);
    const hash = wallet.view.tip?.hash ?? "";
    if (this.#timesS.size + unknown.length > TIMES_MAX) this.#timesS.clear();
    for (let at = 0; at < unknown.length; ) {
      const first = unknown[at] ?? 0;
      const next = unknown.findIndex((height) => height >= first + STRETCH_BLOCKS);
      const stretch = unknown.slice(at, next === -1 ? unknown.length : next);
      const { hex } = await this.#indexer.headers({
        height: first,
        count: (stretch.at(-1) ?? first) - first + 1,
      });
      const headers = Buffer.from(hexToBytes(hex));
      for (const height of stretch) {
        const timeAt = (height - first) * HEADER_BYTES + HEADER_TIME_AT;
        // The chain may be shorter by now; the next answer is then of that one.
        if (timeAt + 4 > headers.length) continue;
        const timeS = headers.readUInt32LE(timeAt);
        times.set(height, timeS);
        this.#timesS.set(height, { hash, timeS });
      }
      at += stretch.length;
    }
    return times;
  }
}

function entryOf(wallet: OpenWallet, line: LedgerLine, timeS: number): HistoryEntry {
  const { ownInputs, ...told } = line;
  const note = CoinjoinNoteSchema.safeParse(wallet.state.notes[line.txid]).data ?? null;
  return {
    ...told,
    spent: [...line.spent],
    confirmations: line.height === null ? 0 : Math.max(0, (wallet.view.tip?.height ?? 0) - line.height + 1),
    timeS,
    role: roleOf(line, ownInputs, note),
    label: wallet.label("tx", line.txid),
    note,
  };
}

/** Without a note: who was paid for a coinjoin was its maker. */
function roleOf(line: LedgerLine, ownInputs: number, note: CoinjoinNote | null): HistoryEntry["role"] {
  if (ownInputs === 0) return "deposit";
  if (!line.isCoinjoin) return "send";
  return note?.role ?? (line.changeSat >= 0 ? "maker" : "taker");
}

function csvRow(line: LedgerLine, index: number, timeS: number): string {
  const coins = (sat: number) => coinsFromSat(BigInt(sat));
  const signed = (sat: number) => (sat < 0 ? coins(sat) : `+${coins(sat)}`);
  return [
    index,
    stamp(timeS, "-"),
    line.kind,
    coins(line.amountSat),
    signed(line.changeSat),
    coins(line.balanceSat),
    line.participants ?? " # ",
    line.feeSat === null ? " # " : coins(line.feeSat),
    line.coins,
    line.fromMixdepth ?? " # ",
    line.toMixdepth ?? " # ",
    line.txid,
  ].join(",");
}

function yieldRow(note: CoinjoinNote): string {
  const { amountSat, inputs, inputSat, feeReceivedSat, txfeeContributionSat } = note;
  const minutes = note.completedAtS === null ? "" : ((note.completedAtS - note.startedAtS) / 60).toFixed(2);
  const earnedSat = feeReceivedSat - txfeeContributionSat;
  const when = stamp(note.startedAtS, "/");
  return `${[when, amountSat, inputs, inputSat, feeReceivedSat, earnedSat, minutes, ""].join(",")}\n`;
}

/** UTC, as everything that we write; joinmarket-clientserver writes the host's own time. */
function stamp(timeS: number, separator: "-" | "/"): string {
  const text = new Date(timeS * 1_000).toISOString().slice(0, 19).replace("T", " ");
  return text.replaceAll("-", separator);
}
