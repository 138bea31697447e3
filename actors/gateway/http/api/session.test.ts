import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../../runtime/clock.ts";
import { WalletDoor, WORDS } from "../../../../tests/harness/gateway/wallet-door.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";

let door: WalletDoor;
beforeEach(async () => {
  door = await WalletDoor.start();
});
afterEach(() => door.stop());

const PASSWORD = { password: "hunter2" };
const NOBODY = {
  session: false,
  maker_running: false,
  coinjoin_in_process: false,
  schedule: null,
  wallet_name: "None",
  offer_list: null,
  nickname: null,
  rescanning: false,
  block_height: null,
  descriptor_wallet_name: null,
};
const INVALID =
  'Bearer, error="invalid_token", error_description="The access token provided is revoked, malformed, or invalid for other reasons."';

describe("before anybody has logged in", () => {
  it("the version is one that clients take for a modern one", async () => {
    const { status, json } = await door.ask("/getinfo");
    expect(status).toBe(200);
    expect(json.version).toBe("0.9.12");
  });

  it("the session says that nothing is open", async () => {
    expect((await door.ask("/session")).json).toEqual(NOBODY);
  });

  it("a bad token is told although the session needs none", async () => {
    const { status, headers } = await door.ask("/session", { token: "x" });
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toBe(INVALID);
  });

  it.each(["/wallet/rec.jmdat/display", "/wallet/rec.jmdat/lock", "/logs", "/jam/api/v0/features"])(
    "%s wants a token",
    async (path) => {
      const { status, text, headers } = await door.ask(path);
      expect(status).toBe(401);
      expect(text).toBe("");
      expect(headers["content-type"]).toMatch(/^text\/html/);
      expect(headers["www-authenticate"]).toBe(INVALID);
    },
  );
});

describe("making a wallet", () => {
  it("answers 201 with its words and tokens that open it", async () => {
    const body = { walletname: "rec.jmdat", ...PASSWORD, wallettype: "sw-fb" };
    const { status, json } = await door.ask("/wallet/create", { body });
    expect(status).toBe(201);
    expect(json).toEqual({
      walletname: "rec.jmdat",
      seedphrase: WORDS,
      token: expect.any(String),
      token_type: "bearer",
      expires_in: 1_800,
      scope: "walletrpc cmVjLmptZGF0",
      refresh_token: expect.any(String),
    });
    expect((await door.ask("/session", { token: json.token })).json).toEqual({
      ...NOBODY,
      session: true,
      wallet_name: "rec.jmdat",
      block_height: 121,
    });
    expect((await door.ask("/wallet/all")).json).toEqual({ wallets: ["rec.jmdat"] });
  });

  it("from words answers 201 as well, and 400 when they are none", async () => {
    const body = { walletname: "old.jmdat", ...PASSWORD, wallettype: "sw", seedphrase: "one two" };
    expect((await door.ask("/wallet/recover", { body })).status).toBe(400);
    const { status, json } = await door.ask("/wallet/recover", { body: { ...body, seedphrase: WORDS } });
    expect(status).toBe(201);
    expect(json).toMatchObject({ walletname: "old.jmdat", seedphrase: WORDS });
  });

  it("is refused with 401 while one is open, without telling the client to log out", async () => {
    await door.create();
    const body = { walletname: "two.jmdat", ...PASSWORD, wallettype: "sw-fb" };
    const { status, json, headers } = await door.ask("/wallet/create", { body });
    expect(status).toBe(401);
    expect(json).toEqual({ message: "Wallet already unlocked." });
    expect(headers["www-authenticate"]).toBe('Bearer, error="service_state"');
  });

  it("is refused with 409 when there is one of that name", async () => {
    door.hold("rec.jmdat");
    const body = { walletname: "rec.jmdat", ...PASSWORD, wallettype: "sw-fb" };
    const { status, json } = await door.ask("/wallet/create", { body });
    expect(status).toBe(409);
    expect(json).toMatchObject({ message: "Wallet file cannot be overwritten." });
  });

  const named = (walletname: string) => ({ walletname, ...PASSWORD, wallettype: "sw-fb" });
  it.each<readonly [string, object]>([
    ["a type that is none", { ...named("a.jmdat"), wallettype: "sw-old" }],
    ["no type", { walletname: "a.jmdat", ...PASSWORD }],
    ["no password", { walletname: "a.jmdat", wallettype: "sw" }],
    ["a password that is no text", { ...named("a.jmdat"), password: 5 }],
    ["the name of a path", named("../x.jmdat")],
    ["the name of a folder", named("a/b.jmdat")],
    ["an empty name", named("")],
    ["the name .", named(".")],
    ["the name ..", named("..")],
    ["a name of nothing but its ending", named(".jmdat")],
    ["a name that begins with a dot", named("..jmdat")],
    ["a name with a zero character", named("a\0.jmdat")],
    ["a name with a backslash", named("a\\b.jmdat")],
    ["a name without its ending", named("a")],
  ])("is refused with 400 for %s", async (_what, body) => {
    const { status, json } = await door.ask("/wallet/create", { body });
    expect(status).toBe(400);
    expect(json.message).toBe("Invalid request format.");
    expect(door.walletd.calls).toEqual([]);
  });
});

describe("opening and closing", () => {
  beforeEach(() => door.hold("rec.jmdat"));

  it("needs the password, and another does no harm", async () => {
    const wrong = await door.unlock("rec.jmdat", "hunter3");
    expect(wrong.status).toBe(401);
    expect(wrong.json).toMatchObject({ message: "Invalid credentials." });
    expect(wrong.headers["www-authenticate"]).toContain("service_state");

    const { status, json } = await door.unlock();
    expect(status).toBe(200);
    expect(json).toMatchObject({ walletname: "rec.jmdat", scope: "walletrpc cmVjLmptZGF0" });
    expect((await door.unlock("rec.jmdat", "hunter3")).status).toBe(401);
    expect((await door.ask("/session", { token: json.token })).json.session).toBe(true);
  });

  it("of one that is open already leaves the tokens of before good", async () => {
    const first = (await door.unlock()).json;
    const second = (await door.unlock()).json;
    for (const { token } of [first, second]) expect((await door.ask("/session", { token })).status).toBe(200);
    expect((await door.ask("/wallet/rec.jmdat/utxos", { token: first.token })).status).toBe(200);
  });

  it("of another closes the first, whose tokens and name are gone", async () => {
    door.hold("other.jmdat");
    const first = (await door.unlock()).json;
    const second = (await door.unlock("other.jmdat")).json;
    expect(second.scope).toBe(`walletrpc ${Buffer.from("other.jmdat").toString("base64")}`);
    expect((await door.ask("/session", { token: first.token })).status).toBe(401);
    expect(door.wallets.get("rec.jmdat")?.sessions.size).toBe(0);
    expect((await door.ask("/session", { token: second.token })).json.wallet_name).toBe("other.jmdat");
  });

  it("of another that fails leaves the first open", async () => {
    door.hold("other.jmdat");
    const { token } = (await door.unlock()).json;
    expect((await door.unlock("other.jmdat", "wrong")).status).toBe(401);
    expect((await door.ask("/session", { token })).json.wallet_name).toBe("rec.jmdat");
  });

  it("waits until the wallet knows its coins, because the first answer is believed", async () => {
    door.isKnown = false;
    const asked = door.unlock();
    const statuses = () => door.walletd.calls.filter(({ method }) => method === "status").length;
    while (statuses() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    door.isKnown = true;
    expect((await asked).status).toBe(200);
  });

  it.each([
    ["404", "none.jmdat"],
    ["400", "none"],
    ["400", "..%2Frec.jmdat"],
    ["400", "%2e%2e"],
  ])("answers %s for the wallet %s", async (status, name) => {
    const answer = await door.ask(`/wallet/${name}/unlock`, { body: PASSWORD });
    expect(String(answer.status)).toBe(status);
  });

  it("takes a name that was encoded twice", async () => {
    door.hold("my wallet.jmdat");
    expect((await door.ask("/wallet/my%2520wallet.jmdat/unlock", { body: PASSWORD })).status).toBe(200);
  });

  it("prefers a name that has a percent sign to what it could be decoded to", async () => {
    door.hold("100%25.jmdat");
    door.hold("100%.jmdat");
    const { json } = await door.ask("/wallet/100%2525.jmdat/unlock", { body: PASSWORD });
    expect(json.walletname).toBe("100%25.jmdat");
  });

  it("by lock ends every token; a second lock is told that", async () => {
    const { token } = (await door.unlock()).json;
    const first = await door.ask("/wallet/rec.jmdat/lock", { token });
    expect(first.status).toBe(200);
    expect(first.json).toEqual({ walletname: "rec.jmdat", already_locked: false });
    expect((await door.ask("/session")).json).toEqual(NOBODY);
    expect((await door.ask("/session", { token })).status).toBe(401);
    expect((await door.ask("/wallet/rec.jmdat/lock", { token })).status).toBe(401);
  });

  it("elsewhere is seen here: by what walletd tells, and by what it answers", async () => {
    const first = (await door.unlock()).json;
    door.lockElsewhere("rec.jmdat");
    expect((await door.ask("/wallet/rec.jmdat/utxos", { token: first.token })).status).toBe(401);
    expect((await door.ask("/session")).json).toEqual(NOBODY);

    const second = (await door.unlock()).json;
    door.lockElsewhere("rec.jmdat");
    expect((await door.ask("/session")).json).toEqual(NOBODY);
    expect((await door.ask("/session", { token: second.token })).status).toBe(401);

    const third = (await door.unlock()).json;
    // Asks walletd nothing.
    const features = async () => (await door.ask("/jam/api/v0/features", { token: third.token })).status;
    expect(await features()).toBe(200);
    door.lockElsewhere("rec.jmdat");
    door.walletd.publisher.event("wallet.locked", { wallet: "rec.jmdat", why: "idle" });
    await waitFor("the news", async () => (await features()) === 401);
    expect((await door.ask("/session")).json).toEqual(NOBODY);
  });

  it("and opened again is not closed by late news of the locking", async () => {
    const { token } = (await door.unlock()).json;
    const asked = () => door.walletd.calls.filter(({ method }) => method === "status").length;
    const before = asked();
    door.walletd.publisher.event("wallet.locked", { wallet: "rec.jmdat", why: "asked" });
    await waitFor("the question whether it is open", () => asked() > before);
    expect((await door.ask("/session", { token })).json).toMatchObject({ session: true });
  });

  it("while walletd is away is answered with 503", async () => {
    const { token } = (await door.unlock()).json;
    await door.walletd.stop();
    for (const answer of [
      await door.unlock(),
      await door.ask("/wallet/all"),
      await door.ask("/wallet/rec.jmdat/utxos", { token }),
    ]) {
      expect(answer.status).toBe(503);
      expect(answer.json).toMatchObject({ message: "Backend daemon not available" });
    }
  });
});

describe("tokens", () => {
  it("are taken from either header, and JAM's own one counts", async () => {
    const { token } = await door.create();
    const asked = async (headers: Record<string, string>) =>
      (await door.ask("/wallet/rec.jmdat/utxos", { headers })).status;
    expect(await asked({ authorization: `Bearer ${token}` })).toBe(200);
    expect(await asked({ "x-jm-authorization": `Bearer ${token}` })).toBe(200);
    expect(await asked({ "x-jm-authorization": `Bearer ${token}`, authorization: "Basic eDp5" })).toBe(200);
    expect(await asked({ "x-jm-authorization": "Bearer x", authorization: `Bearer ${token}` })).toBe(401);
    expect(await asked({ authorization: token })).toBe(401);
  });

  it("expire after half an hour, are renewed, and the old refresh token is worth nothing after its grace", async () => {
    const clock = new ManualClock();
    const timed = await WalletDoor.start({ clock });
    try {
      const { token, refresh_token } = await timed.create();
      const renew = (given: string, refresh: string) =>
        timed.ask("/token", {
          token: given,
          body: { grant_type: "refresh_token", refresh_token: refresh },
        });
      clock.advance(1_811_000);
      const expired = await timed.ask("/wallet/rec.jmdat/utxos", { token });
      expect(expired.status).toBe(401);
      expect(expired.headers["www-authenticate"]).toBe(
        'Bearer, error="invalid_token", error_description="The access token provided is expired."',
      );

      const { status, json } = await renew(token, refresh_token);
      expect(status).toBe(200);
      expect(json).toMatchObject({ walletname: "rec.jmdat", token_type: "bearer", expires_in: 1_800 });
      expect((await timed.ask("/wallet/rec.jmdat/utxos", { token: json.token })).status).toBe(200);
      clock.advance(120_000);
      const again = await renew(json.token, refresh_token);
      expect(again.status).toBe(400);
      expect(again.json).toMatchObject({ message: "invalid_grant", error_description: expect.any(String) });
    } finally {
      await timed.stop();
    }
  });

  it("are not renewed without the access token, with a foreign one, or by another grant", async () => {
    const { token, refresh_token } = await door.create();
    const body = { grant_type: "refresh_token", refresh_token };
    expect((await door.ask("/token", { body })).status).toBe(401);
    expect((await door.ask("/token", { body, token: "a.b.c" })).status).toBe(401);
    const told = async (given: unknown) => (await door.ask("/token", { body: given, token })).json.message;
    expect(await told({ grant_type: "password", refresh_token })).toBe("unsupported_grant_type");
    expect(await told({ refresh_token })).toBe("invalid_request");
    expect(await told({ grant_type: "refresh_token" })).toBe("invalid_request");
    expect(await told({ grant_type: "refresh_token", refresh_token: "x" })).toBe("invalid_grant");
    expect((await door.ask("/token", { body, token })).status).toBe(200);
  });

  it("do not open a wallet that is not open", async () => {
    const { token } = await door.create();
    const { status, json } = await door.ask("/wallet/other.jmdat/display", { token });
    expect(status).toBe(400);
    expect(json.message).toBe("Invalid request format.");
  });
});
