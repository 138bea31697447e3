/** Brings the finished transaction to the network: by our node, or by one of the makers so that our node is not the first to know. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { writePush } from "../../../joinmarket/messages/bytes.ts";
import { sleep } from "../../../runtime/clock.ts";
import { hasCode, type TroupeError, toWireError } from "../../../runtime/errors.ts";
import { denials } from "../denials.ts";
import type { Gathering } from "../market/gathering.ts";
import type { CoinjoinParts } from "./parts.ts";
import type { RunRecord } from "./record.ts";

export interface NodeTask {
  readonly record: Pick<RunRecord, "signedTx">;
  readonly signal: AbortSignal;
}

export interface SendingTask extends NodeTask {
  readonly record: RunRecord;
  /** Opened when a maker is to send it. */
  gathering(): Promise<Gathering>;
  progress(progress: string): void;
}

const MS_PER_S = 1_000;
const NODE_RETRY_MS = 2_000;
const NODE_RETRIES = 300;
const SELF = "self";

/** Who was seen to have sent it: `self`, or the nick of a maker. */
export async function sendOut(parts: CoinjoinParts, task: SendingTask): Promise<string> {
  const { wish, txid } = task.record;
  if (txid === null) throw denials.notSent("");
  for (const nick of chosenSenders(parts, task.record)) {
    if (nick === SELF) break;
    task.progress(`${nick} was asked to send the transaction.`);
    if (await pushedBy(parts, task, nick, txid)) return nick;
  }
  if (wish.broadcast === "not-self") throw denials.notSent(txid);
  task.progress("Our node sends the transaction.");
  await bySelf(parts, task, txid);
  return SELF;
}

/** In the order in which they are tried. */
function chosenSenders(
  { randomBelow }: CoinjoinParts,
  { wish, makers, signedTx }: RunRecord,
): readonly string[] {
  const isTooLong = writePush(hexToBytes(signedTx ?? "")) === undefined;
  if (wish.broadcast === "self" || (isTooLong && wish.broadcast === "random-maker")) return [];
  const left = [...makers];
  if (wish.broadcast === "random-maker") {
    const chosen = [...left, SELF][randomBelow(left.length + 1)];
    return chosen === undefined ? [] : [chosen];
  }
  const order: string[] = [];
  while (left.length > 0) order.push(...left.splice(randomBelow(left.length), 1));
  return order;
}

async function pushedBy(
  { sightings, config, log }: CoinjoinParts,
  task: SendingTask,
  nick: string,
  txid: string,
): Promise<boolean> {
  const text = writePush(hexToBytes(task.record.signedTx ?? ""));
  if (text === undefined) return false;
  const seen = sightings.until(txid, config.push_timeout_seconds * MS_PER_S, task.signal);
  try {
    const gathering = await task.gathering();
    await gathering.tell(nick, text);
  } catch (error) {
    log.info("a maker could not be asked to send", { run: task.record.id, code: toWireError(error).code });
    seen.catch(() => undefined);
    return false;
  }
  return seen;
}

/** Also for a transaction that the network has forgotten. */
export async function bySelf(
  { mempool, clock, sightings }: Pick<CoinjoinParts, "mempool" | "clock" | "sightings">,
  task: NodeTask,
  txid: string,
): Promise<void> {
  const rawTx = Buffer.from(task.record.signedTx ?? "", "hex").toString("base64");
  for (let retry = 0; ; retry++) {
    try {
      await mempool.broadcast({ rawTx });
      return;
    } catch (error) {
      if (hasCode(error, "MEMPOOL_REFUSED")) {
        const { kind, reason } = (
          error as unknown as TroupeError<{ code: string; kind: string; reason: string }>
        ).data;
        if (kind === "already-confirmed") return;
        if (kind === "missing-inputs" || kind === "conflict" || kind === "invalid") {
          // A block that has it makes its own inputs missing.
          if (await sightings.until(txid, 0, task.signal)) return;
          throw denials.refused(reason);
        }
      }
      // The node is away, or too full for now: the signed transaction keeps.
      if (retry === NODE_RETRIES) throw denials.notSent(txid);
      await sleep(clock, NODE_RETRY_MS, task.signal);
    }
  }
}
