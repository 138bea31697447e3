/** The peers of a directory as its lines list them: nick, place, whether it has left, and what it can do. */
import { parseHostPort } from "../../../runtime/config/config-values.ts";
import { isNick } from "../../nick/nick.ts";
import { NOT_SERVING } from "./not-serving.ts";

const LEFT = "D";
const FEATURES = "F:";
const FEATURE = /^[a-z0-9_]{1,64}$/;
const FEATURES_MAX = 32;
const LOCATION_LENGTH_MAX = 260;

export interface ListedPeer {
  readonly nick: string;
  /** `host:port`, or undefined of a bot that cannot be reached. */
  readonly location: string | undefined;
  readonly hasLeft: boolean;
  readonly features: ReadonlySet<string>;
}

export function isLocation(text: string): boolean {
  return text.length <= LOCATION_LENGTH_MAX && (parseHostPort(text)?.port ?? 0) > 0;
}

/** Features are only for those who know the form: joinmarket-clientserver drops an entry that has them. */
export function writePeer({ nick, location, hasLeft, features }: ListedPeer, withFeatures: boolean): string {
  const left = hasLeft ? `;${LEFT}` : "";
  const able = withFeatures && features.size > 0 ? `;${FEATURES}${[...features].sort().join("+")}` : "";
  return `${nick};${location ?? NOT_SERVING}${left}${able}`;
}

/** Every entry that can be read; the others are skipped. */
export function parsePeerlist(line: string): readonly ListedPeer[] {
  return line.split(",").flatMap((entry) => parsePeer(entry.trim()));
}

function parsePeer(entry: string): readonly ListedPeer[] {
  const [nick = "", location = "", ...marks] = entry.split(";");
  if (!isNick(nick) || marks.length > 2) return [];
  const isServing = location !== NOT_SERVING;
  if (isServing && !isLocation(location)) return [];
  const features = new Set<string>();
  let hasLeft = false;
  for (const mark of marks) {
    if (mark === LEFT) hasLeft = true;
    else if (mark.startsWith(FEATURES)) {
      const names = mark.slice(FEATURES.length).split("+", FEATURES_MAX);
      for (const name of names) if (FEATURE.test(name)) features.add(name);
    } else return [];
  }
  return [{ nick, location: isServing ? location : undefined, hasLeft, features }];
}
