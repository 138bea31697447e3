import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { readVectors } from "../../../tests/harness/data/vectors.ts";
import { privateLines, publicLines, Reassembly } from "./chunks.ts";
import { roomOf } from "./irc-channel.ts";
import { Pace } from "./pace.ts";

interface Vectors {
  readonly onionLines: readonly { line: string }[];
  readonly irc: {
    channel: string;
    privateLineLengths: readonly number[];
    offer: string;
    offers: number;
    publicLineLengths: readonly number[];
  };
}
const { irc, onionLines } = readVectors<Vectors>("joinmarket-channels");
const NICK = "J53GrFMf6hUfdopy";
const textOf = (line: string) => line.slice(line.indexOf(" :") + 2);

const message = fc
  .tuple(fc.stringMatching(/^[a-z0-9]{2,11}$/), fc.stringMatching(/^[!-}][ -}]{0,5000}[!-}]$/))
  .map(([command, rest]) => `${command} ${rest}`);

describe("lines of IRC", () => {
  it("cut a private message where the peers cut it", () => {
    const auth = onionLines
      .map(({ line }) => line.split("!").slice(2).join("!"))
      .find((text) => text.startsWith("auth"));
    const lines = privateLines(NICK, auth ?? "");
    expect(lines.map(({ length }) => length)).toEqual(irc.privateLineLengths);
    expect(lines.map((line) => line.slice(-2))).toEqual([" ;", " ~"]);
  });

  it("hold as many offers as fit", () => {
    const offers = Array.from({ length: irc.offers }, (_, oid) => irc.offer.replace("{oid}", String(oid)));
    const lines = publicLines(irc.channel, offers);
    expect(lines.map(({ length }) => length)).toEqual(irc.publicLineLengths);
    expect(lines.map((line) => line.slice(-2))).toEqual([" ~", " ~"]);
    expect(publicLines(irc.channel, ["orderbook"])).toEqual([`PRIVMSG ${irc.channel} :!orderbook`]);
    expect(publicLines(irc.channel, ["hp2 ab", offers[0] ?? "", "cancel 1"])).toHaveLength(3);
  });

  it("are never too long, and put together again they are what was said", () => {
    fc.assert(
      fc.property(message, (text) => {
        const pieces = new Reassembly(new ManualClock());
        const lines = privateLines(NICK, text);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(450);
        const heard = lines.map((line) => pieces.add("x", textOf(line)));
        expect(heard.slice(0, -1).every((part) => part === undefined)).toBe(true);
        expect(heard.at(-1)).toBe(text);
      }),
    );
  });

  it("of several senders never mix, however they come", () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 2, maxLength: 5 }),
        fc.infiniteStream(fc.nat()),
        (texts, choices) => {
          const pieces = new Reassembly(new ManualClock());
          const waiting = texts.map((text, at) => ({
            sender: `s${at}`,
            text,
            lines: [...privateLines(NICK, text)],
          }));
          const heard = new Map<string, string>();
          while (waiting.some(({ lines }) => lines.length > 0)) {
            const open = waiting.filter(({ lines }) => lines.length > 0);
            const from = open[(choices.next().value ?? 0) % open.length];
            const whole = pieces.add(from?.sender ?? "", textOf(from?.lines.shift() ?? ""));
            if (whole !== undefined) heard.set(from?.sender ?? "", whole);
          }
          expect([...heard.values()].sort()).toEqual([...texts].sort());
        },
      ),
    );
  });

  it("without a mark at the end, without a beginning, too many or too late are dropped", () => {
    const clock = new ManualClock();
    const pieces = new Reassembly(clock);
    pieces.add("a", "!fill 0 ;");
    expect(pieces.add("a", "no mark")).toBeUndefined();
    expect(pieces.add("a", "1 ~")).toBeUndefined();
    pieces.add("b", "!fill 0 ;");
    clock.advance(60_000);
    expect(pieces.add("b", "1 ~")).toBeUndefined();
    pieces.add("c", "!x ;");
    for (let at = 0; at < 1_000; at++) pieces.add("c", `${"y".repeat(400)} ;`);
    expect(pieces.add("c", "end ~")).toBeUndefined();
    pieces.add("first", "!fill 0 ;");
    for (let at = 0; at < 500; at++) pieces.add(`crowd${at}`, "!fill 0 ;");
    expect(pieces.add("first", "1 ~")).toBeUndefined();
    expect(pieces.add("crowd499", "1 ~")).toBe("fill 01");
  });

  it("of any form at all never throw", () => {
    const pieces = new Reassembly(new ManualClock());
    fc.assert(fc.property(fc.string(), fc.string(), (sender, text) => void pieces.add(sender, text)));
  });

  it("leave one after another, at most so many wait, and none after the end", () => {
    const clock = new ManualClock();
    const left: string[] = [];
    const pace = new Pace(clock, 1_300, (line) => left.push(line));
    pace.send(["1", "2", "3"]);
    expect(left).toEqual(["1"]);
    clock.advance(1_299);
    expect(left).toEqual(["1"]);
    clock.advance(1);
    expect(left).toEqual(["1", "2"]);
    expect(pace.send(Array.from({ length: 1_500 }, () => "x"))).toBe(false);
    pace.clear();
    clock.advance(10_000);
    expect(left).toEqual(["1", "2"]);
  });

  it("go to the room of their network", () => {
    expect(["mainnet", "signet", "testnet4", "regtest"].map(roomOf)).toEqual([
      "#joinmarket-pit",
      "#joinmarket-pit-sig",
      "#joinmarket-pit-test",
      "#joinmarket-pit-test",
    ]);
  });
});
