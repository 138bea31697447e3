import { EventEmitter } from "node:events";
import type { LibraryStream } from "@xmpp/connection-tcp";
import { expect, it } from "vitest";
import { guardWire } from "./wire-guard.ts";

it("keeps nothing of what stands between stanzas", () => {
  const root = { children: [] as unknown[] };
  const parser = { root, write: (text: string) => void root.children.push(text) };
  const stream = Object.assign(new EventEmitter(), {
    parser,
    socket: null,
    _onData: (_: string) => undefined,
    _onElement: () => undefined,
  });
  guardWire(stream as unknown as LibraryStream, () => undefined);
  for (let at = 0; at < 10; at++) stream._onData(" ");
  expect(root.children).toHaveLength(10);
  stream.emit("element");
  expect(root.children).toEqual([]);
});
