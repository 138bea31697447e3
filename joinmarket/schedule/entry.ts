/** One coinjoin of a schedule, and what may stand in it; on the wire and in files it is a row of seven. Pure. */
import type { Network } from "../../bitcoin/network.ts";
import { isAddress } from "../../bitcoin/script/address.ts";
import { JoinmarketError } from "../errors.ts";

/** To the wallet's own next mixdepth. */
export const INTERNAL = "INTERNAL";
/** To an address that the owner is asked for when it is needed. */
export const ASKED_FOR = "addrask";
/** More figures than an amount has. */
export const NOT_ROUNDED = 16;
export const SCHEDULE_ENTRIES_MAX = 200;
export const ENTRY_MAKERS_MAX = 20;

export interface ScheduleEntry {
  readonly mixdepth: number;
  /** 0 takes all, below 1 a share of what the mixdepth had at its first coinjoin, else satoshi. */
  readonly amount: number;
  readonly makers: number;
  readonly destination: string;
  /** After it has confirmed. */
  readonly waitMinutes: number;
  /** To so many figures the amount is rounded. */
  readonly figures: number;
  /** 0: to be done; a txid: sent; 1: confirmed. */
  readonly completion: 0 | 1 | string;
}

export type ScheduleRow = [
  mixdepth: number,
  amount: number,
  makers: number,
  destination: string,
  waitMinutes: number,
  figures: number,
  completion: 0 | 1 | string,
];

export function rowOf(entry: ScheduleEntry): ScheduleRow {
  const { mixdepth, amount, makers, destination, waitMinutes, figures, completion } = entry;
  return [mixdepth, amount, makers, destination, waitMinutes, figures, completion];
}

export function entryOf(row: Readonly<ScheduleRow>): ScheduleEntry {
  const [mixdepth, amount, makers, destination, waitMinutes, figures, completion] = row;
  return { mixdepth, amount, makers, destination, waitMinutes, figures, completion };
}

export function isSweep({ amount }: Pick<ScheduleEntry, "amount">): boolean {
  return amount === 0;
}

export function isShare({ amount }: Pick<ScheduleEntry, "amount">): boolean {
  return amount > 0 && amount < 1;
}

/** Whether its coins leave the wallet. */
export function isOutward({ destination }: Pick<ScheduleEntry, "destination">): boolean {
  return destination !== INTERNAL;
}

export interface ScheduleRules {
  readonly network: Network;
  /** How many the wallet has. */
  readonly mixdepths: number;
}

/** @throws JOINMARKET_BAD_SCHEDULE for what no wallet of so many mixdepths on this network can do. */
export function checkSchedule(
  entries: readonly ScheduleEntry[],
  { network, mixdepths }: ScheduleRules,
): void {
  if (entries.length === 0) throw badSchedule(0, "it is empty");
  if (entries.length > SCHEDULE_ENTRIES_MAX)
    throw badSchedule(0, `it has more than ${SCHEDULE_ENTRIES_MAX} entries`);
  const firstOpen = entries.findIndex(({ completion }) => completion !== 1);
  for (const [at, { mixdepth, destination, completion }] of entries.entries()) {
    if (mixdepth >= mixdepths) throw badSchedule(at + 1, `the wallet has no mixdepth ${mixdepth}`);
    if (destination !== INTERNAL && destination !== ASKED_FOR && !isAddress(destination, network)) {
      throw badSchedule(at + 1, `"${destination}" is no address of ${network.name}`);
    }
    if (completion !== 0 && firstOpen >= 0 && at > firstOpen) {
      throw badSchedule(at + 1, "it is done before the entries above it");
    }
  }
}

/** `entry` counts from 1; 0 is all of it. */
export function badSchedule(entry: number, what: string): JoinmarketError {
  return new JoinmarketError(
    { code: "JOINMARKET_BAD_SCHEDULE", entry, what },
    entry === 0 ? `The schedule cannot be: ${what}.` : `The schedule's entry ${entry} cannot be: ${what}.`,
  );
}
