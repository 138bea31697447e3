import { describe, expect, it } from "vitest";
import type { ChildState, ChildStatus } from "../../bus/contracts/supervisor.ts";
import { hostOfGateway } from "./electrum-commands.ts";

function child(id: string, state: ChildState, children: ChildStatus[] = []): ChildStatus {
  return { id, kind: "actor", state, placement: "", critical: false, restarts: 0, doors: [], children };
}

function treeWith(state: ChildState) {
  const stage = child("stage", "ready", [child("mempool", "ready"), child("gateway", state)]);
  return { host: "vault", root: child("root", "ready", [stage]) };
}

describe("the gateway that is asked about Electrum clients", () => {
  it("is this host's, in whatever state it is", () => {
    expect(hostOfGateway(treeWith("ready"))).toBe("vault");
    expect(hostOfGateway(treeWith("starting"))).toBe("vault");
  });

  it("is to be named where none runs here", () => {
    expect(() => hostOfGateway(treeWith("elsewhere"))).toThrow(
      /No gateway runs on this host \(vault\).*--host/,
    );
    expect(() => hostOfGateway(treeWith("off"))).toThrow(/switched off on this host \(vault\).*--host/);
  });
});
