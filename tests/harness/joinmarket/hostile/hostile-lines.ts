/** What strangers may put on the market's wires: nearly right lines of IRC and of a directory, and plain nonsense. */
import type { NickIdentity } from "../../../../joinmarket/nick/identity.ts";
import { signPrivate } from "../../../../joinmarket/nick/signed-message.ts";
import type { Chance } from "../../electrum/hostile-input.ts";

const COMMANDS = [
  "orderbook",
  "cancel 0",
  "sw0reloffer 0 27300 100000000 0 0.00002",
  "sw0absoffer 1 27300 100000000 0 250!tbond AAAA",
  "hp2 ".concat("ab".repeat(32)),
  `fill 0 100000 ${"cd".repeat(32)} P${"ef".repeat(32)}`,
  "auth AAAA",
  "tx AAAA",
  "",
  "!",
  "!!",
  "error ",
  "x".repeat(400),
];
const NUMERICS = ["001", "005", "332", "353", "366", "372", "421", "433x", "999"];

/** A line of an IRC server, from one of `strangers` to `ours`. Nothing that rightly ends the connection. */
export function hostileIrcLine(chance: Chance, strangers: readonly NickIdentity[], ours: string): string {
  const stranger = chance.one(strangers);
  const from = `${chance.below(20) === 0 ? noise(chance, 20) : stranger.nick}!u@h`;
  const target = chance.one([ours, "#joinmarket-pit-test", "#other", noise(chance, 8)]);
  const tags = chance.below(10) === 0 ? `@${noise(chance, 30)} ` : "";
  const kind = chance.below(12);
  if (kind === 0) return noise(chance, 600);
  if (kind === 1) return `:irc.small.test ${chance.one(NUMERICS)} ${ours} ${noise(chance, 60)}`;
  if (kind === 2)
    return `${tags}:${from} ${chance.one(["JOIN", "PART", "QUIT", "NICK", "AWAY"])} :${noise(chance, 30)}`;
  if (kind === 3)
    return `:${from} PRIVMSG ${target} :\u0001${chance.one(["VERSION", "PING 1", "ACTION"])}\u0001`;
  if (kind === 4)
    return `:${from} ${chance.one(["NOTICE", "TAGMSG", "BATCH", "CAP", "MODE"])} ${noise(chance, 40)}`;
  return `${tags}:${from} PRIVMSG ${target} :${changed(chance, message(chance, stranger))}${chance.one([" ~", " ;", "", "~", ";"])}`;
}

function message(chance: Chance, stranger: NickIdentity): string {
  const command = chance.one(COMMANDS);
  if (chance.below(3) > 0 || !/^\S+ \S/.test(command)) return `!${command}`;
  return `!${signPrivate(stranger, command, chance.one(["SmallNet", "onion-network", "smallnet"]))}`;
}

const TYPES = [685, 687, 789, 791, 793, 795, 797, 798, 799, 801, 803, 805, 807, 0, -1];

/** What is no line ends the connection: more of it, and nobody would stay long enough to say anything else. */
const BROKEN_ONE_IN = 40;

/** Bytes for a directory: mostly one line, from a bot called `nick`. */
export function hostileFrame(chance: Chance, nick: string, others: readonly string[]): Buffer {
  const kind = chance.below(BROKEN_ONE_IN) === 0 ? chance.below(5) : undefined;
  if (kind === 0) return chance.bytes(chance.below(200));
  if (kind === 1) return Buffer.from(`${"[".repeat(chance.below(2_000))}\r\n`);
  if (kind === 2) return Buffer.from(`{"type":685,"line":"${"x".repeat(chance.below(45_000))}"}\r\n`);
  if (kind === 3) return Buffer.from(`{"type":${noise(chance, 5)},"line":${noise(chance, 30)}}\r\n`);
  if (kind === 4) return Buffer.from(`{"type":${chance.one(["1e99", "0.5", '"685"'])},"line":"PUBLIC"}\r\n`);
  const to = chance.one([...others, "PUBLIC", nick, noise(chance, 16)]);
  const from = chance.below(8) === 0 ? chance.one(others) : nick;
  const text = changed(chance, `${from}!${to}!${chance.one(COMMANDS)}`);
  const line = chance.below(6) === 0 ? noise(chance, 100) : text;
  const bytes = Buffer.from(
    `${JSON.stringify({ type: chance.one(TYPES), line })}${chance.one(["\r\n", "\n"])}`,
  );
  if (chance.below(BROKEN_ONE_IN) === 0) bytes[chance.below(bytes.length)] = chance.below(256);
  return chance.below(4 * BROKEN_ONE_IN) === 0 ? bytes.subarray(0, chance.below(bytes.length)) : bytes;
}

/** Sometimes one letter of it is another, or missing, or there are many. */
function changed(chance: Chance, text: string): string {
  if (chance.below(3) > 0 || text === "") return text;
  const at = chance.below(text.length);
  const put = chance.one(["", " ", "!", "~", ";", "\u0000", "é", "0".repeat(300), noise(chance, 4)]);
  return text.slice(0, at) + put + text.slice(at + 1);
}

/** Printable for the most part, on one line. */
function noise(chance: Chance, lengthMax: number): string {
  const codes = Array.from({ length: chance.below(lengthMax + 1) }, () =>
    chance.below(12) === 0 ? chance.below(0x300) : 32 + chance.below(95),
  );
  return String.fromCharCode(...codes).replace(/[\r\n]/g, " ");
}
