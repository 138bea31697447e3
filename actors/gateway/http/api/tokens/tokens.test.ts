import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../../runtime/clock.ts";
import { readToken, signToken } from "./jwt.ts";
import { scopeOf, TokenPairs } from "./token-pairs.ts";

const KEY = "000102030405060708090a0b0c0d0e0f";
const CLAIMS = { exp: 1_700_001_800, scope: "walletrpc cmVjLmptZGF0" };
const TOKEN =
  "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE3MDAwMDE4MDAsInNjb3BlIjoid2FsbGV0cnBjIGNtVmpMbXB0WkdGMCJ9.OHlp1Fc_4zrXfps0Lt3JFnAP6T2ZYzlDZYvTsGhqrLw";

describe("a token", () => {
  it("is JoinMarket's, bit for bit", () => {
    expect(signToken(CLAIMS, KEY)).toBe(TOKEN);
    expect(readToken(TOKEN, KEY)).toEqual(CLAIMS);
    expect(scopeOf("rec.jmdat")).toBe(CLAIMS.scope);
  });

  it.each([
    ["another key", TOKEN, "f".repeat(32)],
    ["the bytes of the key instead of its text", TOKEN, Buffer.from(KEY, "hex").toString("latin1")],
    ["a changed claim", TOKEN.replace("eyJleHAiOjE3", "eyJleHAiOjI3"), KEY],
    ["a shortened signature", TOKEN.slice(0, -4), KEY],
    ["no signature", TOKEN.slice(0, TOKEN.lastIndexOf(".") + 1), KEY],
    ["a fourth part", `${TOKEN}.`, KEY],
    ["the algorithm none", `${btoa('{"alg":"none","typ":"JWT"}')}.${TOKEN.split(".")[1]}.`, KEY],
    ["no token at all", "x", KEY],
    ["nothing", "", KEY],
  ])("is refused with %s", (_what, token, key) => {
    expect(readToken(token, key)).toBeUndefined();
  });

  it("with claims that we do not make is refused even when the key has signed it", () => {
    expect(readToken(signToken({ exp: 1.5, scope: "x" }, KEY), KEY)).toBeUndefined();
  });
});

function pairs() {
  const clock = new ManualClock(1_700_000_000_000);
  let made = 0;
  return { clock, tokens: new TokenPairs(clock, () => String(made++).padStart(32, "0")) };
}

describe("a pair of tokens", () => {
  it("lives 1800 and 14400 seconds, with 10 seconds for clocks that differ", () => {
    const { clock, tokens } = pairs();
    const pair = tokens.issue("rec.jmdat");
    expect(pair).toMatchObject({ token_type: "bearer", expires_in: 1_800, scope: CLAIMS.scope });

    clock.advance(1_810_000);
    expect(tokens.faultOf(pair.token)).toBeUndefined();
    clock.advance(1_000);
    expect(tokens.faultOf(pair.token)).toBe("expired");

    clock.advance(14_410_000 - 1_811_000);
    const second = tokens.refresh(pair.token, pair.refresh_token);
    expect(second).toBeDefined();
    clock.advance(14_411_000);
    expect(tokens.refresh(pair.token, second?.refresh_token ?? "")).toBeUndefined();
  });

  it("is renewed with its access token although that has expired, and that one stays good until it expires", () => {
    const { clock, tokens } = pairs();
    const pair = tokens.issue("rec.jmdat");
    const second = tokens.refresh(pair.token, pair.refresh_token);
    expect(tokens.faultOf(pair.token)).toBeUndefined();
    expect(tokens.faultOf(second?.token ?? "")).toBeUndefined();

    clock.advance(3_600_000);
    expect(tokens.faultOf(pair.token)).toBe("expired");
    expect(tokens.refresh(pair.token, second?.refresh_token ?? "")).toBeDefined();
  });

  it("is not renewed by a refresh token that was exchanged two minutes ago, nor by an access token", () => {
    const { clock, tokens } = pairs();
    const pair = tokens.issue("rec.jmdat");
    tokens.refresh(pair.token, pair.refresh_token);

    expect(tokens.refresh(pair.token, pair.token)).toBeUndefined();
    clock.advance(119_999);
    const answerWasLost = tokens.refresh(pair.token, pair.refresh_token);
    expect(answerWasLost).toBeDefined();
    clock.advance(1);
    expect(tokens.refresh(pair.token, pair.refresh_token)).toBeUndefined();
    expect(tokens.refresh(pair.token, answerWasLost?.refresh_token ?? "")).toBeDefined();
  });

  it("covers a wallet by its set of words, whatever stands beside them and in which order", () => {
    const { tokens } = pairs();
    const { scope } = tokens.issue("rec.jmdat");
    const [first, second] = scope.split(" ");
    const withScope = (text: string) => signToken({ exp: 1_700_000_100, scope: text }, "0".repeat(32));

    expect(tokens.faultOf(withScope(`${second} more ${first}`))).toBeUndefined();
    expect(tokens.faultOf(withScope(`${first} ${scopeOf("other.jmdat").split(" ")[1]}`))).toBe("scope");
  });

  it("of one browser does not end another's", () => {
    const { tokens } = pairs();
    const one = tokens.issue("rec.jmdat");
    const other = tokens.issue("rec.jmdat");

    expect(tokens.refresh(other.token, one.refresh_token)).toBeUndefined();
    expect(tokens.refresh(one.token, one.refresh_token)).toBeDefined();
    expect(tokens.refresh(other.token, other.refresh_token)).toBeDefined();
  });

  it("dies when the wallet is locked, and when another is opened, whose scope does not name the first", () => {
    const { tokens } = pairs();
    const first = tokens.issue("rec.jmdat");
    const second = tokens.issue("other.jmdat");
    expect(tokens.faultOf(first.token)).toBe("invalid");
    expect(tokens.refresh(first.token, first.refresh_token)).toBeUndefined();
    expect(second.scope).not.toContain(Buffer.from("rec.jmdat").toString("base64"));

    tokens.reset();
    expect(tokens.faultOf(second.token)).toBe("invalid");
  });

  it("of the browser that was quiet longest makes room for a 33rd", () => {
    const { tokens } = pairs();
    const made = Array.from({ length: 32 }, () => tokens.issue("rec.jmdat"));
    expect(tokens.faultOf(made[0]?.token ?? "")).toBeUndefined();

    tokens.issue("rec.jmdat");

    expect(tokens.faultOf(made[0]?.token ?? "")).toBeUndefined();
    expect(tokens.faultOf(made[1]?.token ?? "")).toBe("invalid");
  });
});
