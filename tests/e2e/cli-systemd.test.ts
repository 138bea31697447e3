/** What systemd hears of us, at a real notify socket: `systemd-socket-activate` holds it, since Node has no Unix datagrams. */
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Home } from "../harness/cli/command.ts";

const tools = ["systemd-notify", "systemd-socket-activate"];
const missing = tools.filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
if (missing.length > 0) {
  if (process.env["CI"]) throw new Error(`not installed: ${missing.join(", ")}`);
  process.stderr.write(`skipped: not installed: ${missing.join(", ")}\n`);
}

/** Each read of the inherited socket is one message. */
const RECEIVER = `
import { readSync } from "node:fs";
const buffer = Buffer.alloc(4096);
for (;;) console.log(JSON.stringify(buffer.toString("utf8", 0, readSync(3, buffer))));
`;

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.close());

async function receive(address: string): Promise<{ messages: string[]; close(): void }> {
  const receiver = join(home.path, "receiver.mjs");
  writeFileSync(receiver, RECEIVER);
  const child = spawn(
    "systemd-socket-activate",
    ["--datagram", "--listen", address, process.execPath, receiver],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const messages: string[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    messages.push(...lines.map((line) => JSON.parse(line) as string));
  });
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes("Listening on")) resolve();
    });
    child.once("exit", (code) => reject(new Error(`systemd-socket-activate ended with ${code}`)));
  });
  return { messages, close: () => child.kill("SIGKILL") };
}

test.skipIf(missing.length > 0).each(["path", "abstract"])(
  "systemd hears that we are ready, alive and stopping (%s socket)",
  async (kind) => {
    const address = kind === "path" ? join(home.path, "notify") : `@troupe-test-${process.pid}`;
    const systemd = await receive(address);
    try {
      const started = home.spawnWith(
        { NOTIFY_SOCKET: address, WATCHDOG_USEC: "600000" },
        "start",
        ...home.anyPort,
      );
      const heard = () => systemd.messages.join("\n");

      await expect.poll(heard, { timeout: 60_000 }).toMatch(/READY=1/);
      await expect.poll(() => heard().match(/WATCHDOG=1/g)?.length, { timeout: 60_000 }).toBeGreaterThan(2);
      started.kill("SIGTERM");
      expect((await started.ended).exitCode).toBe(0);

      // Each message comes by a process of its own, and the last ones maybe after ours has ended.
      await expect.poll(heard, { timeout: 60_000 }).toMatch(/STATUS=ready on regtest/);
      await expect.poll(heard, { timeout: 60_000 }).toMatch(/STOPPING=1/);
      expect(heard().indexOf("READY=1")).toBeLessThan(heard().indexOf("STOPPING=1"));
    } finally {
      systemd.close();
    }
  },
);
