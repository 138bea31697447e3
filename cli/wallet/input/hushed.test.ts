/** What is typed while something is tried: not shown, not lost. */
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import type { Terminal } from "../../terminal-io.ts";
import { hushed } from "./hushed.ts";

class Keyboard extends PassThrough {
  isRaw = false;

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw;
  }
}

it.each([
  ["is done", () => Promise.resolve("tried")],
  ["fails", () => Promise.reject(new Error("tried"))],
])("keeps what is typed for the next question, unshown, until what is tried %s", async (_, end) => {
  const stdin = new Keyboard();
  const terminal = { stdin } as unknown as Terminal;
  let isShown = true;

  await hushed(terminal, async () => {
    stdin.write("the nä");
    await new Promise(setImmediate);
    stdin.write("xt\rand the one after\r");
    await new Promise(setImmediate);
    isShown = !stdin.isRaw;
    return end();
  }).catch(() => {});

  expect(isShown).toBe(false);
  expect(stdin.isRaw).toBe(false);
  expect(stdin.isPaused()).toBe(true);
  const pieces: string[] = [];
  stdin.on("data", (piece: Buffer) => pieces.push(String(piece)));
  stdin.resume();
  await new Promise(setImmediate);
  expect(pieces).toEqual(["the näxt\r", "and the one after\r"]);
});
