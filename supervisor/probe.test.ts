import { describe, expect, test } from "vitest";
import type { Bus } from "../bus/bus.ts";
import { TroupeError } from "../runtime/errors.ts";
import { busProbe } from "./probe.ts";

const answer = () => Promise.resolve({ state: "syncing" });
const failing = (code: string) => () => Promise.reject(new TroupeError({ code }, code));

/** Only what the probe uses of a bus. */
class ScriptedBus {
  isUp = true;
  upForMs = 60_000;
  health: () => Promise<unknown> = answer;

  client(): unknown {
    return { health: () => this.health() };
  }
}

const probeOver = (bus: ScriptedBus | undefined) => busProbe(() => bus as unknown as Bus, "dummy", "one");

describe("the health probe", () => {
  test.each([
    ["an answer", answer, "ok"],
    ["no answer in time", failing("BUS_DEADLINE"), "miss"],
    ["an actor that is gone", failing("BUS_UNAVAILABLE"), "miss"],
    ["a refusal for another reason", failing("BUS_FORBIDDEN"), "unknown"],
  ])("takes %s as it should, from an actor that has answered before", async (_name, health, expected) => {
    const bus = new ScriptedBus();
    const probe = probeOver(bus);
    expect(await probe.ask()).toBe("ok");

    bus.health = health;

    expect(await probe.ask()).toBe(expected);
  });

  test("gives an actor the time to come back to a bus that was away", async () => {
    const bus = new ScriptedBus();
    const probe = probeOver(bus);
    await probe.ask();
    bus.health = failing("BUS_UNAVAILABLE");

    bus.upForMs = 50;
    expect(await probe.ask()).toBe("unknown");
    bus.upForMs = 30_000;
    expect(await probe.ask()).toBe("miss");
  });

  test("holds nothing against an actor that has never served", async () => {
    const bus = new ScriptedBus();
    bus.health = failing("BUS_UNAVAILABLE");
    expect(await probeOver(bus).ask()).toBe("unknown");
  });

  test("holds the silence of a bus that went down meanwhile against nobody", async () => {
    const bus = new ScriptedBus();
    bus.health = () => {
      bus.isUp = false;
      return failing("BUS_DEADLINE")();
    };
    expect(await probeOver(bus).ask()).toBe("unknown");
    expect(await probeOver(bus).ask()).toBe("unknown");
    expect(await probeOver(undefined).ask()).toBe("unknown");
  });
});
