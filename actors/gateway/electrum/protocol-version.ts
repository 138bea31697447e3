/** Versions of the Electrum protocol: how they are written, which is the older, and on which two sides agree. */

/** `1.4.2` as `[1, 4, 2]`. */
export type ProtocolVersion = readonly number[];

/** What a text says, or undefined when it is no version. `1.4` and `1.4.0` are two, as every peer has it. */
export function parseVersion(text: unknown): ProtocolVersion | undefined {
  if (typeof text !== "string" || !/^\d{1,4}(\.\d{1,4}){0,3}$/.test(text)) return undefined;
  return Object.freeze(text.split(".").map(Number));
}

/** As above, for texts of our own. */
export function version(text: string): ProtocolVersion {
  const parsed = parseVersion(text);
  if (parsed === undefined) throw new RangeError(`"${text}" is no version of the protocol`);
  return parsed;
}

export function versionText(parsed: ProtocolVersion): string {
  return parsed.join(".");
}

/** Below 0 when `a` is older. Number by number; of two that begin alike the shorter is the older. */
export function compareVersions(a: ProtocolVersion, b: ProtocolVersion): number {
  for (let at = 0; ; at++) {
    const [left, right] = [a[at], b[at]];
    if (left === undefined || right === undefined) return a.length - b.length;
    if (left !== right) return left - right;
  }
}

export interface VersionRange {
  readonly min: ProtocolVersion;
  readonly max: ProtocolVersion;
}

/** The newest version that both have; undefined when there is none. */
export function agree(ours: VersionRange, theirs: VersionRange): ProtocolVersion | undefined {
  const newest = compareVersions(theirs.max, ours.max) < 0 ? theirs.max : ours.max;
  const oldest = compareVersions(theirs.min, ours.min) > 0 ? theirs.min : ours.min;
  return compareVersions(newest, oldest) < 0 ? undefined : newest;
}

/** What a client asks for: absent, `"1.4"` or `["1.4", "1.6"]`. Undefined when it is none of these. */
export function wantedRange(asked: unknown, ours: VersionRange): VersionRange | undefined {
  if (asked === undefined || asked === null) return { min: ours.min, max: ours.min };
  const [first, second] = Array.isArray(asked) && asked.length === 2 ? asked : [asked, asked];
  const [min, max] = [parseVersion(first), parseVersion(second)];
  return min === undefined || max === undefined ? undefined : { min, max };
}
