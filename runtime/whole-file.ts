/** Files that appear under their name whole or not at all, whatever ends the program meanwhile; for their owner only. */
import { randomBytes } from "node:crypto";
import { closeSync, constants, linkSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";

const { O_WRONLY, O_CREAT, O_EXCL, O_DSYNC } = constants;

/**
 * Writes a file that must not be there yet; its bytes are on the disk when this returns.
 * By O_DSYNC and not by fsync, which Node's permission model refuses to an actor that is confined to its directory.
 */
export function writeDraft(path: string, text: string | Uint8Array): void {
  const file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_DSYNC, 0o600);
  try {
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** The file is what it was, or `text`. */
export function writeWhole(path: string, text: string | Uint8Array): void {
  viaDraft(path, text, (draft) => renameSync(draft, path));
}

/** Throws `EEXIST` when the name is taken, also if it was taken a moment ago. */
export function createWhole(path: string, text: string | Uint8Array): void {
  viaDraft(path, text, (draft) => linkSync(draft, path));
}

function viaDraft(path: string, text: string | Uint8Array, publish: (draft: string) => void): void {
  const draft = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeDraft(draft, text);
    publish(draft);
  } finally {
    // A renamed draft is gone already.
    rmSync(draft, { force: true });
  }
}
