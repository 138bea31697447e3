/** A PSBT as QR codes: as one where the terminal has room for it, else as a round of smaller ones that signers with a camera put together. */
import { renderUnicodeCompact } from "uqr";
import { paintOf, say, type Terminal, widthOf } from "../../terminal-io.ts";
import { liveScreen } from "../../view/live-screen.ts";
import { clip } from "../../view/terminal.ts";
import { cborBytes, urParts } from "./ur.ts";

export interface Room {
  readonly columns: number;
  readonly rows: number;
}

/** A code holds 2,953 bytes at most, and one so dense is read by no camera: half of it is. */
const LETTERS_MAX = 1_200;
/** What signers call a PSBT; the newer name `psbt` is known to fewer. */
const TYPE = "crypto-psbt";
const PART_BYTES_MAX = 250;
const PART_BYTES_MIN = 20;
const PART_BYTES_STEP = 5;
/** A minute of them; nobody stands before a screen for longer. */
const PARTS_MAX = 200;
const PART_MS = 300;

/** Each as lines; none where neither one nor a bearable number of them does. */
export function psbtCodes(psbt: string, room: Room): string[][] {
  if (psbt.length <= LETTERS_MAX) {
    const one = code(psbt);
    if (fits(one, room)) return [one];
  }
  const cbor = cborBytes(Buffer.from(psbt, "base64"));
  for (let bytes = PART_BYTES_MAX; bytes >= PART_BYTES_MIN; bytes -= PART_BYTES_STEP) {
    const parts = urParts(TYPE, cbor, bytes);
    if (parts.length > PARTS_MAX) return [];
    // The last has the longest number, and all have as many bytes. Capitals take less room.
    if (fits(code((parts.at(-1) as string).toUpperCase()), room))
      return parts.map((part) => code(part.toUpperCase()));
  }
  return [];
}

/** One stays on the screen; several take turns until the person presses Enter. */
export async function showCodes(psbt: string, terminal: Terminal): Promise<void> {
  const room = { columns: widthOf(terminal), rows: (terminal.stdout.rows ?? 24) - 1 };
  const codes = psbtCodes(psbt, room);
  const [only, another] = codes;
  if (only === undefined) {
    say(terminal, "It is too large for QR codes on this terminal: make that larger, or use --out <file>.");
    return;
  }
  if (another === undefined) {
    for (const line of only) say(terminal, line);
    return;
  }
  const paint = paintOf(terminal);
  let turn = -1;
  const foot = () => `${turn + 1} of ${codes.length}   hold the signer's camera here; Enter leaves`;
  await liveScreen(terminal, {
    everyMs: PART_MS,
    refresh: () => {
      turn = (turn + 1) % codes.length;
    },
    lines: () => [...(codes[turn] ?? []), paint("dim", clip(foot(), room.columns))],
  });
}

function code(text: string): string[] {
  return renderUnicodeCompact(text, { border: 2, ecc: "L" }).split("\n");
}

function fits(lines: readonly string[], { columns, rows }: Room): boolean {
  return lines.length <= rows && lines.every((line) => line.length <= columns);
}
