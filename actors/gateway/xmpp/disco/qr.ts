/** QR codes as PNG: to pay by, and small enough in their circle to be an avatar. */
import { encode } from "uqr";
import { squarePng } from "./png.ts";

const QUIET_MODULES = 4;
const PIXELS_PER_MODULE = 4;

export interface QrPicture {
  readonly png: Buffer;
  readonly sidePixels: number;
}

export function qrPicture(text: string): QrPicture {
  return picture(text, (size) => size + 2 * QUIET_MODULES);
}

/** Clients cut avatars to a circle, and may show it on black: corners and quiet zone stay inside. */
export function qrAvatar(text: string): QrPicture {
  return picture(text, (size) => Math.ceil(size * Math.SQRT2) + 2 * QUIET_MODULES);
}

function picture(text: string, canvasOf: (sizeModules: number) => number): QrPicture {
  const { data, size } = encode(text, { ecc: "M", border: 0 });
  const canvas = canvasOf(size);
  const margin = Math.floor((canvas - size) / 2);
  const sidePixels = canvas * PIXELS_PER_MODULE;
  const moduleAt = (pixel: number) => Math.floor(pixel / PIXELS_PER_MODULE) - margin;
  const png = squarePng(sidePixels, (x, y) => data[moduleAt(y)]?.[moduleAt(x)] ?? false);
  return { png, sidePixels };
}
