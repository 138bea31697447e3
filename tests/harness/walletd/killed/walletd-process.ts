/** The wallet daemon as its supervisor starts it, with cheap passwords: a process of its own, confined, that a test may kill. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { walletdSection } from "../../../../actors/walletd/config.ts";
import type { Boot } from "../../../../bus/actor.ts";
import { systemClock } from "../../../../runtime/clock.ts";
import type { Life } from "../../../../supervisor/life.ts";
import { built, builtUrl } from "../../built.ts";
import type { World } from "../../worlds.ts";

const START_TIMEOUT_MS = 60_000;

export class WalletdProcess {
  readonly #life: Life;
  readonly #directory: string;

  private constructor(life: Life, directory: string) {
    this.#life = life;
    this.#directory = directory;
  }

  /** `entry` is the compiled file that hosts it: the one with cheap passwords, unless it is named. */
  static async start(
    world: World,
    directory: string,
    section: object,
    entry = builtUrl("tests/harness/walletd/cheap-walletd.js"),
  ): Promise<WalletdProcess> {
    const { launchProcess } = await built<typeof import("../../../../supervisor/places/process.ts")>(
      "supervisor/places/process.js",
    );
    const boot: Boot = {
      ...{
        actor: "walletd",
        instance: "main",
        host: "box",
        section: { ...walletdSection.schema.parse({}), ...section },
      },
      bus: {
        servers: [`nats://127.0.0.1:${world.port}`],
        ...{ user: "walletd", seed: world.seedOf("walletd"), connectTimeoutMs: START_TIMEOUT_MS },
      },
      log: { level: "error", file: join(directory, "walletd.log") },
      telemetry: { otlpEndpoint: undefined, sampleRatio: 0 },
      ...{ dataDirectory: directory, network: "regtest", version: "0" },
    };
    const life = launchProcess(
      {
        ...{
          id: "walletd",
          entry,
          boot: () => boot,
          clock: systemClock,
        },
        startTimeoutMs: START_TIMEOUT_MS,
        permissions: { read: [directory], write: [directory] },
      },
      {
        report: () => undefined,
        doors: () => undefined,
        logged: () => undefined,
      },
    );
    await life.started;
    return new WalletdProcess(life, directory);
  }

  get exited(): Promise<unknown> {
    return this.#life.exited;
  }

  /** What it held for an error, the newest last. */
  get errors(): string {
    try {
      return readFileSync(join(this.#directory, "walletd.log"), "utf8").split("\n").slice(-4).join("\n");
    } catch {
      // It had nothing to say.
      return "";
    }
  }

  /** SIGKILL, at once. */
  async kill(): Promise<void> {
    this.#life.kill();
    await this.#life.exited;
  }
}
