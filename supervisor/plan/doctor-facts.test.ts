import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Tree } from "../../bus/contracts/supervisor.ts";
import { doctorFacts } from "./doctor-facts.ts";
import { readSettings } from "./settings.ts";

it("knows the doors of the supervisor that runs as its own, with and without a scheme, and asks no node of a sandbox", () => {
  const data = mkdtempSync(join(tmpdir(), "troupe-facts-"));
  onTestFinished(() => rmSync(data, { recursive: true }));
  const settings = readSettings({ data, sandbox: true, environment: {} });
  const door = (address: string) => ({ name: "door", address, doc: "" });
  const running = {
    bus: { address: "nats://127.0.0.1:4222" },
    root: {
      doors: [],
      children: [{ doors: [door("127.0.0.1:5222"), door("tls://[::1]:50002")], children: [] }],
    },
  };
  const facts = doctorFacts(settings, running as unknown as Tree);

  expect([...facts.openAddresses]).toEqual(["127.0.0.1:4222", "127.0.0.1:5222", "::1:50002"]);
  expect(facts.node).toBeUndefined();
});
