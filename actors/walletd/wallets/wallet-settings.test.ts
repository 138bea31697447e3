import { describe, expect, it } from "vitest";
import { walletdSection } from "../config.ts";
import { checkSetting, readSettings, textsOf } from "./wallet-settings.ts";

const config = walletdSection.schema.parse({});

describe("a wallet's settings", () => {
  it("are the section's until they are set, each by the name that joinmarket-clientserver gave it", () => {
    const usual = readSettings({}, config);
    const own = readSettings(
      {
        "POLICY.gaplimit": "100",
        "POLICY.max_sats_freeze_reuse": "0",
        "POLICY.merge_algorithm": "greedy",
        "POLICY.tx_fees": "6",
        "POLICY.tx_fees_factor": "0",
        "POLICY.absurd_fee_per_kb": "50000",
        "MESSAGING.whatever": "theirs",
      },
      config,
    );

    expect(usual).toMatchObject({
      gap: 20,
      freezeReuseSat: -1,
      mergeAlgorithm: "default",
      fee: { blocks: 3 },
      feeRandom: 0.2,
    });
    expect(own).toEqual({
      ...{ gap: 100, freezeReuseSat: 0, mergeAlgorithm: "greedy", fee: { blocks: 6 } },
      ...{ feeRandom: 0, feeMaxSatPerVb: 50 },
    });
  });

  it("mean blocks up to a thousand and satoshi per 1,000 vB above", () => {
    expect(readSettings({ "POLICY.tx_fees": "1000" }, config).fee).toEqual({ blocks: 1_000 });
    expect(readSettings({ "POLICY.tx_fees": "1001" }, config).fee).toEqual({ satPerVb: 1.001 });
  });

  it.each([
    ["POLICY.gaplimit", ["0", "10001", "-1", "1e3", " ", "", "12.5", "0x10", "NaN"]],
    ["POLICY.max_sats_freeze_reuse", ["-2", "all", "2100000000000001"]],
    ["POLICY.merge_algorithm", ["Greedy", "", "constructor", "__proto__"]],
    ["POLICY.tx_fees_factor", ["-0.1", "10.1", "Infinity", "x"]],
    ["POLICY.absurd_fee_per_kb", ["999", "100000001"]],
  ])("refuse what %s cannot be, and pass over it where a file has it all the same", (key, values) => {
    for (const value of values) {
      expect(() => checkSetting(key, value), value).toThrow(
        expect.objectContaining({ code: "WALLETD_SETTING" }),
      );
      expect(readSettings({ [key]: value }, config)).toEqual(readSettings({}, config));
    }
  });
});

describe("what is in force", () => {
  it("is told as it would be set, and is the same when it is set so", () => {
    for (const settings of [{}, { "POLICY.gaplimit": "100" }, { "POLICY.tx_fees": "12345" }]) {
      const told = textsOf(readSettings(settings, config));
      expect(told).toMatchObject(settings);
      expect(Object.keys(told)).toHaveLength(6);
      for (const [key, value] of Object.entries(told)) checkSetting(key, value);
      expect(textsOf(readSettings(told, config))).toEqual(told);
    }
  });
});
