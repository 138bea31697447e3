import { expect, it } from "vitest";
import { Heeded } from "./heeded.ts";

it("lets through what we act on, with tags, senders and in small letters too", () => {
  const heeded = new Heeded();
  const lines = [
    "PING :x",
    ":a!b@c PRIVMSG #room :hello",
    "@time=1;x=y :a!b@c privmsg J5x :hello",
    ":irc.test 433 * J5x :in use",
    ":irc.test 005 J5x NETWORK=Small :are supported",
    "CAP * LS :sasl",
    ":irc.test 903 J5x :ok",
    "ERROR :gone",
  ];

  expect(lines.filter((line) => !heeded.takes(line))).toEqual([]);
});

it("leaves out lists that nobody asked for, and what is no line", () => {
  const heeded = new Heeded();
  const lines = [
    ":irc.test 353 J5x = #room :a b c",
    ":irc.test 372 J5x :a greeting",
    ":irc.test 311 J5x a b c * :d",
    "BATCH +x netsplit",
    ":a NOTICE J5x :PRIVMSG",
    ":a!b@c TAGMSG J5x",
    "",
    ":",
    ":irc.test",
    "@tags",
    "  PRIVMSG",
    "PRIVMSGS x",
  ];

  expect(lines.filter((line) => heeded.takes(line))).toEqual([]);
});

it("hears a server's greeting to its end, and not again and again", () => {
  const heeded = new Heeded();
  const taken = Array.from({ length: 1_000 }, (_, at) =>
    heeded.takes(`:irc.test 005 J5x A${at}=1 :are supported`),
  );

  expect(taken.filter(Boolean)).toHaveLength(100);
  expect(heeded.takes(":a!b@c PRIVMSG J5x :still heard")).toBe(true);
});
