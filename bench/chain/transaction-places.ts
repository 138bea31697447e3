/** Where each transaction of a chain file stands, as a node with an index of all transactions knows it. */
import { spanTxidBytes, walkBlock } from "../../bitcoin/block/block-walker.ts";
import { hexToBytes, type Txid, txidToBytes } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import type { ChainFileSource } from "./chain-file.ts";

interface Place {
  readonly height: number;
  /** In the block's bytes. */
  readonly start: number;
  readonly end: number;
}

const NUMBERS_EACH = 3;

export class TransactionPlaces {
  readonly #chain: ChainFileSource;
  /** By the first six bytes of the id, which tell a few million apart: the number of the transaction. */
  readonly #numbers = new Map<number, number>();
  readonly #places: number[] = [];

  private constructor(chain: ChainFileSource) {
    this.#chain = chain;
  }

  /** Reads the whole chain. */
  static async of(chain: ChainFileSource): Promise<TransactionPlaces> {
    const places = new TransactionPlaces(chain);
    let height = 0;
    for await (const block of chain.allBlocks()) {
      walkBlock(
        block,
        {
          transaction: (span) => {
            places.#numbers.set(keyOf(spanTxidBytes(block, span)), places.#places.length / NUMBERS_EACH);
            places.#places.push(height, span.start, span.end);
          },
        },
        regtest.serialization,
      );
      height++;
    }
    return places;
  }

  heightOf(txid: string): number | undefined {
    return this.#find(txid)?.height;
  }

  async raw(txid: string): Promise<Uint8Array | undefined> {
    const place = this.#find(txid);
    const hash = place === undefined ? undefined : this.#chain.hashAt(place.height);
    if (place === undefined || hash === undefined) return undefined;
    return this.#chain.bytesOf(hash, place.start, place.end);
  }

  #find(txid: string): Place | undefined {
    if (hexToBytes(txid).length !== 32) return undefined;
    const number = this.#numbers.get(keyOf(txidToBytes(txid as Txid)));
    if (number === undefined) return undefined;
    const [height = 0, start = 0, end = 0] = this.#places.slice(
      NUMBERS_EACH * number,
      NUMBERS_EACH * (number + 1),
    );
    return { height, start, end };
  }
}

function keyOf(txid: Uint8Array): number {
  return Buffer.from(txid.buffer, txid.byteOffset, txid.length).readUIntLE(0, 6);
}
