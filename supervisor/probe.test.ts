import { describe, expect, test } from "vitest";
import type { Bus } from "../bus/bus.ts";
import { TroupeError } from "../runtime/errors.ts";
import { busProbe } from "./probe.ts";

/** Only what the probe uses of a bus. */
function busThat(health: () => Promise<unknown>, isUp = true): Bus {
  return { isUp, client: () => ({ health }) } as unknown as Bus;
}

const failing = (code: string) => () => Promise.reject(new TroupeError({ code }, code));

describe("the health probe", () => {
  test.each([
    ["an answer", busThat(() => Promise.resolve({ state: "syncing" })), "ok"],
    ["no answer in time", busThat(failing("BUS_DEADLINE")), "miss"],
    ["nobody there", busThat(failing("BUS_UNAVAILABLE")), "miss"],
    ["a refusal for another reason", busThat(failing("BUS_FORBIDDEN")), "unknown"],
    ["a bus that is down", busThat(failing("BUS_UNAVAILABLE"), false), "unknown"],
    ["no bus at all", undefined, "unknown"],
  ])("takes %s as it should", async (_name, bus, expected) => {
    expect(await busProbe(() => bus, "dummy", "one").ask()).toBe(expected);
  });
});
