/** The coins of one script, confirmed and unconfirmed as one, and how they are written for clients. */
import { EncodedJson } from "../encoded-json.ts";

export interface Coin {
  readonly txid: string;
  readonly index: number;
  /** 0 while it is unconfirmed. */
  readonly height: number;
  readonly amountSat: number;
}

interface OutpointLike {
  readonly txid: string;
  readonly index: number;
}

export interface UnconfirmedCoins {
  readonly unspents: readonly (OutpointLike & { readonly amountSat: number })[];
  readonly spent: readonly OutpointLike[];
}

export class Coins {
  /** In the order of the chain, then the unconfirmed ones. */
  readonly list: readonly Coin[];
  #encoded: EncodedJson | undefined;

  private constructor(list: readonly Coin[]) {
    this.list = list;
  }

  /** Without what unconfirmed transactions spend. */
  static of(confirmed: readonly Coin[], unconfirmed: UnconfirmedCoins | null | undefined): Coins {
    return new Coins(merged(confirmed, unconfirmed));
  }

  get length(): number {
    return this.list.length;
  }

  /** The answer to `listunspent`, written as JSON once. */
  encoded(): EncodedJson {
    this.#encoded ??= encode(this.list);
    return this.#encoded;
  }
}

function encode(coins: readonly Coin[]): EncodedJson {
  let items = "";
  for (const { txid, index, height, amountSat } of coins) {
    items += `${items === "" ? "" : ","}{"tx_hash":"${txid}","tx_pos":${index},"height":${height},"value":${amountSat}}`;
  }
  return new EncodedJson(`[${items}]`);
}

function merged(
  confirmed: readonly Coin[],
  unconfirmed: UnconfirmedCoins | null | undefined,
): readonly Coin[] {
  if (unconfirmed === null || unconfirmed === undefined) return confirmed;
  const { unspents, spent } = unconfirmed;
  if (unspents.length === 0 && spent.length === 0) return confirmed;
  const isSpent = new Set(spent.map(nameOf));
  const isConfirmed = new Set(confirmed.map(nameOf));
  return [
    ...confirmed.filter((coin) => !isSpent.has(nameOf(coin))),
    ...unspents
      .filter((coin) => !isConfirmed.has(nameOf(coin)))
      .map(({ txid, index, amountSat }) => ({ txid, index, height: 0, amountSat })),
  ];
}

function nameOf({ txid, index }: OutpointLike): string {
  return `${txid}:${index}`;
}
