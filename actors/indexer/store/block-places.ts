/** Where blocks lie in the node's files, as the store keeps it: twelve bytes a block, all zeros where it is not known. */
import type { BlockPlace } from "../../../bitcoind/files/block-reader.ts";
import { PLACES } from "./tables.ts";

const LENGTH_AT = 8;

/** Of blocks that follow one another; without `places` nothing is known of any. */
export function packPlaces(count: number, places: readonly (BlockPlace | undefined)[] = []): Uint8Array {
  const view = new DataView(new ArrayBuffer(count * PLACES.itemBytes));
  places.forEach((place, i) => {
    if (place === undefined) return;
    view.setUint32(i * PLACES.itemBytes, place.file);
    view.setUint32(i * PLACES.itemBytes + 4, place.offset);
    view.setUint32(i * PLACES.itemBytes + LENGTH_AT, place.lengthBytes);
  });
  return new Uint8Array(view.buffer);
}

export function unpackPlaces(items: Uint8Array): (BlockPlace | undefined)[] {
  const view = new DataView(items.buffer, items.byteOffset, items.byteLength);
  const places: (BlockPlace | undefined)[] = [];
  for (let at = 0; at < items.length; at += PLACES.itemBytes) {
    const lengthBytes = view.getUint32(at + LENGTH_AT);
    const place = { file: view.getUint32(at), offset: view.getUint32(at + 4), lengthBytes };
    places.push(lengthBytes === 0 ? undefined : place);
  }
  return places;
}

/** Without an object for each. */
export function countPlaces(items: Uint8Array): number {
  const view = new DataView(items.buffer, items.byteOffset, items.byteLength);
  let count = 0;
  for (let at = LENGTH_AT; at < items.length; at += PLACES.itemBytes)
    if (view.getUint32(at) !== 0) count += 1;
  return count;
}
