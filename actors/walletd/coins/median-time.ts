/** The chain's own clock: the middle of the last eleven blocks' times, by which timelocks end. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import type { Bus } from "../../../bus/bus.ts";
import { type IndexedTip, indexerContract } from "../../../bus/contracts/indexer.ts";

const BLOCKS = 11;
const HEADER_BYTES = 80;
const TIME_AT = 68;

export class MedianTime {
  readonly #bus: Bus;
  #known: { readonly hash: string; readonly timeS: number } | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Of the last block for which it was asked; 0 before that, when every timelock still holds. */
  get timeS(): number {
    return this.#known?.timeS ?? 0;
  }

  async at(tip: IndexedTip): Promise<number> {
    if (this.#known?.hash === tip.hash) return this.#known.timeS;
    const first = Math.max(0, tip.height - BLOCKS + 1);
    const { hex } = await this.#bus
      .client(indexerContract)
      .headers({ height: first, count: tip.height - first + 1 });
    const timeS = medianOf(timesOf(hexToBytes(hex)));
    this.#known = { hash: tip.hash, timeS };
    return timeS;
  }
}

function timesOf(headers: Uint8Array): number[] {
  const view = new DataView(headers.buffer, headers.byteOffset, headers.byteLength);
  const times: number[] = [];
  for (let at = 0; at + HEADER_BYTES <= headers.length; at += HEADER_BYTES) {
    times.push(view.getUint32(at + TIME_AT, true));
  }
  return times;
}

function medianOf(times: number[]): number {
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? 0;
}
