/** What a wallet's owner has set for it, by the names that joinmarket-clientserver gave these settings; otherwise the section's. */
import type { MergeAlgorithm } from "../../../joinmarket/coins/select.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";

const ALGORITHMS: readonly MergeAlgorithm[] = ["default", "gradual", "greedy", "greediest", "random"];
/** `tx_fees` up to this are blocks, above it satoshi per 1,000 virtual bytes. */
const FEE_BLOCKS_MAX = 1_000;

const GAP = "POLICY.gaplimit";
const FREEZE_REUSE = "POLICY.max_sats_freeze_reuse";
const MERGE = "POLICY.merge_algorithm";
const FEES = "POLICY.tx_fees";
const FEE_FACTOR = "POLICY.tx_fees_factor";
const FEE_MAX = "POLICY.absurd_fee_per_kb";

/** What we read by ourselves, each with what it may be. The others belong to whoever set them. */
const RULES: Readonly<Record<string, { readonly expected: string; fits(text: string): boolean }>> =
  Object.freeze({
    [GAP]: { expected: "a whole number from 1 to 10000", fits: (text) => isWhole(text, 1, 10_000) },
    [FREEZE_REUSE]: {
      expected: "-1 for always, 0 for never, or satoshi",
      fits: (text) => isWhole(text, -1, 2_100_000_000_000_000),
    },
    [MERGE]: {
      expected: ALGORITHMS.join(", "),
      fits: (text) => ALGORITHMS.some((name) => name === text),
    },
    [FEES]: {
      expected: "blocks up to 1000, or satoshi per 1,000 vB above",
      fits: (text) => isWhole(text, 1, 100_000_000),
    },
    [FEE_FACTOR]: {
      expected: "a number from 0 to 10",
      fits: (text) => Number(text) >= 0 && Number(text) <= 10,
    },
    [FEE_MAX]: {
      expected: "satoshi per 1,000 vB",
      fits: (text) => isWhole(text, 1_000, 100_000_000),
    },
  });

export function checkSetting(key: string, value: string): void {
  const rule = RULES[key];
  if (rule !== undefined && !(value.trim() !== "" && rule.fits(value)))
    throw denials.setting(key, rule.expected);
}

/** The settings of a new wallet whose maker says how far its addresses may lie apart. */
export function settingsOfNew(gap: number | undefined): Record<string, string> {
  return gap === undefined ? {} : { [GAP]: String(gap) };
}

export interface WalletSettings {
  readonly gap: number;
  readonly freezeReuseSat: number;
  readonly mergeAlgorithm: MergeAlgorithm;
  readonly fee: { readonly blocks: number } | { readonly satPerVb: number };
  /** The most by which an estimate is raised at random: 0.2 is a fifth. */
  readonly feeRandom: number;
  readonly feeMaxSatPerVb: number;
}

export function readSettings(
  settings: Readonly<Record<string, string>>,
  config: WalletdConfig,
): WalletSettings {
  const read = (key: string): string | undefined => {
    const value = settings[key];
    return value !== undefined && RULES[key]?.fits(value) === true ? value : undefined;
  };
  const whole = (key: string, otherwise: number) => Number(read(key) ?? otherwise);
  const fees = whole(FEES, config.fee_blocks);
  return {
    gap: whole(GAP, config.gap),
    freezeReuseSat: whole(FREEZE_REUSE, config.freeze_reuse_sat),
    mergeAlgorithm: ALGORITHMS.find((name) => name === read(MERGE)) ?? config.merge_algorithm,
    fee: fees <= FEE_BLOCKS_MAX ? { blocks: fees } : { satPerVb: fees / 1_000 },
    feeRandom: whole(FEE_FACTOR, config.fee_random_percent / 100),
    feeMaxSatPerVb: whole(FEE_MAX, config.fee_max_sat_per_vb * 1_000) / 1_000,
  };
}

/** What is in force, as it would be set. */
export function textsOf(settings: WalletSettings): Record<string, string> {
  const { gap, freezeReuseSat, mergeAlgorithm, fee, feeRandom, feeMaxSatPerVb } = settings;
  return {
    [GAP]: String(gap),
    [FREEZE_REUSE]: String(freezeReuseSat),
    [MERGE]: mergeAlgorithm,
    [FEES]: String("blocks" in fee ? fee.blocks : Math.round(fee.satPerVb * 1_000)),
    [FEE_FACTOR]: String(feeRandom),
    [FEE_MAX]: String(Math.round(feeMaxSatPerVb * 1_000)),
  };
}

function isWhole(text: string, min: number, max: number): boolean {
  return /^-?\d{1,16}$/.test(text) && Number(text) >= min && Number(text) <= max;
}
