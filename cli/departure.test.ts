/** What somebody is told who leaves something that goes on. */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { expect, it, vi } from "vitest";
import { whileWatched } from "./departure.ts";
import type { Terminal } from "./terminal-io.ts";

function terminalOf() {
  const stderr = new PassThrough();
  return { stderr, stdout: new PassThrough() } as unknown as Terminal & { readonly stderr: PassThrough };
}

it("Ctrl-C says what goes on and still ends the program; afterwards it is as before", async () => {
  const kill = vi.spyOn(process, "kill").mockReturnValue(true);
  const before = process.listenerCount("SIGINT");
  const terminal = terminalOf();
  let finish: (value: number) => void = () => {};
  const work = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const watched = whileWatched(work, ["It goes on.", "End it: cancel"], terminal);
  expect(process.listenerCount("SIGINT")).toBe(before + 1);

  process.emit("SIGINT");
  const [text] = await once(terminal.stderr, "data");
  expect(String(text)).toBe("\nIt goes on.\nEnd it: cancel\n");
  expect(kill).toHaveBeenCalledWith(process.pid, "SIGINT");

  finish(7);
  expect(await watched).toBe(7);
  expect(process.listenerCount("SIGINT")).toBe(before);
  kill.mockRestore();
});
