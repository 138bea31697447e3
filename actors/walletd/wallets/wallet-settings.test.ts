import { describe, expect, it } from "vitest";
import { walletdSection } from "../config.ts";
import { checkSetting, readSettings, textsOf } from "./wallet-settings.ts";

const CONFIG = walletdSection.schema.parse({});

describe("what is in force", () => {
  it("is the section's until the wallet has its own, and is told as it would be set", () => {
    const standard = textsOf(readSettings({}, CONFIG));
    expect(standard).toEqual({
      "POLICY.gaplimit": "20",
      "POLICY.max_sats_freeze_reuse": "-1",
      "POLICY.merge_algorithm": "default",
      "POLICY.tx_fees": "3",
      "POLICY.tx_fees_factor": "0.2",
      "POLICY.absurd_fee_per_kb": "350000",
    });
    const own = { "POLICY.gaplimit": "100", "POLICY.tx_fees": "12345", "POLICY.merge_algorithm": "greedy" };
    expect(textsOf(readSettings(own, CONFIG))).toEqual({ ...standard, ...own });
  });

  it("can be set again as it was told, and is the same then", () => {
    for (const settings of [{}, { "POLICY.tx_fees": "1001" }, { "POLICY.tx_fees_factor": "0.35" }]) {
      const told = textsOf(readSettings(settings, CONFIG));
      for (const [key, value] of Object.entries(told)) checkSetting(key, value);
      expect(textsOf(readSettings(told, CONFIG))).toEqual(told);
    }
  });
});
