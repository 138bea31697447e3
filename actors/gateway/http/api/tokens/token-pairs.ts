/** The tokens of those who have opened the wallet: each login has keys of its own, all die when the wallet is locked. */
import type { Clock } from "../../../../../runtime/clock.ts";
import { readToken, signToken } from "./jwt.ts";

export interface TokenPair {
  readonly token: string;
  readonly token_type: "bearer";
  readonly expires_in: number;
  readonly scope: string;
  readonly refresh_token: string;
}

export type TokenFault = "expired" | "invalid" | "scope";

const ACCESS_SECONDS = 1_800;
const REFRESH_SECONDS = 14_400;
/** Clocks of clients may be so far from ours. */
const LEEWAY_SECONDS = 10;
/** A client whose answer was lost may show its old refresh token once more for so long. */
const GRACE_MS = 120_000;
/** Browsers with the wallet open at the same time; one more ends the one that has been quiet longest. */
const LOGINS_MAX = 32;

/** One browser, or whatever opened the wallet. */
interface Login {
  readonly accessKey: string;
  refreshKey: string;
  /** The refresh key before this one. */
  former: { readonly key: string; readonly untilMs: number } | undefined;
}

/** What a token says that it is for: the name in base64, so that it holds no space. */
export function scopeOf(walletName: string): string {
  return `walletrpc ${Buffer.from(walletName, "utf8").toString("base64")}`;
}

export class TokenPairs {
  readonly #clock: Clock;
  /** Random text of 32 hexadecimal digits. */
  readonly #newKey: () => string;
  /** In the order of their last use. */
  readonly #logins = new Set<Login>();
  #scope: string | undefined;

  constructor(clock: Clock, newKey: () => string) {
    this.#clock = clock;
    this.#newKey = newKey;
  }

  /** For one more login to this wallet. The tokens of another wallet die. */
  issue(walletName: string): TokenPair {
    const scope = scopeOf(walletName);
    if (scope !== this.#scope) this.reset();
    this.#scope = scope;
    const login = { accessKey: this.#newKey(), refreshKey: this.#newKey(), former: undefined };
    this.#logins.add(login);
    const [oldest] = this.#logins;
    if (this.#logins.size > LOGINS_MAX && oldest !== undefined) this.#logins.delete(oldest);
    return this.#pairOf(login, scope);
  }

  /** Every token is dead. */
  reset(): void {
    this.#logins.clear();
    this.#scope = undefined;
  }

  /** What is wrong with an access token, or nothing. */
  faultOf(token: string): TokenFault | undefined {
    const login = this.#loginOf(token);
    if (login === undefined) return "invalid";
    const claims = readToken(token, login.accessKey);
    if (claims === undefined) return "invalid";
    if (this.#isExpired(claims.exp)) return "expired";
    return this.#covers(claims.scope) ? undefined : "scope";
  }

  /** A new pair for a refresh token that is good, beside the access token, which may have expired, of the same login. */
  refresh(accessToken: string, refreshToken: string): TokenPair | undefined {
    const login = this.#loginOf(accessToken);
    const scope = this.#scope;
    if (login === undefined || scope === undefined || !this.#isRefresh(login, refreshToken)) return undefined;
    const isCurrent = readToken(refreshToken, login.refreshKey) !== undefined;
    // A repeated old token gets another pair, and does not prolong its own life.
    if (isCurrent) login.former = { key: login.refreshKey, untilMs: this.#clock.monotonicMs() + GRACE_MS };
    login.refreshKey = this.#newKey();
    return this.#pairOf(login, scope);
  }

  #isRefresh(login: Login, token: string): boolean {
    const { former } = login;
    const claims =
      readToken(token, login.refreshKey) ??
      (former !== undefined && this.#clock.monotonicMs() < former.untilMs
        ? readToken(token, former.key)
        : undefined);
    return claims !== undefined && !this.#isExpired(claims.exp) && this.#covers(claims.scope);
  }

  #loginOf(accessToken: string): Login | undefined {
    for (const login of this.#logins) {
      if (readToken(accessToken, login.accessKey) === undefined) continue;
      this.#logins.delete(login);
      this.#logins.add(login);
      return login;
    }
    return undefined;
  }

  /** A scope is a set: the order of its words says nothing. */
  #covers(given: string): boolean {
    const words = new Set(given.split(" "));
    return this.#scope?.split(" ").every((word) => words.has(word)) ?? false;
  }

  #isExpired(exp: number): boolean {
    return this.#clock.now() / 1000 > exp + LEEWAY_SECONDS;
  }

  #pairOf(login: Login, scope: string): TokenPair {
    const nowS = Math.floor(this.#clock.now() / 1000);
    return {
      token: signToken({ exp: nowS + ACCESS_SECONDS, scope }, login.accessKey),
      token_type: "bearer",
      expires_in: ACCESS_SECONDS,
      scope,
      refresh_token: signToken({ exp: nowS + REFRESH_SECONDS, scope }, login.refreshKey),
    };
  }
}
