/** The settings that a wallet goes by, as a person calls, reads and sets them. */
import { misuse } from "../errors.ts";
import { harmless } from "../view/terminal.ts";

/** By the names that joinmarket-clientserver gave them; walletd judges the values. */
const MEANINGS: Readonly<Record<string, string>> = Object.freeze({
  "POLICY.merge_algorithm": "which coins a payment takes: default, gradual, greedy, greediest or random",
  "POLICY.tx_fees": "the fee: blocks to wait, up to 1000; above that, satoshi for 1,000 vB",
  "POLICY.tx_fees_factor": "how far an estimated fee is raised by chance: 0.2 is up to a fifth",
  "POLICY.absurd_fee_per_kb": "the highest fee that is paid, in satoshi for 1,000 vB",
  "POLICY.max_sats_freeze_reuse":
    "coins up to so many satoshi are frozen when their address was paid before; -1 all, 0 none",
  "POLICY.gaplimit": "how many unused addresses in a row end the search for coins",
});

export interface SettingRow {
  readonly name: string;
  readonly value: string;
  readonly isSet: boolean;
}

/** The whole name of a setting of which perhaps only the part behind the dot was typed, in whatever case. */
export function settingName(typed: string): string | undefined {
  const wanted = typed.toLowerCase();
  return Object.keys(MEANINGS).find((name) => {
    const lower = name.toLowerCase();
    return lower === wanted || lower === `policy.${wanted}`;
  });
}

/** What may be set: others would be kept, and nothing here would go by them. */
export function settableName(typed: string): string {
  const name = settingName(typed);
  if (name === undefined) throw misuse(unknownSetting(typed));
  return name;
}

/** All that the wallet goes by, and what other programs have set for themselves; or the one that was asked for. */
export function settingRows(
  answer: {
    readonly settings: Readonly<Record<string, string>>;
    readonly inForce: Readonly<Record<string, string>>;
  },
  typed?: string,
): SettingRow[] {
  const { settings, inForce } = answer;
  const others = Object.keys(settings).filter((name) => MEANINGS[name] === undefined);
  const rows = [...Object.keys(MEANINGS), ...others].flatMap((name) => {
    const value = inForce[name] ?? settings[name];
    return value === undefined ? [] : [{ name, value, isSet: settings[name] !== undefined }];
  });
  if (typed === undefined) return rows;
  const wanted = settingName(typed) ?? typed;
  const asked = rows.filter(({ name }) => name === wanted);
  if (asked.length === 0) throw misuse(unknownSetting(typed));
  return asked;
}

/** What a setting does, in words. */
export function settingMeaning(name: string): string {
  return MEANINGS[name] ?? "of another program; nothing here goes by it";
}

/** For the help: names and meanings, in columns. */
export function settingHelp(): string {
  const rows = Object.entries(MEANINGS).map(
    ([name, meaning]) => `  ${name.slice("POLICY.".length)}\n      ${meaning}`,
  );
  return `\nSettings:\n${rows.join("\n")}\n`;
}

function unknownSetting(typed: string): string {
  const names = Object.keys(MEANINGS).map((name) => name.slice("POLICY.".length));
  return `"${harmless(typed)}" is no setting of a wallet. There are: ${names.join(", ")}. A wallet is named by --wallet.`;
}
