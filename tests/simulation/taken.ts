/** A scripted taker with our maker: honest, or with one of its lies. */
import { regtest } from "../../bitcoin/network.ts";
import { scriptOfAddress } from "../../bitcoin/script/address.ts";
import { serializeTransaction, type Transaction } from "../../bitcoin/transaction.ts";
import type { CoinjoinCoin } from "../../joinmarket/coinjoin/own-side.ts";
import { writeBytes } from "../../joinmarket/messages/bytes.ts";
import { scriptNumber } from "../harness/joinmarket/parties.ts";
import type { TestTaker } from "../harness/maker/test-taker.ts";
import type { MarketLife } from "./market-life.ts";
import type { TakenSchedule } from "./schedule.ts";

/** Fake time for one step; whoever has not answered by then does not answer. */
const STEP_MS = 60_000;

type Waits = (isTrue: () => boolean) => Promise<boolean>;

/** Gives back what our maker may never do and did, if it did. */
export async function takeFrom(
  life: MarketLife,
  { amountSat, lie }: TakenSchedule,
  { maker, pushes, isUndisturbed }: Terms,
): Promise<string | undefined> {
  const taker = life.scriptedTaker();
  await taker.start();
  const waits: Waits = (isTrue) => within(life, isTrue);
  try {
    return await talk(life, taker, { amountSat, lie, maker, pushes, isUndisturbed, waits });
  } catch (error) {
    // The maker's nick has left the market, or has another one by now.
    if ((error as { code?: string }).code === "JOINMARKET_PEER_GONE") return undefined;
    throw error;
  } finally {
    await taker.market.close();
  }
}

interface Terms {
  readonly maker: string;
  /** Whether an honest one asks the maker to send it. */
  readonly pushes: boolean;
  /** No word is repeated on its way: what comes twice was said twice. */
  readonly isUndisturbed: boolean;
}

interface Talk extends Terms {
  readonly amountSat: number;
  readonly lie: TakenSchedule["lie"];
  readonly waits: Waits;
}

async function talk(
  life: MarketLife,
  taker: TestTaker,
  { amountSat, lie, maker, pushes, isUndisturbed, waits }: Talk,
): Promise<string | undefined> {
  taker.orderbook();
  if (!(await waits(() => taker.offers.length > 0))) return undefined;
  const offer = taker.offers.find(({ minSat, maxSat }) => minSat <= amountSat && amountSat <= maxSat);
  if (offer === undefined) return undefined;
  const question = await taker.fill(maker, offer, amountSat);
  if (lie === "silent after its question" || !(await waits(() => taker.makerKeys.length > 0)))
    return undefined;
  await taker.auth(maker, lie === "opens another commitment" ? falsified(taker.revelation) : undefined);
  const isPromised = await waits(() => taker.inputs.length > 0);
  if (lie === "opens another commitment")
    return isPromised ? "it promised coins for a commitment that was not opened" : undefined;
  const [inputs] = taker.inputs;
  if (inputs === undefined || lie === "silent after our promise") return undefined;
  if (lie === "asks with a commitment that was used") {
    const keys = taker.makerKeys.length;
    await taker.market.tell(maker, question);
    await waits(() => taker.errors.length > 0);
    return isUndisturbed && taker.makerKeys.length > keys
      ? "it went along with a commitment that was used"
      : undefined;
  }
  // A block may have come since this talk began, with a coinjoin of an earlier one in it.
  life.ledger.read(life.money.node);
  const coins = inputs.coins.flatMap(({ txid, vout }): CoinjoinCoin[] => {
    const coin = life.ledger.coin(`${txid}:${vout}`);
    if (coin === undefined) return [];
    return [{ txid, vout, valueSat: Number(coin.amountSat), scriptPubKey: coin.scriptPubKey }];
  });
  if (coins.length < inputs.coins.length) return "it promised a coin that no block has";
  const scripts = {
    coinjoin: scriptOfAddress(inputs.coinjoinAddress, regtest),
    change: scriptOfAddress(inputs.changeAddress, regtest),
  };
  const transaction = lied(taker.build(offer, coins), lie, scripts);
  await taker.tx(maker, transaction);
  const isSigned = await waits(() => taker.signatures.length >= coins.length);
  if (LOSSES.has(lie)) return isSigned ? `it signed for a taker that ${lie}` : undefined;
  const finished = isSigned ? taker.finish(transaction, coins) : undefined;
  if (finished === undefined) return undefined;
  if (lie === "has two transactions signed") {
    taker.signatures.length = 0;
    await taker.tx(maker, { ...transaction, locktime: transaction.locktime + 1 });
    const isAgain = await waits(() => taker.signatures.length > 0);
    if (isAgain && isUndisturbed) return "it signed two transactions for one promise";
  }
  const push = `push ${writeBytes(serializeTransaction(finished))}`;
  if (pushes || lie === "sends it twice") await taker.market.tell(maker, push);
  if (lie === "sends it twice") await taker.market.tell(maker, push);
  return undefined;
}

const LOSSES: ReadonlySet<string> = new Set([
  "pays us a satoshi less",
  "keeps a satoshi of our change",
  "leaves our output out",
  "pays our output to another",
]);

function lied(
  transaction: Transaction,
  lie: TakenSchedule["lie"],
  { coinjoin, change }: { readonly coinjoin: Uint8Array; readonly change: Uint8Array },
): Transaction {
  const is = (script: Uint8Array, other: Uint8Array) => Buffer.compare(script, other) === 0;
  const less = (script: Uint8Array) =>
    transaction.outputs.map((output) =>
      is(output.scriptPubKey, script) ? { ...output, amountSat: output.amountSat - 1n } : output,
    );
  switch (lie) {
    case "pays us a satoshi less":
      return { ...transaction, outputs: less(coinjoin) };
    case "keeps a satoshi of our change":
      return { ...transaction, outputs: less(change) };
    case "leaves our output out":
      return {
        ...transaction,
        outputs: transaction.outputs.filter((output) => !is(output.scriptPubKey, coinjoin)),
      };
    case "pays our output to another":
      return {
        ...transaction,
        outputs: transaction.outputs.map((output) =>
          is(output.scriptPubKey, coinjoin) ? { ...output, scriptPubKey: scriptNumber(9_003) } : output,
        ),
      };
    default:
      return transaction;
  }
}

/** Another number in the proof. */
function falsified(revelation: string): string {
  const fields = revelation.split("|");
  fields[3] = `${fields[3]?.slice(0, -1)}${fields[3]?.endsWith("0") ? "1" : "0"}`;
  return fields.join("|");
}

async function within({ clock }: MarketLife, isTrue: () => boolean): Promise<boolean> {
  const endMs = clock.monotonicMs() + STEP_MS;
  while (clock.monotonicMs() < endMs) {
    if (isTrue()) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return isTrue();
}
